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
FUNCTIONS = ("websocket-connect", "websocket-disconnect", "websocket-send", "aws-gateway-lambda", "aws-gateway-lambda2")
PAGES = {"api-gateway-lambda": "GET /", "api-gateway-lambda2": "GET /user/{userId}"}
CHAT = """
functions:
  websocket-connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  websocket-disconnect: {source: handlers/disconnect.py, allow: [dynamodb:DeleteItem]}
  websocket-send:
    {source: handlers/send.py, allow: [dynamodb:Scan, dynamodb:DeleteItem, execute-api:ManageConnections]}
  aws-gateway-lambda: {source: handlers/user.py}
  aws-gateway-lambda2: {source: handlers/user.py}
websocket:
  routes: {$connect: websocket-connect, $disconnect: websocket-disconnect, sendMessage: websocket-send}
"""
BROAD = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def by_console(bench: Bench, *, auto_deploy: bool) -> dict[str, str]:
    """Everything that a reader of the tutorial makes, as the console makes it; gives the APIs' ids by their names."""
    dynamodb, gateway = bench.client("dynamodb"), bench.client("apigatewayv2")
    dynamodb.create_table(
        TableName="websocket-connections",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    dynamodb.put_item(TableName="websocket-connections", Item={"connectionId": {"S": "theirs="}})
    arns = {name: _function(bench, name) for name in FUNCTIONS}
    api_id = gateway.create_api(
        Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    for name, route in zip(FUNCTIONS, ("$connect", "$disconnect", "sendMessage"), strict=False):
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arns[name]}/invocations"
        _route(bench, api_id, route, name, f"*/{route}", IntegrationUri=uri)
    stage: dict[str, Any] = {"ApiId": api_id, "StageName": "demo", "AutoDeploy": auto_deploy}
    if not auto_deploy:
        stage["DeploymentId"] = gateway.create_deployment(ApiId=api_id)["DeploymentId"]
    gateway.create_stage(**stage)
    ids = {"websocket-api": str(api_id)}
    for (title, route), name in zip(PAGES.items(), FUNCTIONS[3:], strict=True):
        ids[title] = gateway.create_api(Name=title, ProtocolType="HTTP")["ApiId"]
        source = f"*/*{route.partition(' ')[2]}"
        _route(bench, ids[title], route, name, source, IntegrationUri=arns[name], PayloadFormatVersion="2.0")
        gateway.create_stage(ApiId=ids[title], StageName="$default", AutoDeploy=True)
    return ids


def _route(bench: Bench, api_id: str, route: str, function: str, source: str, **integration: str) -> None:
    gateway = bench.client("apigatewayv2")
    made = gateway.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationMethod="POST", **integration
    )
    gateway.create_route(ApiId=api_id, RouteKey=route, Target=f"integrations/{made['IntegrationId']}")
    bench.client("lambda").add_permission(
        FunctionName=function,
        StatementId="console",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/{source}",
    )


def _function(bench: Bench, name: str) -> str:
    iam, role = bench.client("iam"), f"{name}-role-x1y2z3"
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


@pytest.mark.parametrize("auto_deploy", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
@pytest.mark.slow
def test_what_was_made_in_the_console_is_blocked_then_adopted_with_its_rows_and_its_url(
    bench: Bench, auto_deploy: bool
) -> None:
    file = bench.write(CHAT)
    ids = by_console(bench, auto_deploy=auto_deploy)
    before = bench.inventory()

    refused = bench.run("up", "--yes", config=file)
    assert refused.code == 1
    blocked = {one["resource"] for one in refused.documents if one.get("resource")}
    assert {"table.websocket-connections", "websocket_api.websocket-api", "function.websocket-send"} <= blocked
    assert {"http_api.api-gateway-lambda", "http_api.api-gateway-lambda2", "stage.api-gateway-lambda"} <= blocked
    assert "log_group./aws/lambda/websocket-send" in blocked
    assert all("--adopt" in one["hint"] for one in refused.documents if one.get("resource"))
    assert bench.inventory() == before, "nothing was changed"
    bench.down(file)
    assert bench.inventory() == before, "what is not ours is never deleted"

    told = {one["resource"]: one for one in bench.must("plan", "--adopt", config=file).last["steps"]}
    changes = {change["path"] for change in told["function.websocket-send"]["changes"]}
    assert {"handler", "role", "code_sha256", "environment.WEBSOCKET_TABLE"} <= changes
    finished = bench.must("up", "--yes", "--adopt", config=file)
    assert blocked <= set(finished.last["adopted"])
    said = {one["resource"]: set(one["paths"]) for one in finished.documents if "paths" in one}
    assert {name: {one["path"] for one in told[name]["changes"]} for name in blocked} == {
        name: said[name] for name in blocked
    }, "what the plan promised is what was changed, and it is told"
    assert bench.run("plan", "--check", config=file).code == 0

    assert {one["Name"]: one["ApiId"] for one in bench.apis()} == ids, "the URLs that people use stay"
    rows = bench.client("dynamodb").scan(TableName="websocket-connections")["Items"]
    assert rows == [{"connectionId": {"S": "theirs="}}]
    role = bench.client("lambda").get_function(FunctionName="websocket-send")["Configuration"]["Role"]
    assert role.endswith(f"websocket-send-{REGION}")
    name = role.rpartition("/")[2]
    policy = json.dumps(bench.inventory()[f"role {name}"])
    assert '"*"' not in policy
    statements = bench.permissions("websocket-send")
    assert len(statements) == 1
    assert f"{ids['websocket-api']}/demo/sendMessage" in statements[0]
    (page,) = bench.permissions("aws-gateway-lambda2")
    assert f"{ids['api-gateway-lambda2']}/*/GET/user/{{userId}}" in page

    bench.down(file)
    left = bench.names()
    assert sorted(left) == sorted(f"{name}-role-x1y2z3" for name in FUNCTIONS), "the console's roles are not ours"


@pytest.mark.exhaustive
def test_permissions_for_apis_of_a_pattern_are_replaced_by_exact_ones(bench: Bench) -> None:
    file = bench.write(CHAT)
    by_console(bench, auto_deploy=False)
    for number, source in enumerate(("*", "*/*/sendMessage")):
        bench.client("lambda").add_permission(
            FunctionName="websocket-send",
            StatementId=f"broad-{number}",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}",
        )
    bench.must("up", "--yes", "--adopt", config=file)
    (statement,) = bench.permissions("websocket-send")
    assert statement.endswith("/demo/sendMessage'}}")


@pytest.mark.exhaustive
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
    named = [one["ApiId"] for one in bench.apis() if one["Name"] == "websocket-api"]
    assert sorted(named) == sorted(made), "the other is not ours to delete"
