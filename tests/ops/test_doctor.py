"""The doctor: each thing that can be broken is broken on the local AWS, found, told with its cause, and mended."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from typer.testing import CliRunner, Result

from chatops.aws import STACK_TAG, Aws
from chatops.commands import diagnose
from chatops.ops.doctor import CHECKS, examine, identity, logs
from chatops.ops.doctor.finding import Diagnosis, Finding, Severity
from chatops.ops.doctor.patient import Patient
from chatops.stack import Stack

from .stand_ins import KEYS, REGION, SMALL, Answer, Proxy, Request, proxy_before, reset, stack_of, up

pytestmark = pytest.mark.e2e

ROLE = f"websocket-send-{REGION}"
LITTLE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
EC2: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def standing(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Stack]]:
    """A small stack that is up, seen through a proxy. Made once: that takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch, proxy_before(ministack) as one:
        patch.setattr("chatops.aws.RATES", {})
        reset(ministack)
        yield one, up(stack_of(tmp_path_factory.mktemp("stack"), Aws(REGION, endpoint_url=one.url, keys=KEYS)))


@pytest.fixture
def proxy(standing: tuple[Proxy, Stack], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("COLUMNS", "80")
    yield standing[0]
    standing[0].forget()


@pytest.fixture
def aws(proxy: Proxy, standing: tuple[Proxy, Stack]) -> Aws:
    return standing[1].aws


@pytest.fixture
def stack(proxy: Proxy, standing: tuple[Proxy, Stack]) -> Iterator[Stack]:
    """The stack, to be broken: afterwards it is repaired."""
    yield standing[1]
    proxy.forget()
    repair(standing[1])


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


def test_a_healthy_stack_has_nothing_but_what_is_good_to_know(stack: Stack) -> None:
    diagnosis = examine(lambda: stack)
    assert diagnosis.is_ok
    assert bad(diagnosis) == []
    assert [one.what for one in diagnosis.of(Severity.INFO)] == ["Anyone who knows the URL can join the chat"]
    assert diagnosis.where == {"stack": "websocket-chat", "account": "000000000000", "region": REGION}
    told = " ".join(one.what for one in diagnosis.of(Severity.OK))
    for word in ("credentials", "clock", "region", "permissions", "Lambda", "tables", "roles", "12 of 12 resources"):
        assert word in told
    assert "All 3 functions are Active" in told


def test_a_stack_that_asks_for_signatures_is_not_told_that_it_is_open(stack: Stack, tmp_path: Path) -> None:
    closed = up(stack_of(tmp_path, stack.aws, SMALL + "websocket: {auth: iam}\n"))
    assert examine(lambda: closed).of(Severity.INFO) == []


def test_where_nothing_exists_one_error_says_so_and_names_the_ways_out(aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws, SMALL + "prefix: other-\n")
    (error,) = bad(examine(lambda: stack))
    assert error.what == f"Nothing of the stack {stack.config.stack} exists in {REGION}"
    assert "chatops find" in error.hint and "chatops up" in error.hint


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


ERROR, WARNING = Severity.ERROR, Severity.WARNING
BROKEN_AND_MENDED_BY_UP: list[tuple[Callable[[Stack], None], Severity, str, str]] = [
    (take_an_action, ERROR, f"role.{ROLE} lacks permissions", "dynamodb:Scan on table/websocket-connections"),
    (take_the_policy, ERROR, f"role.{ROLE} lacks permissions", "dynamodb:Scan on table/websocket-connections"),
    (allow_everything, WARNING, f"role.{ROLE} may do too much", "it may * on *"),
    (attach_another_policy, WARNING, f"role.{ROLE} may do too much", "the policy mine"),
    (change_the_trust, ERROR, f"role.{ROLE} may not be used by Lambda", "cannot be assumed by Lambda"),
    (trust_others_too, WARNING, f"role.{ROLE} trusts others than the config says", "ec2.amazonaws.com"),
    (delete_the_table, ERROR, "table.websocket-connections is missing", "the config asks for it"),
    (delete_a_log_group, WARNING, "log_group./aws/lambda/websocket-send is missing", "lost"),
    (change_a_timeout, WARNING, "function.websocket-send differs from the config", "timeout is 3 and should be 29"),
    (
        set_a_password,
        WARNING,
        "function.websocket-send differs from the config",
        "environment.DB_PASSWORD is '(hidden)'",
    ),
    (delete_a_route, ERROR, "stage.websocket-api has no route $default", "Forbidden"),
    (add_a_route, WARNING, "stage.websocket-api has a route dance", "does not ask"),
    (ask_a_route_for_signatures, ERROR, "The route $connect of websocket-api is not what the config says", "AWS_IAM"),
    (deploy_by_hand, ERROR, "The routes of websocket-api are not live", "demo"),
    (delete_the_stage, ERROR, "stage.websocket-api has no stage demo", "Forbidden"),
    (take_the_permissions, ERROR, "API Gateway may not invoke websocket-connect", "Internal server error"),
    (let_all_of_api_gateway_in, WARNING, "More than its routes may invoke websocket-connect", "*"),
    (throttle_to(0.0, 0), ERROR, "stage.websocket-api takes no requests", "Too Many Requests"),
    (throttle_to(7.0, 9), WARNING, "stage.websocket-api takes more or fewer requests than the config says", "is 7"),
    (leave_a_table_over, WARNING, "table.earlier is left over", "does not ask"),
]


@pytest.mark.parametrize(
    ("breaks", "severity", "what", "why"), BROKEN_AND_MENDED_BY_UP, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_is_broken_is_found_alone_and_gone_after_the_command_that_mends_it(
    stack: Stack, breaks: Callable[[Stack], None], severity: Severity, what: str, why: str
) -> None:
    breaks(stack)
    diagnosis = examine(lambda: again(stack))
    (found,) = bad(diagnosis)
    assert (found.severity, found.what) == (severity, what)
    assert why in found.why
    assert found.hint == "chatops up"
    assert diagnosis.is_ok == (severity is WARNING)
    up(again(stack))
    assert bad(examine(lambda: again(stack))) == []


def test_a_function_that_is_missing_is_an_error_as_is_that_nobody_may_invoke_it(stack: Stack) -> None:
    delete_a_function(stack)
    assert {one.what for one in bad(examine(lambda: again(stack)))} == {
        "function.websocket-send is missing",
        "API Gateway may not invoke websocket-send",
    }


def test_what_is_not_ours_stands_in_the_way(stack: Stack) -> None:
    take_the_tag(stack)
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "table.websocket-connections stands in the way"
    assert "chatops up --adopt" in found.hint


def test_reserved_concurrency_of_zero_switches_a_function_off(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    client.put_function_concurrency(FunctionName="websocket-send", ReservedConcurrentExecutions=0)
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (ERROR, "The function websocket-send is switched off")
    assert "Too Many Requests" in found.why
    assert found.hint.startswith("aws lambda delete-function-concurrency --function-name websocket-send --region")


def test_a_little_reserved_concurrency_is_told_and_is_no_trouble(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    client.put_function_concurrency(FunctionName="websocket-send", ReservedConcurrentExecutions=2)
    diagnosis = examine(lambda: again(stack))
    assert bad(diagnosis) == []
    assert "The function websocket-send runs at most 2 times at once" in [one.what for one in diagnosis.findings]


@pytest.mark.parametrize(
    ("configuration", "severity", "what"),
    [
        ({"State": "Failed", "StateReason": "no subnet"}, ERROR, "The function websocket-send is Failed"),
        ({"State": "Inactive", "StateReason": "idle"}, WARNING, "The function websocket-send is Inactive"),
        (
            {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "bad layer"},
            ERROR,
            "The last update of websocket-send failed",
        ),
    ],
)
def test_a_function_that_lambda_cannot_run_is_found(
    proxy: Proxy, stack: Stack, configuration: dict[str, str], severity: Severity, what: str
) -> None:
    """The local AWS has no such functions."""
    name = "websocket-send"
    real = stack.aws.client("lambda").get_function(FunctionName=name)
    real["Configuration"] |= configuration
    body = json.dumps({key: real[key] for key in ("Configuration", "Tags")}, default=str)
    proxy.rules.append(
        lambda one: (
            Answer(200, body) if one.operation.endswith(f"/functions/{name}") and "GET" in one.operation else None
        )
    )
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (severity, what)
    assert next(iter(reversed(configuration.values()))) in found.why


def test_a_stage_that_is_to_log_and_has_no_role_is_found(proxy: Proxy, stack: Stack) -> None:
    gateway, api = stack.aws.client("apigatewayv2"), api_id(stack.aws)
    settings = gateway.get_stage(ApiId=api, StageName="demo")["DefaultRouteSettings"]
    gateway.update_stage(ApiId=api, StageName="demo", DefaultRouteSettings={**settings, "LoggingLevel": "INFO"})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.severity is WARNING
    assert "CloudWatch Logs role ARN must be set in account settings" in found.why
    assert "update-account" in found.hint
    account = json.dumps(
        {"cloudwatchRoleArn": "arn:aws:iam::1:role/x", "throttleSettings": {"rateLimit": 1e4, "burstLimit": 1}}
    )
    proxy.rules.append(lambda one: Answer(200, account) if one.operation == "GET /account" else None)
    assert bad(examine(lambda: again(stack))) == []


def test_many_stale_rows_are_a_warning_and_few_are_not(stack: Stack) -> None:
    for number in range(12):
        item = {"connectionId": {"S": f"gone{number}="}}
        stack.aws.client("dynamodb").put_item(TableName="websocket-connections", Item=item)
        if number == 8:
            assert bad(examine(lambda: again(stack))) == [], "nine are not worth a word"
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.hint) == (WARNING, "chatops prune")
    assert found.what == "12 of 12 rows that were asked about are stale"


def quota(proxy: Proxy, when: str, body: dict[str, Any]) -> None:
    proxy.rules.append(lambda one: Answer(200, json.dumps(body)) if one.operation.startswith(when) else None)


def lambda_settings(most: int, stored: float = 1.0) -> dict[str, Any]:
    return {
        "AccountLimit": {"ConcurrentExecutions": most, "UnreservedConcurrentExecutions": most, "TotalCodeSize": 80e9},
        "AccountUsage": {"TotalCodeSize": stored, "FunctionCount": 3},
    }


ACCOUNT_SETTINGS = "GET /2016-08-19/account-settings"


def test_a_new_accounts_ten_concurrent_executions_are_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(10))
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (WARNING, "Only 10 functions can run at a time")
    assert "request-service-quota-increase --service-code lambda" in found.hint


def test_a_peak_near_the_concurrency_quota_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(1000))
    peaks = {"Id": "peak", "Label": "x", "StatusCode": "Complete", "Timestamps": [1.7e9, 1.8e9], "Values": [900.0, 3.0]}
    quota(proxy, "GetMetricData", {"MetricDataResults": [peaks]})
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.what, found.why) == ("900 functions ran at a time in the last day", "the quota is 1000")


