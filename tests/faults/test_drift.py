"""Every property that we manage, changed by hand, one at a time: `plan` shows its path, and `up` repairs it alone."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatops import config, plans
from chatops.aws import STACK_TAG, Aws
from chatops.deploy.apply import apply
from chatops.deploy.plan import Action
from chatops.stack import Stack

from .bench import REGION, SMALL, STACK, Bench
from .proxy import Proxy

EVERYTHING = """
functions:
  connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  send:
    source: handlers/send.py
    allow: [dynamodb:Scan, execute-api:ManageConnections]
    reserved_concurrency: 3
websocket:
  routes: {$connect: connect, sendMessage: send}
  throttle: {rate: 20, burst: 40, routes: {$connect: {rate: 5, burst: 9}}}
http_apis:
  page:
    routes: {GET /: connect}
    throttle: {rate: 20, burst: 40, routes: {GET /: {rate: 5, burst: 9}}}
"""
"""Sets every property that one may leave out."""

TABLE, ROLE = "websocket-connections", "send-ap-northeast-2"
NOTHING: dict[str, Any] = {"Effect": "Deny", "Action": "*", "Resource": "*"}
NOBODY: dict[str, Any] = {"Version": "2012-10-17", "Statement": [NOTHING]}
TRUST: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True)
class Drift:
    """What a person changes, and the paths at which the plan shows it."""

    title: str
    change: Callable[[Bench], object]
    paths: tuple[str, ...]


def throughput(bench: Bench) -> None:
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    bench.client("dynamodb").update_table(TableName=TABLE, BillingMode="PROVISIONED", ProvisionedThroughput=units)


def no_time_to_live(bench: Bench) -> None:
    off = {"Enabled": False, "AttributeName": "expiresAt"}
    bench.client("dynamodb").update_time_to_live(TableName=TABLE, TimeToLiveSpecification=off)


def policy(bench: Bench) -> None:
    bench.client("iam").put_role_policy(RoleName=ROLE, PolicyName="chatops", PolicyDocument=json.dumps(NOBODY))


def attached(bench: Bench) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam = bench.client("iam")
    arn = iam.create_policy(PolicyName="theirs", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=arn)


def other_code(bench: Bench) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("send.py", "def lambda_handler(event, context):\n    return {}\n")
    bench.client("lambda").update_function_code(FunctionName="send", ZipFile=buffer.getvalue())


def function(**settings: Any) -> Callable[[Bench], object]:
    return lambda bench: bench.client("lambda").update_function_configuration(FunctionName="send", **settings)


def environment(bench: Bench) -> None:
    client = bench.client("lambda")
    now = client.get_function_configuration(FunctionName="send")["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName="send", Environment={"Variables": {**now, "WEBSOCKET_TABLE": "other", "MORE": "1"}}
    )


def gateway(operation: str, api: str = "websocket-api", **given: Any) -> Callable[[Bench], object]:
    return lambda bench: getattr(bench.client("apigatewayv2"), operation)(ApiId=bench.api_id(api), **given)


def route(bench: Bench, key: str, api: str = "websocket-api") -> dict[str, str]:
    routes = bench.each("apigatewayv2", "get_routes", "Items", ApiId=bench.api_id(api))
    return {"ApiId": bench.api_id(api), "RouteId": next(one["RouteId"] for one in routes if one["RouteKey"] == key)}


def integration(bench: Bench, key: str, api: str = "websocket-api") -> dict[str, str]:
    target = bench.client("apigatewayv2").get_route(**route(bench, key, api))["Target"]
    return {"ApiId": bench.api_id(api), "IntegrationId": target.partition("/")[2]}


def moved(bench: Bench) -> None:
    target = f"integrations/{integration(bench, '$connect')['IntegrationId']}"
    bench.client("apigatewayv2").update_route(**route(bench, "sendMessage"), Target=target)


def more_routes(bench: Bench) -> None:
    target = f"integrations/{integration(bench, '$connect')['IntegrationId']}"
    gateway("create_route", RouteKey="theirs", Target=target)(bench)


def other_integration(api: str, key: str, **settings: str) -> Callable[[Bench], object]:
    return lambda bench: bench.client("apigatewayv2").update_integration(**integration(bench, key, api), **settings)


def another_integration(bench: Bench) -> None:
    uri = bench.client("apigatewayv2").get_integration(**integration(bench, "$connect"))["IntegrationUri"]
    gateway("create_integration", IntegrationType="AWS_PROXY", IntegrationUri=uri)(bench)


def not_permitted(bench: Bench) -> None:
    client = bench.client("lambda")
    for one in json.loads(client.get_policy(FunctionName="send")["Policy"])["Statement"]:
        client.remove_permission(FunctionName="send", StatementId=one["Sid"])


def all_permitted(bench: Bench) -> None:
    bench.client("lambda").add_permission(
        FunctionName="send", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )


def older_deployment(bench: Bench) -> None:
    made = gateway("create_deployment", Description="by hand")(bench)
    assert isinstance(made, dict)
    gateway("update_stage", StageName="demo", DeploymentId=made["DeploymentId"])(bench)


def another_stage(bench: Bench) -> None:
    gateway("create_stage", StageName="theirs", Tags={STACK_TAG: STACK})(bench)


def duplicate(bench: Bench) -> None:
    bench.client("apigatewayv2").create_api(
        Name="websocket-api",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
        Tags={STACK_TAG: STACK},
    )


def trust(bench: Bench) -> None:
    bench.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(TRUST))


def another_policy(bench: Bench) -> None:
    bench.client("iam").put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=json.dumps(NOBODY))


def other_role(bench: Bench) -> None:
    arn = bench.client("iam").get_role(RoleName="connect-ap-northeast-2")["Role"]["Arn"]
    function(Role=arn)(bench)


def retention(bench: Bench) -> None:
    bench.client("logs").put_retention_policy(logGroupName="/aws/lambda/send", retentionInDays=1)


def no_retention(bench: Bench) -> None:
    bench.client("logs").delete_retention_policy(logGroupName="/aws/lambda/send")


def deleted(service: str, operation: str, **given: str) -> Callable[[Bench], object]:
    return lambda bench: getattr(bench.client(service), operation)(**given)


def forget_api(bench: Bench) -> None:
    # The statement that lets the API in names its id, stays until the function goes, and does no harm.
    not_permitted(bench)
    client = bench.client("lambda")
    for one in json.loads(client.get_policy(FunctionName="connect")["Policy"])["Statement"]:
        if bench.api_id() in json.dumps(one):
            client.remove_permission(FunctionName="connect", StatementId=one["Sid"])
    gateway("delete_api")(bench)


def selection(bench: Bench) -> None:
    gateway("update_api", RouteSelectionExpression="$request.body.do")(bench)


LIMIT = {"ThrottlingRateLimit": 9000.0, "ThrottlingBurstLimit": 4000}
OWN = {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 9}
WS, PAGE, SEND = "stage.websocket-api", "stage.page", "function.send"
DRIFTS = [
    Drift("billing", throughput, (f"table.{TABLE}:billing",)),
    Drift("time to live", no_time_to_live, (f"table.{TABLE}:time_to_live",)),
    Drift("retention", retention, ("log_group./aws/lambda/send:retention",)),
    Drift("no retention", no_retention, ("log_group./aws/lambda/send:retention",)),
    Drift("trust", trust, (f"role.{ROLE}:trust.Statement",)),
    Drift("policy", policy, (f"role.{ROLE}:policies.chatops.Statement",)),
    Drift("another policy", another_policy, (f"role.{ROLE}:policies.more",)),
    Drift("attached policy", attached, (f"role.{ROLE}:attached_policies",)),
    Drift("runtime", function(Runtime="python3.11"), (f"{SEND}:runtime",)),
    Drift("handler", function(Handler="other.handler"), (f"{SEND}:handler",)),
    Drift("memory", function(MemorySize=1024), (f"{SEND}:memory",)),
    Drift("timeout", function(Timeout=3), (f"{SEND}:timeout",)),
    Drift("environment", environment, (f"{SEND}:environment.MORE", f"{SEND}:environment.WEBSOCKET_TABLE")),
    Drift("no environment", function(Environment={"Variables": {}}), ()),
    Drift("role", other_role, (f"{SEND}:role",)),
    Drift(
        "reserved concurrency",
        lambda bench: bench.client("lambda").put_function_concurrency(
            FunctionName="send", ReservedConcurrentExecutions=7
        ),
        (f"{SEND}:reserved_concurrency",),
    ),
    Drift(
        "no reserved concurrency",
        lambda bench: bench.client("lambda").delete_function_concurrency(FunctionName="send"),
        (f"{SEND}:reserved_concurrency",),
    ),
    Drift("code", other_code, (f"{SEND}:code_sha256",)),
    Drift("route selection", selection, ("websocket_api.websocket-api:route_selection",)),
    Drift("a second API", duplicate, ("websocket_api.websocket-api:duplicates",)),
    Drift("a moved route", moved, (f"{WS}:routes.sendMessage.integration", f"{WS}:unused_integrations")),
    Drift(
        "a route without its integration",
        lambda bench: bench.client("apigatewayv2").update_route(**route(bench, "sendMessage"), Target=""),
        (f"{WS}:routes.sendMessage.integration", f"{WS}:unused_integrations"),
    ),
    Drift(
        "a deleted route",
        lambda bench: bench.client("apigatewayv2").delete_route(**route(bench, "sendMessage")),
        (f"{WS}:routes.sendMessage", f"{WS}:unused_integrations"),
    ),
    Drift("one more route", more_routes, (f"{WS}:routes.theirs",)),
    Drift(
        "authorization",
        lambda bench: bench.client("apigatewayv2").update_route(
            **route(bench, "$connect"), AuthorizationType="AWS_IAM"
        ),
        (f"{WS}:routes.$connect.authorization",),
    ),
    Drift(
        "an integration with another function",
        other_integration("websocket-api", "$connect", IntegrationUri="arn:aws:lambda:x:1:function:other"),
        (f"{WS}:routes.$connect.integration",),
    ),
    Drift(
        "the payload's format",
        other_integration("page", "GET /", PayloadFormatVersion="1.0"),
        (f"{PAGE}:routes.GET /.payload_format",),
    ),
    Drift("an unused integration", another_integration, (f"{WS}:unused_integrations",)),
    Drift("a missing permission", not_permitted, (f"{WS}:permissions.send",)),
    Drift("a broad permission", all_permitted, (f"{WS}:permissions.send",)),
    Drift("another deployment", older_deployment, (f"{WS}:stages.demo.deployment", f"{WS}:unused_deployments")),
    Drift(
        "a deployment that no stage serves",
        gateway("create_deployment", Description="chatops 0123456789abcdef"),
        (f"{WS}:unused_deployments",),
    ),
    Drift("one more stage", another_stage, (f"{WS}:stages.theirs",)),
    Drift(
        "a deleted stage",
        gateway("delete_stage", StageName="demo"),
        (f"{WS}:stages.demo", f"{WS}:unused_deployments"),
    ),
    Drift(
        "AutoDeploy on",
        gateway("update_stage", StageName="demo", AutoDeploy=True),
        (f"{WS}:stages.demo.auto_deploy",),
    ),
    Drift(
        "AutoDeploy off",
        gateway("update_stage", "page", StageName="$default", AutoDeploy=False),
        (f"{PAGE}:stages.$default.auto_deploy",),
    ),
    Drift(
        "another throttle",
        gateway("update_stage", StageName="demo", DefaultRouteSettings=LIMIT),
        (f"{WS}:stages.demo.throttle.rate", f"{WS}:stages.demo.throttle.burst"),
    ),
    Drift(
        "a route's own throttle",
        gateway("update_stage", StageName="demo", RouteSettings={"$connect": OWN, "sendMessage": LIMIT}),
        (f"{WS}:stages.demo.route_throttles.sendMessage",),
    ),
    Drift(
        "another throttle of a page",
        gateway("update_stage", "page", StageName="$default", DefaultRouteSettings=LIMIT),
        (f"{PAGE}:stages.$default.throttle.rate", f"{PAGE}:stages.$default.throttle.burst"),
    ),
    Drift(
        "another throttle of a page's route",
        gateway("update_stage", "page", StageName="$default", RouteSettings={"GET /": LIMIT}),
        (f"{PAGE}:stages.$default.route_throttles.GET /.rate", f"{PAGE}:stages.$default.route_throttles.GET /.burst"),
    ),
    Drift("a deleted log group", deleted("logs", "delete_log_group", logGroupName="/aws/lambda/send"), ()),
    Drift("a deleted function", deleted("lambda", "delete_function", FunctionName="send"), ()),
    Drift("a deleted table", deleted("dynamodb", "delete_table", TableName=TABLE), ()),
    Drift("a deleted API", forget_api, ()),
]


@dataclass
class Standing:
    """A stack that is up, and what there is then."""

    bench: Bench
    stack: Stack
    expected: dict[str, Any]

    def plan(self) -> dict[str, set[str]]:
        """The paths that the plan shows, by resource."""
        plan = plans.up(self.stack)
        return {step.name: {change.path for change in step.changes} for step in plan.steps if step.changes}


@pytest.fixture(scope="module")
def once(
    ministack: str, reset_ministack: Callable[[], None], proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Standing:
    bench = Bench(ministack, proxy, tmp_path_factory.mktemp("drift"), reset_ministack)
    file = bench.folder / bench.write(EVERYTHING)
    aws = Aws(REGION, endpoint_url=proxy.url, keys=("test", "test"))
    return Standing(bench, Stack(config.load(file), aws), {})


@pytest.fixture
def standing(once: Standing, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """The stack as it should be. It is put there anew only after a test that did not repair it."""
    monkeypatch.setattr("chatops.aws.RATES", {})
    if not once.expected or once.bench.inventory() != once.expected:
        once.bench.reset()
        assert not apply(plans.up(once.stack), once.stack.aws, lambda _: None, threading.Event()).failed
        once.expected = once.bench.inventory()
    return once


def size(number: int) -> Any:
    """`make test` tries every twentieth, `make test-slow` every fourth."""
    return pytest.mark.exhaustive if number % 4 else pytest.mark.slow if number % 20 else ()


@pytest.mark.parametrize(
    "drift",
    [pytest.param(one, id=one.title, marks=size(number)) for number, one in enumerate(DRIFTS)],
)
def test_a_change_by_hand_is_shown_by_its_path_and_repaired_and_nothing_else_changes(
    standing: Standing, drift: Drift
) -> None:
    bench, stack = standing.bench, standing.stack
    drift.change(bench)
    assert bench.inventory() != standing.expected, "the test changed nothing"
    told = standing.plan()
    paths = {f"{name}:{path}" for name, changed in told.items() for path in changed}
    assert paths
    if drift.paths:
        assert paths == set(drift.paths)
    outcome = apply(plans.up(stack), stack.aws, lambda _: None, threading.Event(), settle=5)
    assert not outcome.failed
    assert {*outcome.names(Action.CREATE), *outcome.names(Action.UPDATE)} == set(told)
    assert bench.inventory() == standing.expected
    assert standing.plan() == {}


def paths(value: Any, path: str) -> list[str]:
    """The paths of everything in a property that a plan shows as a whole."""
    return [one for key in value for one in paths(value[key], f"{path}.{key}")] if isinstance(value, dict) else [path]


def managed(resource: str, path: str) -> str:
    """A property, whichever stage or route it is of."""
    kind = f"{resource.partition('.')[0]} of the page" if resource == PAGE else resource.partition(".")[0]
    first, _, rest = path.partition(".")
    word = rest.partition(".")[2].partition(".")[0] if first == "stages" else ""
    return f"{kind}:{first}" + (f".{word}" if word else "")


def test_every_property_that_is_managed_is_in_the_list(bench: Bench) -> None:
    file = bench.folder / bench.write(EVERYTHING)
    aws = Aws(REGION, endpoint_url=bench.proxy.url, keys=("test", "test"))
    changes = [(step.name, one) for step in plans.up(Stack(config.load(file), aws)).steps for one in step.changes]
    all_of_them = {managed(name, path) for name, one in changes for path in paths(one.after, one.path)}
    listed = {managed(*path.split(":", 1)) for one in DRIFTS for path in one.paths}
    assert "stage:stages.route_throttles" in all_of_them
    assert all_of_them - listed == {
        "table:key",  # cannot be changed by hand either
        "http_api:route_selection",
        "http_api:duplicates",  # only the contract test makes a second one
        "stage of the page:permissions",  # like the WebSocket API's
        "stage of the page:unused_integrations",
        "stage of the page:stages.deployment",  # is nothing: what is served is what there is
    }


def test_what_carries_our_tag_no_more_is_not_ours_until_it_is_adopted(standing: Standing) -> None:
    bench, stack = standing.bench, standing.stack
    arn = bench.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableArn"]
    bench.client("dynamodb").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])
    bench.client("iam").untag_role(RoleName=ROLE, TagKeys=[STACK_TAG])
    function_arn = bench.client("lambda").get_function(FunctionName="send")["Configuration"]["FunctionArn"]
    bench.client("lambda").untag_resource(Resource=function_arn, TagKeys=[STACK_TAG])
    group = next(one for one in bench.each("logs", "describe_log_groups", "logGroups") if "send" in one["arn"])
    bench.client("logs").untag_resource(resourceArn=group["arn"].removesuffix(":*"), tagKeys=[STACK_TAG])
    api = f"arn:aws:apigateway:{REGION}::/apis/{bench.api_id('page')}"
    bench.client("apigatewayv2").untag_resource(ResourceArn=api, TagKeys=[STACK_TAG])
    before = bench.inventory()
    blocked = {step.name for step in plans.up(stack).of(Action.BLOCKED)}
    assert blocked == {f"table.{TABLE}", f"role.{ROLE}", SEND, "log_group./aws/lambda/send", "http_api.page", PAGE}
    doomed = {step.name for step in plans.down(stack).of(Action.DELETE)}
    assert not blocked & doomed, "what is not ours is never deleted"
    assert bench.inventory() == before
    outcome = apply(plans.up(stack, adopt=True), stack.aws, lambda _: None, threading.Event(), settle=5)
    assert not outcome.failed
    assert set(outcome.names(Action.ADOPT)) == blocked
    assert bench.inventory() == standing.expected


@pytest.mark.slow
def test_what_others_may_add_is_left_alone(bench: Bench) -> None:
    file = bench.write(SMALL)
    bench.up(file)
    arn = bench.client("dynamodb").describe_table(TableName=TABLE)["Table"]["TableArn"]
    bench.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "blue"}])
    bench.client("iam").tag_role(RoleName=ROLE, Tags=[{"Key": "team", "Value": "blue"}])
    function_arn = bench.client("lambda").get_function(FunctionName="send")["Configuration"]["FunctionArn"]
    bench.client("lambda").tag_resource(Resource=function_arn, Tags={"team": "blue"})
    bench.client("lambda").put_function_concurrency(FunctionName="send", ReservedConcurrentExecutions=7)
    bench.client("lambda").add_permission(
        FunctionName="send", StatementId="theirs", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    bench.client("logs").put_subscription_filter(
        logGroupName="/aws/lambda/send", filterName="theirs", filterPattern="", destinationArn=function_arn
    )
    gateway("create_stage", StageName="theirs")(bench)
    before = bench.inventory()
    assert bench.run("plan", "--check", config=file).code == 0
    bench.client("lambda").update_function_configuration(FunctionName="send", MemorySize=1024)
    assert bench.up(file).last["updated"] == ["function.send"]
    assert bench.inventory() == before
    now = bench.client("lambda").get_function_concurrency(FunctionName="send")
    assert now["ReservedConcurrentExecutions"] == 7
    filters = bench.client("logs").describe_subscription_filters(logGroupName="/aws/lambda/send")
    assert len(filters["subscriptionFilters"]) == 1
