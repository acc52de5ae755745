"""What breaks a stack, and what the doctor says of it then."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner, Result

from chatops.aws import STACK_TAG, Aws
from chatops.commands import diagnose
from chatops.ops.doctor.finding import Diagnosis, Finding, Severity
from chatops.stack import Stack

from ..stand_ins import REGION, SMALL, Answer, Proxy, up

ROLE = f"websocket-send-{REGION}"
ERROR, WARNING = Severity.ERROR, Severity.WARNING
ACCOUNT_SETTINGS = "GET /2016-08-19/account-settings"
LITTLE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
EC2: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def again(stack: Stack) -> Stack:
    """The same stack, as another run sees it."""
    return Stack(stack.config, stack.aws)


def bad(diagnosis: Diagnosis) -> list[Finding]:
    """The errors and warnings."""
    return [*diagnosis.of(Severity.ERROR), *diagnosis.of(Severity.WARNING)]


def api_id(aws: Aws, name: str = "websocket-api") -> str:
    return next(str(one["ApiId"]) for one in aws.client("apigatewayv2").get_apis()["Items"] if one["Name"] == name)


def route_id(aws: Aws, key: str) -> str:
    routes = aws.client("apigatewayv2").get_routes(ApiId=api_id(aws))["Items"]
    return next(str(one["RouteId"]) for one in routes if one["RouteKey"] == key)


def repair(stack: Stack) -> None:
    """Undoes what `up` does not undo, then everything else."""
    aws, names = stack.aws, [one.name for one in stack.config.functions.values()]
    stack.config.file.write_text(SMALL)
    functions, dynamodb, logs = (aws.client(one) for one in ("lambda", "dynamodb", "logs"))
    up(again(stack), adopt=True)
    for name in names:
        functions.delete_function_concurrency(FunctionName=name)
        for stream in logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]:
            logs.delete_log_stream(logGroupName=f"/aws/lambda/{name}", logStreamName=stream["logStreamName"])
    for row in dynamodb.scan(TableName="websocket-connections")["Items"]:
        dynamodb.delete_item(TableName="websocket-connections", Key={"connectionId": row["connectionId"]})
    gateway, api = aws.client("apigatewayv2"), api_id(aws)
    settings = gateway.get_stage(ApiId=api, StageName="demo")["DefaultRouteSettings"]
    gateway.update_stage(ApiId=api, StageName="demo", DefaultRouteSettings={**settings, "LoggingLevel": "OFF"})


def take_an_action(stack: Stack) -> None:
    iam = stack.aws.client("iam")
    document = iam.get_role_policy(RoleName=ROLE, PolicyName="chatops")["PolicyDocument"]
    for one in document["Statement"]:
        one["Action"] = [action for action in one["Action"] if action != "dynamodb:Scan"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="chatops", PolicyDocument=json.dumps(document))


def take_the_policy(stack: Stack) -> None:
    stack.aws.client("iam").delete_role_policy(RoleName=ROLE, PolicyName="chatops")


def allow_everything(stack: Stack) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    stack.aws.client("iam").put_role_policy(RoleName=ROLE, PolicyName="chatops", PolicyDocument=json.dumps(document))


def attach_another_policy(stack: Stack) -> None:
    stack.aws.client("iam").put_role_policy(RoleName=ROLE, PolicyName="mine", PolicyDocument=json.dumps(LITTLE))


def change_the_trust(stack: Stack) -> None:
    stack.aws.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(EC2))


def trust_others_too(stack: Stack) -> None:
    both = {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}
    document = {"Version": "2012-10-17", "Statement": [{**EC2["Statement"][0], "Principal": both}]}
    stack.aws.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(document))


def delete_the_table(stack: Stack) -> None:
    stack.aws.client("dynamodb").delete_table(TableName="websocket-connections")


def delete_a_function(stack: Stack) -> None:
    stack.aws.client("lambda").delete_function(FunctionName="websocket-send")


def delete_a_log_group(stack: Stack) -> None:
    stack.aws.client("logs").delete_log_group(logGroupName="/aws/lambda/websocket-send")


def change_a_timeout(stack: Stack) -> None:
    stack.aws.client("lambda").update_function_configuration(FunctionName="websocket-send", Timeout=3)


def delete_a_route(stack: Stack) -> None:
    gateway = stack.aws.client("apigatewayv2")
    gateway.delete_route(ApiId=api_id(stack.aws), RouteId=route_id(stack.aws, "$default"))


def add_a_route(stack: Stack) -> None:
    stack.aws.client("apigatewayv2").create_route(ApiId=api_id(stack.aws), RouteKey="dance")


def ask_a_route_for_signatures(stack: Stack) -> None:
    gateway, api = stack.aws.client("apigatewayv2"), api_id(stack.aws)
    gateway.update_route(ApiId=api, RouteId=route_id(stack.aws, "$connect"), AuthorizationType="AWS_IAM")


def deploy_by_hand(stack: Stack) -> None:
    gateway, api = stack.aws.client("apigatewayv2"), api_id(stack.aws)
    made = gateway.create_deployment(ApiId=api, Description="by hand")
    gateway.update_stage(ApiId=api, StageName="demo", DeploymentId=made["DeploymentId"])


def delete_the_stage(stack: Stack) -> None:
    stack.aws.client("apigatewayv2").delete_stage(ApiId=api_id(stack.aws), StageName="demo")


def take_the_permissions(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    for one in json.loads(client.get_policy(FunctionName="websocket-connect")["Policy"])["Statement"]:
        client.remove_permission(FunctionName="websocket-connect", StatementId=one["Sid"])


def let_all_of_api_gateway_in(stack: Stack) -> None:
    stack.aws.client("lambda").add_permission(
        FunctionName="websocket-connect",
        StatementId="all",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )


def throttle_to(rate: float, burst: int) -> Callable[[Stack], None]:
    def throttle(stack: Stack) -> None:
        settings = {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
        gateway = stack.aws.client("apigatewayv2")
        gateway.update_stage(ApiId=api_id(stack.aws), StageName="demo", DefaultRouteSettings=settings)

    return throttle


def set_a_password(stack: Stack) -> None:
    functions = stack.aws.client("lambda")
    now = functions.get_function_configuration(FunctionName="websocket-send")["Environment"]["Variables"]
    environment = {"Variables": {**now, "DB_PASSWORD": "hunter2"}}
    functions.update_function_configuration(FunctionName="websocket-send", Environment=environment)


def leave_a_table_over(stack: Stack) -> None:
    stack.aws.client("dynamodb").create_table(
        TableName="earlier",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        Tags=[{"Key": STACK_TAG, "Value": "websocket-chat"}],
    )


def take_the_tag(stack: Stack) -> None:
    arn = stack.aws.arn("dynamodb", "table/websocket-connections")
    stack.aws.client("dynamodb").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])


def quota(proxy: Proxy, when: str, body: dict[str, Any]) -> None:
    proxy.rules.append(lambda one: Answer(200, json.dumps(body)) if one.operation.startswith(when) else None)


def run(proxy: Proxy, stack: Stack, *arguments: str) -> Result:
    where = ["--region", REGION, "--endpoint-url", proxy.url, "--config", str(stack.config.file)]
    return CliRunner().invoke(diagnose.app, ["doctor", *arguments, *where])


def say(stack: Stack, *lines: str, ago: float = 0.0, function: str = "websocket-send") -> None:
    """Puts lines into a function's log, so many seconds ago."""
    client, group, stream = stack.aws.client("logs"), f"/aws/lambda/{function}", f"stream-{ago:.0f}"
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    at = int((time.time() - ago) * 1000)
    events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
