"""The tutorial done by hand in the console, and then chatops: it blocks, and with --adopt takes over without a loss."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from chatops.aws import STACK_TAG

from .bench import REGION, Bench

ACCOUNT = "000000000000"
FUNCTIONS = ("connect", "disconnect", "send")
CHAT = """
functions:
  websocket-connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  websocket-disconnect: {source: handlers/disconnect.py, allow: [dynamodb:DeleteItem]}
  websocket-send:
    {source: handlers/send.py, allow: [dynamodb:Scan, dynamodb:DeleteItem, execute-api:ManageConnections]}
websocket:
  routes: {$connect: websocket-connect, $disconnect: websocket-disconnect, sendMessage: websocket-send}
http_apis:
"""
BROAD = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def by_console(bench: Bench, *, auto_deploy: bool) -> str:
    """Everything that a reader of the tutorial makes, as the console makes it; gives the API's id."""
    dynamodb, iam, gateway = bench.client("dynamodb"), bench.client("iam"), bench.client("apigatewayv2")
    dynamodb.create_table(
        TableName="websocket-connections",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    dynamodb.put_item(TableName="websocket-connections", Item={"connectionId": {"S": "theirs="}})
    api_id = gateway.create_api(
        Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    for key, route in zip(FUNCTIONS, ("$connect", "$disconnect", "sendMessage"), strict=True):
        arn = _function(bench, f"websocket-{key}", iam)
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        made = gateway.create_integration(
            ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=uri, IntegrationMethod="POST"
        )
        gateway.create_route(ApiId=api_id, RouteKey=route, Target=f"integrations/{made['IntegrationId']}")
        bench.client("lambda").add_permission(
            FunctionName=f"websocket-{key}",
            StatementId="console",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/*/{route}",
        )
    stage: dict[str, Any] = {"ApiId": api_id, "StageName": "demo", "AutoDeploy": auto_deploy}
    if not auto_deploy:
        stage["DeploymentId"] = gateway.create_deployment(ApiId=api_id)["DeploymentId"]
    gateway.create_stage(**stage)
    return str(api_id)


def _function(bench: Bench, name: str, iam: Any) -> str:
    role = f"{name}-role-x1y2z3"
    document = json.dumps(TRUST)
    made = iam.create_role(RoleName=role, Path="/service-role/", AssumeRolePolicyDocument=document)["Role"]
    policy = iam.create_policy(
        PolicyName=f"AWSLambdaBasicExecutionRole-{name}", Path="/service-role/", PolicyDocument=json.dumps(BROAD)
    )
    iam.attach_role_policy(RoleName=role, PolicyArn=policy["Policy"]["Arn"])
    iam.put_role_policy(RoleName=role, PolicyName="table", PolicyDocument=json.dumps(BROAD))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return {'statusCode': 200}\n")
    function = bench.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=made["Arn"],
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": buffer.getvalue()},
    )
    bench.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    return str(function["FunctionArn"])


@pytest.mark.parametrize("auto_deploy", [True, pytest.param(False, marks=pytest.mark.whole)])
def test_what_was_made_in_the_console_is_blocked_then_adopted_with_its_rows_and_its_url(
    bench: Bench, auto_deploy: bool
) -> None:
    file = bench.write(CHAT)
    api_id = by_console(bench, auto_deploy=auto_deploy)
    before = bench.inventory()

    refused = bench.run("up", "--yes", config=file)
    assert refused.code == 1
    blocked = {one["resource"] for one in refused.documents if one.get("resource")}
    assert {"table.websocket-connections", "websocket_api.websocket-api", "function.websocket-send"} <= blocked
    assert "log_group./aws/lambda/websocket-send" in blocked
    assert all("--adopt" in one["hint"] for one in refused.documents if one.get("resource"))
    assert bench.inventory() == before, "nothing was changed"
    bench.down(file)
    assert bench.inventory() == before, "what is not ours is never deleted"

    told = {one["resource"]: one for one in bench.must("plan", "--adopt", config=file).last["steps"]}
    changes = {change["path"] for change in told["function.websocket-send"]["changes"]}
    assert {"handler", "role", "code_sha256", "environment.WEBSOCKET_TABLE"} <= changes
    adopted = bench.must("up", "--yes", "--adopt", config=file).last
    assert blocked <= set(adopted["adopted"])
    assert bench.run("plan", "--check", config=file).code == 0

    assert bench.api_id() == api_id, "the URL that people use stays"
    rows = bench.client("dynamodb").scan(TableName="websocket-connections")["Items"]
    assert rows == [{"connectionId": {"S": "theirs="}}]
    role = bench.client("lambda").get_function(FunctionName="websocket-send")["Configuration"]["Role"]
    assert role.endswith(f"websocket-send-{REGION}")
    name = role.rpartition("/")[2]
    policy = json.dumps(bench.inventory()[f"role {name}"])
    assert '"*"' not in policy
    statements = bench.permissions("websocket-send")
    assert len(statements) == 1
    assert f"{api_id}/demo/sendMessage" in statements[0]

    bench.down(file)
    left = bench.names()
    assert sorted(left) == [f"websocket-{key}-role-x1y2z3" for key in FUNCTIONS], "the console's roles are not ours"


@pytest.mark.whole
def test_two_apis_with_our_name_are_both_named_and_the_tag_chooses(bench: Bench) -> None:
    file = bench.write(CHAT)
    gateway = bench.client("apigatewayv2")
    made = [
        gateway.create_api(
            Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )["ApiId"]
        for _ in range(2)
    ]
    before = bench.inventory()
    for arguments in (("up", "--yes"), ("up", "--yes", "--adopt")):
        refused = bench.run(*arguments, config=file)
        assert refused.code == 1
        problem = next(one for one in refused.documents if one.get("resource") == "websocket_api.websocket-api")
        assert made[0] in problem["why"]
        assert made[1] in problem["why"]
        assert STACK_TAG in problem["hint"]
    assert bench.inventory() == before
    arn = f"arn:aws:apigateway:{REGION}::/apis/{made[1]}"
    gateway.tag_resource(ResourceArn=arn, Tags={STACK_TAG: "websocket-chat"})
    bench.up(file)
    assert bench.run("plan", "--check", config=file).code == 0
    assert sorted(one["ApiId"] for one in bench.apis()) == sorted(made), "the other is not ours to delete"