def test_full_code_storage_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(1000, stored=70e9))
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "65 of 75 GB of Lambda code are used"


def test_few_requests_per_second_are_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, "GET /account", {"throttleSettings": {"rateLimit": 10.0, "burstLimit": 5}})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "API Gateway takes 10 requests per second"


def test_a_tables_quota_that_is_nearly_used_up_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, "GetServiceQuota", {"Quota": {"Value": 1}})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "1 of 1 tables are used"
    assert "dynamodb" in found.hint


# What keeps the doctor from the patient.


def test_no_credentials_are_an_error_with_a_way_out(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    stack = stack_of(tmp_path, Aws(REGION, endpoint_url=proxy.url))
    (found,) = examine(lambda: stack).findings
    assert (found.severity, found.what) == (ERROR, "No AWS credentials")
    assert "aws configure" in found.hint


def test_a_key_that_does_not_exist_is_an_error_with_its_causes(proxy: Proxy, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, Aws(REGION, endpoint_url=proxy.url, keys=("AKIANOBODYNOBODY", "x")))
    diagnosis = examine(lambda: stack)
    (found,) = diagnosis.findings
    assert not diagnosis.is_ok
    assert "InvalidClientTokenId" in found.why
    assert "the region is not enabled for this account" in found.why


@pytest.mark.parametrize(
    ("ahead", "severity", "what"),
    [
        (0, Severity.OK, "The clock agrees with AWS's"),
        (90, WARNING, "This machine's clock is 90 s behind AWS's"),
        (-90, WARNING, "This machine's clock is 90 s ahead of AWS's"),
        (280, ERROR, "This machine's clock is 280 s behind AWS's"),
    ],
)
def test_the_clock_is_held_against_the_date_of_an_answer(
    proxy: Proxy, stack: Stack, ahead: float, severity: Severity, what: str
) -> None:
    proxy.clock = ahead
    (found,) = (one for one in examine(lambda: again(stack)).findings if "clock" in one.what)
    assert found.severity is severity
    told, expected = ([word for word in text.split() if not word.isdigit()] for text in (found.what, what))
    assert told == expected
    seconds = [int(word) for word in found.what.split() if word.isdigit()]
    assert not seconds or abs(seconds[0] - abs(ahead)) <= 5


def test_a_clock_that_aws_refuses_is_told_by_the_refusal_itself(proxy: Proxy, stack: Stack) -> None:
    proxy.clock = 900
    expired = "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z (20250101T001500Z - 5 min.)"
    proxy.refuse(lambda one: one.service == "sts", "SignatureDoesNotMatch", expired, 403)
    refused, clock = examine(lambda: again(stack)).findings
    assert "five minutes off (timedatectl set-ntp true)" in refused.why
    assert clock.severity is ERROR
    assert abs(int(next(word for word in clock.what.split() if word.isdigit())) - 900) <= 5
    assert "behind AWS's" in clock.what


# Checks that cannot be made.


def test_what_aws_refuses_to_show_is_told_and_hides_nothing_else(proxy: Proxy, stack: Stack) -> None:
    change_a_timeout(stack)
    proxy.refuse(lambda one: one.service == "iam", "AccessDenied", "User: me is not authorized", 403)
    diagnosis = examine(lambda: again(stack))
    assert [one.what for one in bad(diagnosis)] == ["function.websocket-send differs from the config"]
    unchecked = [one for one in diagnosis.of(Severity.INFO) if "could not be checked" in one.what]
    told = " ".join(one.what for one in unchecked)
    assert "role.websocket-connect" in told and "IAM's quotas" in told
    assert all("AccessDenied" in one.why for one in unchecked)


def test_an_api_that_cannot_be_seen_makes_no_drift_of_what_names_its_id(proxy: Proxy, stack: Stack) -> None:
    proxy.refuse(lambda one: one.service == "apigateway", "AccessDeniedException", "no", 403)
    diagnosis = examine(lambda: again(stack))
    assert bad(diagnosis) == []
    told = " ".join(one.what for one in diagnosis.of(Severity.INFO))
    assert "websocket_api.websocket-api" in told and "stage.websocket-api" in told


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ThrottledForGood", 400),
        ("UnknownOperationException", 404),
        ("ValidationException", 400),
    ],
)
def test_when_everything_but_the_identity_is_refused_it_still_ends_well(
    proxy: Proxy, stack: Stack, code: str, status: int
) -> None:
    proxy.refuse(lambda one: one.service != "sts", code, "no", status)
    diagnosis = examine(lambda: again(stack))
    assert diagnosis.is_ok
    assert len([one for one in diagnosis.of(Severity.INFO) if "could not be checked" in one.what]) >= 6


