"""`chatops export`: CloudFormation makes the same chat from the template alone, and takes it away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import pytest
import websockets.sync.client as websockets

from .conftest import REGION, Boto, Chatops

BUCKET, NAME = "exported-code", "exported"


@contextmanager
def cloudformed(chatops: Chatops, boto: Boto) -> Iterator[dict[str, str]]:
    """What the template of the folder's config deploys, by CloudFormation alone; gives the stack's outputs."""
    chatops.local("export", "out")
    folder = chatops.folder / "out"
    s3, formation = boto.client("s3"), boto.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for archive in (folder / "code").iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"chat/{archive.name}", Body=archive.read_bytes())
    formation.create_stack(
        StackName=NAME,
        TemplateBody=(folder / "template.yaml").read_text(),
        Parameters=[
            {"ParameterKey": "CodeBucket", "ParameterValue": BUCKET},
            {"ParameterKey": "CodePrefix", "ParameterValue": "chat/"},
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    try:
        formation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        (stack,) = formation.describe_stacks(StackName=NAME)["Stacks"]
        yield {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    finally:
        formation.delete_stack(StackName=NAME)
        formation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        for archive in (folder / "code").iterdir():
            s3.delete_object(Bucket=BUCKET, Key=f"chat/{archive.name}")
        s3.delete_bucket(Bucket=BUCKET)


def page(url: str) -> str:
    with build_opener(ProxyHandler({})).open(url, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_the_chat_of_the_exported_template_works_and_goes_with_its_stack(chatops: Chatops, boto: Boto) -> None:
    with cloudformed(chatops, boto) as urls:
        assert boto.everything()
        url = urls["WebsocketApiUrl"]
        with (
            websockets.connect(url, open_timeout=20, proxy=None) as first,
            websockets.connect(url, open_timeout=20, proxy=None) as second,
        ):
            first.send(json.dumps({"action": "sendMessage", "message": "안녕 👋"}))
            assert [first.recv(timeout=20), second.recv(timeout=20)] == ["안녕 👋"] * 2
            second.send("ping")
            assert second.recv(timeout=20) == "pong"
        assert url in page(urls["ApiGatewayLambdaUrl"] + "/")
        answer = page(f"{urls['ApiGatewayLambda2Url']}/user/1?title={quote('안녕하세요')}")
        assert answer == '{"id":"1","method":"GET","title":"안녕하세요"}'
        boto.wait_for_runs("websocket-disconnect", 2)
    assert boto.everything() == []


@pytest.mark.slow
def test_what_cloudformation_made_is_not_taken_for_the_stack_of_chatops(chatops: Chatops, boto: Boto) -> None:
    with cloudformed(chatops, boto):
        before = boto.everything()
        assert chatops.run("up", "--local", "--json").code == 1
        assert chatops.local("down").last["deleted"] == []
        assert boto.everything() == before


def test_the_exported_roles_and_functions_are_what_up_makes(chatops: Chatops, boto: Boto) -> None:
    chatops.write_config("http_apis: {}\n")
    with cloudformed(chatops, boto):
        exported = made(boto)
    chatops.local("up")
    assert made(boto) == exported


def made(boto: Boto) -> dict[str, Any]:
    """The inline policy of every role, and the code and settings of every function; ids of APIs left out."""
    iam, functions = boto.client("iam"), boto.client("lambda")
    (api,) = boto.client("apigatewayv2").get_apis()["Items"]
    found: dict[str, Any] = {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policy = iam.get_role_policy(RoleName=name, PolicyName="chatops")["PolicyDocument"]
        found[name] = [role["AssumeRolePolicyDocument"], policy, iam.list_role_policies(RoleName=name)["PolicyNames"]]
    for one in functions.list_functions()["Functions"]:
        kept = ("Runtime", "Handler", "MemorySize", "Timeout", "Environment", "CodeSha256")
        found[one["FunctionName"]] = {key: one.get(key) for key in kept}
    text: dict[str, Any] = json.loads(json.dumps(found).replace(api["ApiId"], "<api>"))
    return text
