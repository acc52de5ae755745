"""The tutorial's steps as a straight line of boto3 calls, each after the other, with the waits that AWS asks for.

python -m tests.bench.deploy.tutorial up|handler|down|table|no-table FOLDER

It makes what the default stack of chatops makes: table, roles, functions, log groups, three APIs, their routes and
stages. It cannot be run twice, and knows nothing of what is there: `handler` uploads the one function that it is told
to, `down` deletes what it made by name. It polls once a second. `table` and `no-table` are for tools that make none.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

TABLE, CHAT, STAGE = "websocket-connections", "websocket-api", "demo"
POSTS = "execute-api:ManageConnections"
FUNCTIONS: dict[str, tuple[str, list[str], list[str]]] = {
    "websocket-connect": ("connect", ["dynamodb:PutItem"], ["connect.py", "table.py"]),
    "websocket-disconnect": ("disconnect", ["dynamodb:DeleteItem"], ["disconnect.py", "table.py"]),
    "websocket-send": ("send", ["dynamodb:Scan", "dynamodb:DeleteItem", POSTS], []),
    "aws-gateway-lambda": ("page", [], ["page.py", "page.html"]),
    "aws-gateway-lambda2": ("user", [], ["user.py"]),
}
"""The module, what it may do, and the files of each function; no files are all modules."""
ROUTES = {
    "$connect": "websocket-connect",
    "$disconnect": "websocket-disconnect",
    "sendMessage": "websocket-send",
    "$default": "websocket-send",
}
PAGES = {
    "api-gateway-lambda": ("GET /", "aws-gateway-lambda"),
    "api-gateway-lambda2": ("GET /user/{userId}", "aws-gateway-lambda2"),
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

dynamodb, iam, functions, logs, gateway, sts = (
    boto3.client(one) for one in ("dynamodb", "iam", "lambda", "logs", "apigatewayv2", "sts")
)
region = dynamodb.meta.region_name


def up(folder: Path) -> None:
    """Makes everything."""
    account = sts.get_caller_identity()["Account"]
    table(folder)
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
    ttl = {"Enabled": True, "AttributeName": "expiresAt"}
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=ttl)
    chat = api(CHAT, "WEBSOCKET", "$request.body.action")
    for name, (module, allow, _) in FUNCTIONS.items():
        group = f"/aws/lambda/{name}"
        logs.create_log_group(logGroupName=group)
        logs.put_retention_policy(logGroupName=group, retentionInDays=14)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        on = {
            f"arn:aws:logs:{region}:{account}:log-group:{group}:*": ["logs:CreateLogStream", "logs:PutLogEvents"],
            f"arn:aws:dynamodb:{region}:{account}:table/{TABLE}": [one for one in allow if one != POSTS],
            f"arn:aws:execute-api:{region}:{account}:{chat}/{STAGE}/POST/@connections/*": [POSTS] * (POSTS in allow),
        }
        statements = [{"Effect": "Allow", "Action": actions, "Resource": arn} for arn, actions in on.items() if actions]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="chat", PolicyDocument=document)
        given = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Handler": f"{module}.lambda_handler",
            "Role": role,
            "Timeout": 10,
            "Code": {"ZipFile": packed(folder, name)},
            "Environment": {"Variables": {"WEBSOCKET_TABLE": TABLE, "MAX_MESSAGE_BYTES": "32768"}},
        }
        once_assumable(partial(functions.create_function, **given))
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    arns = {name: f"arn:aws:lambda:{region}:{account}:function:{name}" for name in FUNCTIONS}
    for route, name in ROUTES.items():
        uri = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arns[name]}/invocations"
        lead(chat, route, name, uri, f"arn:aws:execute-api:{region}:{account}:{chat}/{STAGE}/{route}")
    deployment = gateway.create_deployment(ApiId=chat)["DeploymentId"]
    gateway.create_stage(ApiId=chat, StageName=STAGE, DeploymentId=deployment)
    for page, (route, name) in PAGES.items():
        page_id = api(page, "HTTP", "$request.method $request.path")
        path = route.replace(" ", "")
        source = f"arn:aws:execute-api:{region}:{account}:{page_id}/*/{path}"
        lead(page_id, route, name, arns[name], source, PayloadFormatVersion="2.0")
        gateway.create_stage(ApiId=page_id, StageName="$default", AutoDeploy=True)


def handler(folder: Path) -> None:
    """Uploads the send function."""
    functions.update_function_code(FunctionName="websocket-send", ZipFile=packed(folder, "websocket-send"))
    functions.get_waiter("function_updated_v2").wait(FunctionName="websocket-send", WaiterConfig={"Delay": 1})


def down(folder: Path) -> None:
    """Deletes everything."""
    for one in gateway.get_apis()["Items"]:
        gateway.delete_api(ApiId=one["ApiId"])
    for name in FUNCTIONS:
        functions.delete_function(FunctionName=name)
        iam.delete_role_policy(RoleName=name, PolicyName="chat")
        iam.delete_role(RoleName=name)
        logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
    no_table(folder)


def table(_: Path) -> None:
    """Begins to make the table, and does not wait for it."""
    key = {"AttributeName": "connectionId"}
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
    )


def no_table(_: Path) -> None:
    """Deletes the table."""
    dynamodb.delete_table(TableName=TABLE)
    dynamodb.get_waiter("table_not_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})


def api(name: str, protocol: str, selection: str) -> str:
    """Makes an API and gives its id."""
    made = gateway.create_api(Name=name, ProtocolType=protocol, RouteSelectionExpression=selection)
    return str(made["ApiId"])


def lead(api_id: str, route: str, function: str, uri: str, source: str, **more: str) -> None:
    """Leads a route to a function, and lets it in."""
    proxy = {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST"}
    made = gateway.create_integration(ApiId=api_id, IntegrationUri=uri, **proxy, **more)
    gateway.create_route(ApiId=api_id, RouteKey=route, Target=f"integrations/{made['IntegrationId']}")
    who = {"Principal": "apigateway.amazonaws.com", "SourceArn": source}
    statement = f"{api_id}-{abs(hash(route))}"
    functions.add_permission(FunctionName=function, StatementId=statement, Action="lambda:InvokeFunction", **who)


def packed(folder: Path, name: str) -> bytes:
    """The zip of a function."""
    files = [folder / one for one in FUNCTIONS[name][2]] or sorted(folder.glob("*.py"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return data.getvalue()


def once_assumable(call: Callable[[], Any]) -> None:
    """Makes a call, once a second for as long as Lambda does not see the role."""
    for _ in range(60):
        try:
            call()
            return
        except ClientError as error:
            if "assumed by Lambda" not in str(error):
                raise
            time.sleep(1)


if __name__ == "__main__":
    steps = {"up": up, "handler": handler, "down": down, "table": table, "no-table": no_table}
    steps[sys.argv[1]](Path(sys.argv[2]))