def test_an_answer_that_is_nonsense_breaks_one_check_and_is_called_our_mistake(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, {"nothing": "useful"})
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (WARNING, "Lambda's quotas could not be checked")
    assert "KeyError" in found.why


def test_the_checks_are_made_at_the_same_time(proxy: Proxy, stack: Stack) -> None:
    meeting = threading.Barrier(3)

    def wait(one: Request) -> None:
        if one.operation in ("GetAccountSummary", "ListTables", ACCOUNT_SETTINGS):
            meeting.wait(timeout=30)  # breaks when the others are not under way too

    proxy.rules.append(wait)
    assert bad(examine(lambda: again(stack))) == []
    assert not meeting.broken


# Permissions.


def user(aws: Aws, *actions: str) -> Aws:
    """AWS as a new IAM user sees it, who may do only this."""
    iam = aws.client("iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        for one in iam.list_access_keys(UserName="operator")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="operator", AccessKeyId=one["AccessKeyId"])
        iam.delete_user_policy(UserName="operator", PolicyName="own")
        iam.delete_user(UserName="operator")
    iam.create_user(UserName="operator")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="operator", PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    return Aws(REGION, endpoint_url=aws.endpoint_url, keys=(key["AccessKeyId"], key["SecretAccessKey"]))


def test_an_operator_who_may_do_everything_is_told_so(stack: Stack) -> None:
    other = Stack(stack.config, user(stack.aws, "*"))
    diagnosis = examine(lambda: other)
    assert bad(diagnosis) == []
    assert "The permissions are complete" in [one.what for one in diagnosis.of(Severity.OK)]


def test_the_actions_that_an_operator_lacks_are_named_with_what_needs_them(stack: Stack) -> None:
    allowed = [
        f"{one}:*"
        for one in [
            "iam",
            "logs",
            "apigateway",
            "tag",
            "cloudwatch",
            "execute-api",
            "sts",
            "dynamodb",
            "account",
            "servicequotas",
        ]
    ]
    other = Stack(stack.config, user(stack.aws, *allowed, "lambda:Get*", "lambda:List*"))
    (found,) = bad(examine(lambda: other))
    assert found.severity is WARNING, "who only watches needs few of them"
    assert found.what == "These credentials do not suffice for up, plan, down"
    assert "lambda:CreateFunction" in found.why and "lambda:GetFunction," not in found.why
    assert found.hint == "chatops policy --for deploy"


def test_who_may_not_simulate_is_told_plainly_and_no_more(stack: Stack) -> None:
    other = Stack(stack.config, user(stack.aws, "sts:*", "apigateway:GET", "tag:GetResources", "iam:ListRoles"))
    diagnosis = examine(lambda: other)
    assert diagnosis.is_ok
    (found,) = (one for one in diagnosis.findings if one.what.startswith("The permissions"))
    assert (found.severity, found.what) == (Severity.INFO, "The permissions could not be checked")
    assert "SimulatePrincipalPolicy" in found.why


# Credentials: what botocore knows of them, without AWS.


def told(credentials: Any, arn: str = "arn:aws:sts::123456789012:assumed-role/ops/me") -> Finding:
    aws = Aws(REGION)
    aws.__dict__["_session"] = SimpleNamespace(get_credentials=lambda: credentials)
    patient = Patient(SimpleNamespace(aws=aws), arn, 0.0, "", 60)  # type: ignore[arg-type]
    return next(iter(identity.credentials(patient)))


def test_credentials_are_told_with_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    now = datetime.now(timezone.utc)
    assert "does not expire" in told(Credentials("a", "b")).why
    unknown = told(Credentials("a", "b", "token"))
    assert (unknown.severity, "do not say until when" in unknown.why) == (Severity.INFO, True)
    renewed = told(RefreshableCredentials("a", "b", "c", now + timedelta(minutes=5), lambda: {}, "sso"))
    assert (renewed.severity, "are renewed" in renewed.why) == (Severity.OK, True)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(minutes=5)).isoformat())
    ending = told(Credentials("a", "b", "token"))
    assert (ending.severity, ending.what) == (WARNING, "The credentials end in 5 minutes")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(hours=5)).isoformat().replace("+00:00", "Z"))
    assert told(Credentials("a", "b", "token")).severity is Severity.OK
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(hours=5)).replace(tzinfo=None).isoformat())
    assert told(Credentials("a", "b", "token")).severity is Severity.OK, "a time of no zone is UTC's"
    assert told(Credentials("other", "b", "token")).severity is Severity.INFO, "it is about other credentials"


