"""Every action that a role has is needed: with any one taken out, the run that needs it fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from ..sizes import every
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
    connect()
    let_in = 1
    assert len(stack.rows()) == let_in
    stack.forbid("websocket-connect", "dynamodb:PutItem")
    deadline = time.monotonic() + 10
    with pytest.raises(InvalidStatus):
        while time.monotonic() < deadline:  # a changed policy takes a moment to bite, locally as on AWS
            connect()
            let_in += 1
    assert len(stack.rows()) == let_in


@pytest.mark.parametrize("allowed", every(2, [True, False]))
def test_disconnect_needs_delete_item(stack: Stack, allowed: bool) -> None:
    stack.put("one")
    if not allowed:
        stack.forbid("websocket-disconnect", "dynamodb:DeleteItem")
    stack.invoke("websocket-disconnect", stack.event("$disconnect", "one"))
    assert stack.rows() == (set() if allowed else {"one"})


@pytest.mark.parametrize("allowed", every(2, [True, False]))
@pytest.mark.slow
def test_send_needs_delete_item_to_clear_a_stale_row(stack: Stack, allowed: bool) -> None:
    stack.put("L0SM9cOFvHcCIhw=")
    if not allowed:
        stack.forbid("websocket-send", "dynamodb:DeleteItem")
    body = json.dumps({"action": "sendMessage", "message": "hi"})
    stack.invoke("websocket-send", stack.event("sendMessage", "L0SM9cOFvHcCIhw=", body))
    assert stack.rows() == (set() if allowed else {"L0SM9cOFvHcCIhw="})


@pytest.mark.parametrize("action", every(2, ["dynamodb:Scan", "execute-api:ManageConnections"]))
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


# MiniStack writes a function's log by itself, and asks for these on the group where AWS asks on the streams in it:
# taking one of them out shows nothing there. Lambda writes it by the function's role:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
@pytest.mark.slow
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


SERVICES = {
    "dynamodb": "GetItem PutItem UpdateItem DeleteItem Scan Query BatchWriteItem BatchGetItem DescribeTable "
    "DeleteTable UpdateTable CreateTable ListTables TagResource",
    "iam": "CreateUser GetRole PutRolePolicy ListRoles AttachRolePolicy CreateAccessKey PassRole",
    "lambda": "InvokeFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction AddPermission",
    "logs": "CreateLogGroup DeleteLogGroup FilterLogEvents DescribeLogGroups CreateLogStream PutLogEvents "
    "PutRetentionPolicy",
    "s3": "ListAllMyBuckets GetObject",
    "secretsmanager": "GetSecretValue",
    "ssm": "GetParameter",
    "sts": "AssumeRole",
}
EVERYTHING = [f"{service}:{name}" for service, names in SERVICES.items() for name in names.split()]
ALLOWED = {
    "websocket-connect": {"dynamodb:PutItem"},
    "websocket-disconnect": {"dynamodb:DeleteItem"},
    "websocket-send": {"dynamodb:Scan", "dynamodb:DeleteItem", "execute-api:ManageConnections"},
    "aws-gateway-lambda": set(),
    "aws-gateway-lambda2": set(),
}
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize("function", ALLOWED)
@pytest.mark.slow
def test_the_local_aws_denies_a_function_everything_that_its_role_does_not_name(stack: Stack, function: str) -> None:
    from ministack.core import iam_evaluator as iam

    client = stack.boto.client("iam")
    policy = client.get_role_policy(RoleName=f"{function}-{REGION}", PolicyName="chatops")["PolicyDocument"]
    role = client.get_role(RoleName=f"{function}-{REGION}")["Role"]["Arn"]
    documents = [iam.parse_policy_document(json.dumps(policy))]
    api_id = stack.event("", "")["requestContext"]["apiId"]
    account = f"{REGION}:000000000000"

    def may(action: str, arn: str) -> bool:
        asked = iam.EvalContext(
            principal_arn=role,
            principal_type="AssumedRole",
            principal_account="000000000000",
            action=action,
            resource_arn=arn,
            region=REGION,
        )
        return bool(iam.evaluate(asked, documents).decision == "Allow")

    def arns(action: str, table: str, group: str) -> str:
        return {
            "dynamodb": f"arn:aws:dynamodb:{account}:table/{table}",
            "logs": f"arn:aws:logs:{account}:log-group:/aws/lambda/{group}:log-stream:s",
        }.get(action.partition(":")[0], "*")

    allowed = {action for action in EVERYTHING if may(action, arns(action, TABLE, function))}
    posts = f"arn:aws:execute-api:{account}:{api_id}/demo/POST/@connections/x"
    if may("execute-api:ManageConnections", posts):
        allowed.add("execute-api:ManageConnections")
    assert allowed == ALLOWED[function] | OWN_LOG
    # The same actions, on what is somebody else's.
    assert [action for action in EVERYTHING if may(action, arns(action, "others", "others"))] == []
    elsewhere = (posts.replace("POST", "GET"), posts.replace("/demo/", "/prod/"), posts.replace(api_id, "other"))
    assert [arn for arn in elsewhere if may("execute-api:ManageConnections", arn)] == []


TRIES = """
import json, boto3
def lambda_handler(event, context):
    answers = {}
    for action, service, operation, arguments in event["tries"]:
        try:
            getattr(boto3.client(service), operation)(**arguments)
            answers[action] = "allowed"
        except Exception as error:
            answers[action] = getattr(error, "response", {}).get("Error", {}).get("Code", repr(error))
    return answers
