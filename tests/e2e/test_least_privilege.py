"""Every action that a role has is needed: with any one taken out, the run that needs it fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from .conftest import REGION, Boto, Chatops

TABLE = "websocket-connections"


class Stack:
    """The deployed stack, with a way to take an action out of a role and to run a function by itself."""

    def __init__(self, boto: Boto) -> None:
        self.boto = boto

    def forbid(self, function: str, action: str) -> None:
        role, iam = f"{function}-{REGION}", self.boto.client("iam")
        policy = iam.get_role_policy(RoleName=role, PolicyName="chatops")["PolicyDocument"]
        for statement in policy["Statement"]:
            statement["Action"] = [one for one in statement["Action"] if one != action]
        policy["Statement"] = [one for one in policy["Statement"] if one["Action"]]
        iam.put_role_policy(RoleName=role, PolicyName="chatops", PolicyDocument=json.dumps(policy))

    def invoke(self, function: str, event: dict[str, Any]) -> None:
        self.boto.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())

    def put(self, connection_id: str) -> None:
        self.boto.client("dynamodb").put_item(TableName=TABLE, Item={"connectionId": {"S": connection_id}})

    def rows(self) -> set[str]:
        items = self.boto.client("dynamodb").scan(TableName=TABLE)["Items"]
        return {item["connectionId"]["S"] for item in items}

    def event(self, route: str, connection_id: str, body: str | None = None) -> dict[str, Any]:
        gateway = self.boto.client("apigatewayv2")
        api = next(one for one in gateway.get_apis()["Items"] if one["Name"] == "websocket-api")
        context = {
            "routeKey": route,
            "connectionId": connection_id,
            "requestId": "request",
            "apiId": api["ApiId"],
            "stage": "demo",
            "domainName": "chat.example.com",
        }
        return {"requestContext": context, "body": body, "isBase64Encoded": False}


@pytest.fixture
def stack(deployed: Chatops, boto: Boto) -> Stack:
    return Stack(boto)


def test_connect_needs_put_item(stack: Stack, connect: Callable[[], Any]) -> None:
    stack.forbid("websocket-connect", "dynamodb:PutItem")
    with pytest.raises(InvalidStatus):
        connect()
    assert stack.rows() == set()


@pytest.mark.parametrize("allowed", [True, False])
def test_disconnect_needs_delete_item(stack: Stack, allowed: bool) -> None:
    stack.put("one")
    if not allowed:
        stack.forbid("websocket-disconnect", "dynamodb:DeleteItem")
    stack.invoke("websocket-disconnect", stack.event("$disconnect", "one"))
    assert stack.rows() == (set() if allowed else {"one"})


@pytest.mark.parametrize("allowed", [True, False])
def test_send_needs_delete_item_to_clear_a_stale_row(stack: Stack, allowed: bool) -> None:
    stack.put("gone")
    if not allowed:
        stack.forbid("websocket-send", "dynamodb:DeleteItem")
    body = json.dumps({"action": "sendMessage", "message": "hi"})
    stack.invoke("websocket-send", stack.event("sendMessage", "gone", body))
    assert stack.rows() == (set() if allowed else {"gone"})


@pytest.mark.parametrize("action", ["dynamodb:Scan", "execute-api:ManageConnections"])
def test_send_needs_scan_and_manage_connections(stack: Stack, connect: Callable[[], Any], action: str) -> None:
    listener = connect()
    message = json.dumps({"action": "sendMessage", "message": "hi"})
    listener.send(message)
    assert listener.recv(timeout=20) == "hi"
    stack.forbid("websocket-send", action)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # a changed policy takes a moment to bite, locally as on AWS
        stack.invoke("websocket-send", stack.event("sendMessage", "nobody", message))
        try:
            listener.recv(timeout=0.5)
        except TimeoutError:
            return
    pytest.fail(f"the message still arrives without {action}")


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_function_has_the_actions_that_its_log_needs(stack: Stack, action: str) -> None:
    policy = stack.boto.client("iam").get_role_policy(RoleName=f"websocket-send-{REGION}", PolicyName="chatops")
    statements = [one for one in policy["PolicyDocument"]["Statement"] if action in one["Action"]]
    group = "log-group:/aws/lambda/websocket-send:*"
    assert [one["Resource"].partition(":000000000000:")[2] for one in statements] == [group]


def test_a_role_may_post_to_this_api_and_stage_only(stack: Stack) -> None:
    policy = stack.boto.client("iam").get_role_policy(RoleName=f"websocket-send-{REGION}", PolicyName="chatops")
    by_action = {action: one for one in policy["PolicyDocument"]["Statement"] for action in one["Action"]}
    api_id = stack.event("", "")["requestContext"]["apiId"]
    arn = by_action["execute-api:ManageConnections"]["Resource"]
    assert arn == f"arn:aws:execute-api:{REGION}:000000000000:{api_id}/demo/POST/@connections/*"
    assert by_action["dynamodb:Scan"]["Resource"].endswith(f":table/{TABLE}")
    assert not [action for action in by_action if "*" in action]