def test_the_root_user_is_a_warning() -> None:
    found = told(Credentials("a", "b"), "arn:aws:iam::123456789012:root")
    assert (found.severity, found.what) == (WARNING, "The credentials are the account's root user")


# The command.


def run(proxy: Proxy, stack: Stack, *arguments: str) -> Result:
    where = ["--region", REGION, "--endpoint-url", proxy.url, "--config", str(stack.config.file)]
    return CliRunner().invoke(diagnose.app, ["doctor", *arguments, *where])


def test_it_exits_with_one_only_when_something_is_broken(proxy: Proxy, stack: Stack) -> None:
    assert run(proxy, stack).exit_code == 0
    change_a_timeout(stack)
    assert run(proxy, stack).exit_code == 0, "a warning is no error"
    delete_the_table(stack)
    assert run(proxy, stack).exit_code == 1


def test_json_is_one_document_of_findings(proxy: Proxy, stack: Stack) -> None:
    delete_the_table(stack)
    shown = run(proxy, stack, "--json")
    (line,) = shown.stdout.splitlines()
    document = json.loads(line)
    assert document["ok"] is False
    assert document["region"] == REGION
    assert all(set(one) == {"severity", "what", "why", "hint"} for one in document["findings"])
    assert document["findings"][0]["severity"] == "error", "the worst first"
    assert {one["severity"] for one in document["findings"]} <= {"error", "warning", "info", "ok"}