"""


def tries(function: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Calls that a function may try: on its own table, and on what is not its own."""
    key, item = {"connectionId": {"S": "y"}}, {"connectionId": {"S": "x"}}
    role = f"websocket-send-{REGION}"
    others = {"logGroupName": "/aws/lambda/others", "logStreamName": "tried"}
    events = {"logEvents": [{"timestamp": int(time.time() * 1000), "message": "tried"}]}
    return [
        ("dynamodb:PutItem", "dynamodb", "put_item", {"TableName": TABLE, "Item": item}),
        ("dynamodb:GetItem", "dynamodb", "get_item", {"TableName": TABLE, "Key": key}),
        ("dynamodb:DeleteItem", "dynamodb", "delete_item", {"TableName": TABLE, "Key": key}),
        ("dynamodb:UpdateItem", "dynamodb", "update_item", {"TableName": TABLE, "Key": key}),
        ("dynamodb:Scan", "dynamodb", "scan", {"TableName": TABLE}),
        ("dynamodb:DescribeTable", "dynamodb", "describe_table", {"TableName": TABLE}),
        ("dynamodb:DeleteTable", "dynamodb", "delete_table", {"TableName": TABLE}),
        ("PutItem elsewhere", "dynamodb", "put_item", {"TableName": "others", "Item": item}),
        ("Scan elsewhere", "dynamodb", "scan", {"TableName": "others"}),
        ("DeleteItem elsewhere", "dynamodb", "delete_item", {"TableName": "others", "Key": key}),
        ("iam:GetRole", "iam", "get_role", {"RoleName": role}),
        ("iam:CreateUser", "iam", "create_user", {"UserName": "evil"}),
        ("iam:PutRolePolicy", "iam", "put_role_policy", {"RoleName": role, "PolicyName": "x", "PolicyDocument": "{}"}),
        ("lambda:GetFunction", "lambda", "get_function", {"FunctionName": "websocket-send"}),
        ("lambda:InvokeFunction", "lambda", "invoke", {"FunctionName": "websocket-send"}),
        ("logs:CreateLogGroup", "logs", "create_log_group", {"logGroupName": "/aws/lambda/evil"}),
        ("logs:FilterLogEvents", "logs", "filter_log_events", {"logGroupName": f"/aws/lambda/{function}"}),
        ("CreateLogStream elsewhere", "logs", "create_log_stream", others),
        ("PutLogEvents elsewhere", "logs", "put_log_events", {**others, **events}),
        ("apigateway:GET", "apigatewayv2", "get_apis", {}),
        ("s3:ListAllMyBuckets", "s3", "list_buckets", {}),
    ]


@pytest.mark.slow
def test_functions_that_try_every_action_are_denied_all_but_their_own(deployed: Chatops, boto: Boto) -> None:
    """Run with each function's role: its code is exchanged by hand for one that tries everything."""
    import io
    import zipfile

    functions = boto.client("lambda")
    for function, own in ALLOWED.items():
        handler = functions.get_function_configuration(FunctionName=function)["Handler"]
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(f"{handler.removesuffix('.lambda_handler')}.py", TRIES)
        functions.update_function_code(FunctionName=function, ZipFile=data.getvalue())
        tried = tries(function)
        answer = functions.invoke(FunctionName=function, Payload=json.dumps({"tries": tried}).encode())
        answers = json.load(answer["Payload"])
        assert set(answers) == {name for name, *_ in tried}, function
        allowed = {name for name, said in answers.items() if said == "allowed"}
        assert allowed == own - {"execute-api:ManageConnections"}, function
        others = {name: said for name, said in answers.items() if name not in allowed}
        assert {name: said for name, said in others.items() if "AccessDenied" not in said} == {}, function
