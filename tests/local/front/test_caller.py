"""Whose signature is whose, besides what the comparison with AWS shows."""

from __future__ import annotations

import json
import uuid
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .behaviours.connections import post
from .chats import TRUST, Chat, Shape, allow, client
from .processes import REGION
from .targets import ChatopsTarget

pytestmark = pytest.mark.e2e


def session(target: ChatopsTarget, resource: str | None) -> list[str]:
    """The keys of a role that was assumed; it may manage the connections that the ARN names, if any."""
    iam, name = client("iam", target.aws), f"role-{uuid.uuid4().hex[:8]}"
    trust = json.loads(json.dumps(TRUST))
    trust["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::000000000000:root"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if resource:
        allow(target.aws, name, "execute-api:ManageConnections", resource)
    keys = client("sts", target.aws).assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    return [keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]]


def arn(chat: Chat, path: str) -> str:
    return f"arn:aws:execute-api:{REGION}:000000000000:{chat.api_id}/demo/{path}"


def test_a_role_that_is_assumed_posts_to_what_its_policy_names(target: ChatopsTarget, chat: Chat) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html"""
    with chat.join() as mine, chat.join() as other:
        keys = session(target, arn(chat, f"POST/@connections/{mine.id}"))
        assert post(chat, mine.id, b"hello", *keys) == "200"
        assert mine.hears() == "hello"
        assert post(chat, other.id, b"hello", *keys) == "403 AccessDeniedException"


def test_a_permission_to_post_is_none_to_ask_or_to_delete(target: ChatopsTarget, chat: Chat) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html"""
    with chat.join() as joined:
        management = chat.management(*session(target, arn(chat, "POST/@connections/*")))
        for call in (management.get_connection, management.delete_connection):
            with pytest.raises(management.exceptions.ClientError, match="is not authorized to perform"):
                call(ConnectionId=joined.id)


def user_with(target: ChatopsTarget, chat: Chat, way: str) -> list[str]:
    """The keys of a new user that may manage a chat's connections in some way, or is kept from it by its boundary."""
    iam, name = client("iam", target.aws), f"user-{uuid.uuid4().hex[:8]}"

    def managed(effect: str) -> str:
        statement = {"Effect": effect, "Action": "execute-api:ManageConnections", "Resource": arn(chat, "*")}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = iam.create_policy(PolicyName=f"{effect}-{uuid.uuid4().hex[:8]}", PolicyDocument=document)
        return str(made["Policy"]["Arn"])

    boundary = {"PermissionsBoundary": managed("Deny")} if way == "attached, but bounded" else {}
    iam.create_user(UserName=name, **boundary)
    if way == "by its group":
        iam.create_group(GroupName=name)
        iam.attach_group_policy(GroupName=name, PolicyArn=managed("Allow"))
        iam.add_user_to_group(GroupName=name, UserName=name)
    else:
        iam.attach_user_policy(UserName=name, PolicyArn=managed("Allow"))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


@pytest.mark.parametrize(
    ("way", "status"), [("attached", "200"), ("by its group", "200"), ("attached, but bounded", "403")]
)
def test_every_kind_of_policy_of_a_user_counts(target: ChatopsTarget, chat: Chat, way: str, status: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"""
    with chat.join() as joined:
        assert post(chat, joined.id, b"hello", *user_with(target, chat, way))[:3] == status


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_each_part_of_a_session_s_keys_has_to_be_right(target: ChatopsTarget, chat: Chat, wrong: int) -> None:
    keys = session(target, arn(chat, "*"))
    keys[wrong] = "ASIA" + "X" * 16 if wrong == 0 else "wrong"
    with chat.join() as joined:
        assert post(chat, joined.id, b"hello", *keys)[:3] == "403"


@pytest.mark.parametrize("wrong", [1, 2])
def test_each_part_of_a_function_s_keys_has_to_be_right(chat: Chat, wrong: int) -> None:
    with chat.join() as joined:
        keys = list(chat.sink.report(joined.id)["keys"])
        assert post(chat, joined.id, b"hello", *keys) == "200"
        keys[wrong] = "wrong"
        assert post(chat, joined.id, b"hello", *keys)[:3] == "403"


def test_a_key_that_names_an_account_is_not_taken_for_its_root(chat: Chat) -> None:
    """MiniStack takes any twelve digits for an account's root key, and checks no signature of it."""
    with chat.join() as joined:
        assert post(chat, joined.id, b"hello", "000000000000", "test")[:3] == "403"


def test_a_message_that_reads_like_a_call_to_aws_is_not_one(target: ChatopsTarget, chat: Chat) -> None:
    """The signature of an IAM user is checked by MiniStack, which must not see what is posted."""
    admin = uuid.uuid4().hex
    iam = client("iam", target.aws)
    iam.create_user(UserName=admin)
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=admin, PolicyName="all", PolicyDocument=document)
    key = iam.create_access_key(UserName=admin)["AccessKey"]
    with chat.join() as joined:
        body = f"Action=CreateUser&UserName=not-{admin}".encode()
        url = f"{chat.connections_url}/@connections/{joined.id.replace('=', '%3D')}?UserName=not-{admin}"
        request = AWSRequest("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, body)
        SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "execute-api", REGION).add_auth(request)
        with urlopen(Request(str(request.url), body, dict(request.headers), method="POST"), timeout=5) as answer:
            assert answer.status == 200
        assert joined.hears() == body.decode()
    assert f"not-{admin}" not in {user["UserName"] for user in iam.list_users()["Users"]}


def test_a_permission_that_is_taken_away_is_gone_within_seconds(target: ChatopsTarget) -> None:
    chat = target.chat(Shape(selection="$request.body.taken_away"))
    with chat.join() as joined:
        keys = chat.sink.report(joined.id)["keys"]
    assert post(chat, joined.id, b"hello", *keys)[:3] == "410"
    client("iam", target.aws).delete_role_policy(RoleName=chat.role, PolicyName="one")
    statuses = (post(chat, joined.id, b"hello", *keys)[:3] for _ in range(5000))
    assert "403" in statuses