def test_it_is_plain_in_a_pipe_and_each_finding_ends_with_what_mends_it(proxy: Proxy, stack: Stack) -> None:
    delete_the_table(stack)
    lines = run(proxy, stack).stdout.splitlines()
    assert lines[:3] == [
        "✗ table.websocket-connections is missing",
        "  the config asks for it",
        f"  → chatops up --config {stack.config.file} --region {REGION} --endpoint-url {proxy.url}",
    ]
    assert lines[-1].startswith("1 error, 1 note, ")
    assert not [line for line in lines if "\x1b" in line]


def test_a_wrong_config_or_region_is_a_finding_and_no_crash(proxy: Proxy, stack: Stack) -> None:
    stack.config.file.write_text("stakc: x\n")
    broken = run(proxy, stack, "--json")
    assert broken.exit_code == 1
    (found,) = json.loads(broken.stdout)["findings"]
    assert "did you mean stack?" in found["why"]
    stack.config.file.write_text(SMALL)
    where = ["--endpoint-url", proxy.url, "--config", str(stack.config.file), "--json"]
    lost = CliRunner().invoke(diagnose.app, ["doctor", *where])
    assert lost.exit_code == 1
    assert json.loads(lost.stdout)["findings"][0]["what"] == "No region is chosen"


def test_a_handler_that_cannot_be_packed_is_an_error(proxy: Proxy, stack: Stack) -> None:
    broken = stack.config.file.with_name("broken.py")
    broken.write_text("def lambda_handler(:\n")
    stack.config.file.write_text(SMALL.replace("handlers/connect.py", "broken.py"))
    shown = run(proxy, stack, "--json")
    assert shown.exit_code == 1
    assert "broken.py:1" in json.loads(shown.stdout)["findings"][0]["why"]


