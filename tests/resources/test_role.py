"""The role: what it allows to the letter, and everything else on it is a difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws import STACK_TAG
from chatops.deploy.plan import Action
from chatops.deploy.resource import PLACEHOLDER, Live, Look, Resource
from chatops.resources.role import Grant, role_path

from . import stand
from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    carry_out,
    client_error,
    differing,
    down,
    plan,
    role,
    stand_aws,
    up,
)

NAME = "send-ap-northeast-2"
LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/lambda/send:*",
}
TABLE = "arn:aws:dynamodb:ap-northeast-2:123456789012:table/connections"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def aws(moto: Callable[[], None]) -> StandAws:
    moto()
    return stand_aws()


def exists(live: Mapping[str, Live]) -> Look:
    """What is known of others: these by name, and nothing else."""
    return lambda one: live.get(one.name)


def statements(one: Resource, look: Look) -> list[Any]:
    """What a role allows."""
    policies = one.desired(ScriptedAws(), look)["policies"]
    assert list(policies) == ["chatops"]
    return list(policies["chatops"]["Statement"])


def test_a_role_with_nothing_allowed_may_write_its_own_log_and_no_more() -> None:
    assert statements(replace(role(), allow=()), exists({})) == [LOGS]


def test_an_action_on_the_table_is_limited_to_the_tables_arn() -> None:
    one = replace(role(), allow=("dynamodb:Scan", "dynamodb:DeleteItem"))
    on_table = {"Effect": "Allow", "Action": ["dynamodb:Scan", "dynamodb:DeleteItem"], "Resource": TABLE}
    assert statements(one, exists({})) == [LOGS, on_table]


def test_managing_connections_is_limited_to_posting_to_this_apis_stage() -> None:
    one = replace(role(api=stand.websocket()), allow=("execute-api:ManageConnections",))
    look = exists({"websocket_api.chat": Live({}, {"api_id": "abc123"})})
    posts = "arn:aws:execute-api:ap-northeast-2:123456789012:abc123/demo/POST/@connections/*"
    allowed = {"Effect": "Allow", "Action": ["execute-api:ManageConnections"], "Resource": posts}
    assert statements(one, look) == [LOGS, allowed]


def test_the_api_is_the_placeholder_until_it_exists() -> None:
    one = role(api=stand.websocket())
    assert PLACEHOLDER in statements(one, exists({}))[-1]["Resource"]


def test_a_grant_of_the_users_own_is_a_statement_of_its_own() -> None:
    one = replace(role(), allow=(), grants=(Grant("s3:GetObject", "arn:aws:s3:::mine/*"),))
    granted = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::mine/*"}
    assert statements(one, exists({})) == [LOGS, granted]


def test_only_lambda_may_take_the_role(aws: StandAws) -> None:
    up(aws, role())
    found = aws.client("iam").get_role(RoleName=NAME)["Role"]
    (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_the_name_tells_the_region_and_the_path_the_stack(aws: StandAws) -> None:
    up(aws, role())
    found = aws.client("iam").get_role(RoleName=NAME)["Role"]
    assert found["Path"] == role_path(STACK, "ap-northeast-2") == "/chatops/ap-northeast-2/chat/"
    assert found["Arn"] == role().arn(aws)


def test_a_policy_that_somebody_put_on_the_role_is_a_difference_and_goes(aws: StandAws) -> None:
    up(aws, role())
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=NAME, PolicyName="more", PolicyDocument=json.dumps(ANYTHING))
    assert differing(aws, role()) == ["policies.more"]
    up(aws, role())
    assert iam.list_role_policies(RoleName=NAME)["PolicyNames"] == ["chatops"]
    assert plan(aws, role()).in_sync


def test_a_policy_that_somebody_attached_to_the_role_is_a_difference_and_goes(aws: StandAws) -> None:
    up(aws, role())
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="more", PolicyDocument=json.dumps(ANYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=NAME, PolicyArn=arn)
    assert differing(aws, role()) == ["attached_policies"]
    up(aws, role())
    assert iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"] == []
    assert iam.get_policy(PolicyArn=arn), "the policy itself is not ours to delete"
    assert plan(aws, role()).in_sync


def test_a_broadened_policy_and_trust_are_differences_and_repaired(aws: StandAws) -> None:
    up(aws, role())
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=NAME, PolicyName="chatops", PolicyDocument=json.dumps(ANYTHING))
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=document)
    assert sorted(differing(aws, role())) == ["policies.chatops.Statement", "trust.Statement"]
    up(aws, role())
    assert plan(aws, role()).in_sync


def test_a_policy_that_is_missing_is_a_difference_and_put_back(aws: StandAws) -> None:
    up(aws, role())
    aws.client("iam").delete_role_policy(RoleName=NAME, PolicyName="chatops")
    assert differing(aws, role()) == ["policies.chatops"]
    up(aws, role())
    assert plan(aws, role()).in_sync


def test_a_role_goes_with_all_that_somebody_put_on_it(aws: StandAws) -> None:
    up(aws, role())
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=NAME, PolicyName="more", PolicyDocument=json.dumps(ANYTHING))
    arn = iam.create_policy(PolicyName="more", PolicyDocument=json.dumps(ANYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=NAME, PolicyArn=arn)
    down(aws, role())
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=NAME)


def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    up(aws, role())
    aws.client("iam").tag_role(RoleName=NAME, Tags=[{"Key": "team", "Value": "chat"}])
    assert plan(aws, role()).in_sync
    up(aws, role())
    tags = aws.client("iam").list_role_tags(RoleName=NAME)["Tags"]
    assert {one["Key"]: one["Value"] for one in tags} == {STACK_TAG: STACK, "team": "chat"}


def test_a_function_gets_the_role_that_exists_even_when_it_was_adopted_from_another_path(aws: StandAws) -> None:
    trust = json.dumps(role().desired(aws, exists({}))["trust"])
    aws.client("iam").create_role(RoleName=NAME, Path="/elsewhere/", AssumeRolePolicyDocument=trust)
    adopting = plan(aws, stand.function(), adopt=True)
    if adopting.of(Action.BLOCKED):
        return
    outcome = carry_out(aws, adopting)
    assert not outcome.failed
    found = aws.client("lambda").get_function_configuration(FunctionName="send")
    assert found["Role"] == aws.client("iam").get_role(RoleName=NAME)["Role"]["Arn"]


def test_a_new_role_that_iam_does_not_show_yet_gets_its_policy_as_soon_as_it_does() -> None:
    unknown = client_error("NoSuchEntity", "The role with name send-ap-northeast-2 cannot be found.")
    iam = Scripted(create_role={}, put_role_policy=[unknown, unknown, {}])
    aws = ScriptedAws(iam=iam)
    role().create(aws, role().desired(aws, exists({})), exists({}))
    assert iam.called() == ["create_role", *["put_role_policy"] * 3]


@pytest.mark.parametrize("code", ["DeleteConflict", "ConcurrentModification"])
def test_a_role_that_iam_still_sees_a_policy_on_is_deleted_as_soon_as_it_lets(code: str) -> None:
    iam = Scripted(
        list_attached_role_policies={"AttachedPolicies": []},
        list_role_policies={"PolicyNames": []},
        delete_role=[client_error(code), client_error(code), {}],
    )
    role().delete(ScriptedAws(iam=iam), exists({}))
    assert iam.called("delete_role") == ["delete_role"] * 3


def test_a_role_that_goes_while_it_is_observed_is_not_there() -> None:
    found = {"Role": {"Arn": "arn", "Path": "/", "AssumeRolePolicyDocument": {}}}
    gone = client_error("NoSuchEntity")
    iam = Scripted(get_role=found, list_role_policies=gone, get_role_policy=gone, list_attached_role_policies={})
    assert role().observe(ScriptedAws(iam=iam), exists({})) is None


def test_policies_that_somebody_put_on_the_role_are_among_what_an_update_deletes(aws: StandAws) -> None:
    up(aws, role())
    assert plan(aws, role()).deletions == []
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=NAME, PolicyName="theirs", PolicyDocument=json.dumps(ANYTHING))
    arn = iam.create_policy(PolicyName="deleted-by-none", PolicyDocument=json.dumps(ANYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=NAME, PolicyArn=arn)
    inline, attached = plan(aws, role()).deletions
    assert inline == f"role.{NAME}: the inline policy theirs"
    assert attached == f"role.{NAME}: the attachment of {arn}"