def test_a_flag_that_overrules_the_config_is_told(proxy: Proxy, stack: Stack) -> None:
    stack.config.file.write_text(SMALL + "region: us-east-1\n")
    document = json.loads(run(proxy, stack, "--json").stdout)
    told = [one["what"] for one in document["findings"] if one["severity"] == "warning"]
    assert told == [f"The region is {REGION}, and the config says us-east-1"]


def test_what_somebody_saw_is_told_with_its_causes_first(proxy: Proxy, stack: Stack) -> None:
    document = json.loads(run(proxy, stack, "--json", "--saw", '{"message": "Internal server error"}').stdout)
    first, second = document["findings"][:2]
    assert first["what"] == second["what"] == "'Internal server error' may come from this"
    assert first["why"] == "API Gateway may not invoke the function of this route"
    unknown = json.loads(run(proxy, stack, "--json", "--saw", "a purple cow").stdout)
    assert "no symptom that chatops knows" in unknown["findings"][0]["what"]


def test_escape_sequences_in_a_log_are_shown_and_not_obeyed(proxy: Proxy, stack: Stack) -> None:
    say(stack, "[ERROR] boom \x1b[2Jgone \u202e")
    shown = run(proxy, stack)
    assert "\x1b" not in shown.stdout and "\u202e" not in shown.stdout
    assert "boom \\x1b[2Jgone \\u202e" in shown.stdout


def say(stack: Stack, *lines: str, ago: float = 0.0, function: str = "websocket-send") -> None:
    """Puts lines into a function's log, so many seconds ago."""
    client, group, stream = stack.aws.client("logs"), f"/aws/lambda/{function}", f"stream-{ago:.0f}"
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    at = int((time.time() - ago) * 1000)
    events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_what_a_function_said_often_is_told_once_with_its_number_and_last_line(stack: Stack) -> None:
    say(stack, "START", "2025 Task timed out after 29.00 seconds", "END", "2025 Task timed out after 29.01 seconds")
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "websocket-send: Task timed out, 2 times, last just now"
    assert "29.01 seconds" in found.why


def test_what_has_not_come_back_for_a_while_is_only_a_warning(stack: Stack) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=logs.RECENT + 60)
    (found,) = bad(examine(lambda: again(stack)))
    assert found.severity is WARNING
    assert "not since: it may be mended" in found.what


def test_what_was_said_before_the_time_that_is_asked_for_is_not_told(stack: Stack) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=7200)
    assert bad(examine(lambda: again(stack), since=3600)) == []
    assert len(bad(examine(lambda: again(stack), since=9000))) == 1


def test_a_log_that_takes_too_long_to_search_is_told(
    proxy: Proxy, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch gives empty pages while it searches."""
    monkeypatch.setattr(logs, "PATIENCE", 0.3)
    numbers = itertools.count()

    def page(one: Request) -> Answer | None:
        body = json.dumps({"events": [], "nextToken": str(next(numbers))})
        return Answer(200, body) if one.operation == "FilterLogEvents" else None

    proxy.rules.append(page)
    diagnosis = examine(lambda: again(stack))
    told = [one.what for one in diagnosis.of(Severity.INFO)]
    assert "The log of websocket-send was searched in part only" in told
    assert not [one for one in diagnosis.of(Severity.OK) if "show no trouble" in one.what]


def test_on_aws_the_logs_are_searched_by_words_that_every_symptom_of_theirs_has() -> None:
    """Sent as a filter pattern: any of these words, at most 1,024 characters, each word in the lines it is to find."""
    asked: list[dict[str, Any]] = []

    def paginate(**arguments: Any) -> list[Any]:
        asked.append(arguments)
        return []

    paginator = SimpleNamespace(paginate=paginate)
    client = SimpleNamespace(get_paginator=lambda _: paginator)
    patient = SimpleNamespace(is_local=False, since=60, now=1e9, aws=SimpleNamespace(client=lambda _: client))
    assert list(logs._pages(patient, "/aws/lambda/x")) == []  # type: ignore[arg-type]
    pattern = asked[0]["filterPattern"]
    assert '?"Task timed out"' in pattern and "?" + '"Traceback"' in pattern
    assert len(pattern) <= 1024
    patient.since = 10**12
    list(logs._pages(patient, "/aws/lambda/x"))  # type: ignore[arg-type]
    assert asked[1]["startTime"] == 0, "and not before there was time"


def test_every_check_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(set(CHECKS.values())) == len(CHECKS)
    assert all((check.__doc__ or "").strip().endswith((".", "html")) for check in CHECKS.values())
