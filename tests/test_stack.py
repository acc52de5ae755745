"""Config → resources: what a stack is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatops.config import load
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import PLACEHOLDER, Blocked, Live, Resource
from chatops.errors import ChatopsError, ConfigError, UsageError
from chatops.resources.function import Function
from chatops.resources.role import Role
from chatops.resources.stage import Stage
from chatops.resources.table import Table
from chatops.stack import CONNECTIONS_ENDPOINT, Stack, outputs

from .resources.stand import REGION, Scripted, ScriptedAws, client_error

HANDLER = "def lambda_handler(event, context): ...\n"
TWO_FUNCTIONS = (
    "functions: {a: {source: handlers/connect.py}, b: {source: handlers/user.py}}\n"
    "websocket: {routes: {$connect: a, more: b}}\n"
    "http_apis: {}\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stack(text: str = "", aws: ScriptedAws | None = None) -> Stack:
    """The stack of a config with this text."""
    Path("c.yaml").write_text(text)
    return Stack(load(Path("c.yaml")), aws or ScriptedAws())


def nothing(_: Resource) -> Live | None:
    return None


def named(one: Stack, name: str) -> Any:
    return next(resource for resource in one.resources if resource.name == name)


def allowed(one: Stack, function: str) -> list[tuple[Any, str]]:
    """What a function's role allows: actions and resource."""
    aws = ScriptedAws()
    api = Live({}, {"api_id": "abc"})
    desired = named(one, f"role.{function}-{REGION}").desired(aws, lambda _: api)
    return [(one["Action"], one["Resource"]) for one in desired["policies"]["chatops"]["Statement"]]


def test_the_default_stack_is_the_tutorials() -> None:
    functions = (
        "websocket-connect",
        "websocket-disconnect",
        "websocket-send",
        "aws-gateway-lambda",
        "aws-gateway-lambda2",
    )
    names = {resource.name for resource in stack().resources}
    assert {f"function.{name}" for name in functions} <= names
    assert {f"role.{name}-{REGION}" for name in functions} <= names
    assert {f"log_group./aws/lambda/{name}" for name in functions} <= names
    assert {"table.websocket-connections", "websocket_api.websocket-api"} <= names
    assert {"http_api.api-gateway-lambda", "http_api.api-gateway-lambda2"} <= names
    assert len(names) == len(stack().resources) == 3 * 5 + 2 + 2 + 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http_apis: {websocket-api: {routes: {GET /: websocket-send}}}",
        "table: {name: websocket-api}\nwebsocket: {name: websocket-api}",
    ],
    ids=["the default", "an HTTP API with the WebSocket API's name", "a table with the WebSocket API's name"],
)
def test_every_resource_has_a_name_of_its_own_or_the_config_is_refused(text: str) -> None:
    try:
        names = [resource.name for resource in stack(text).resources]
    except ConfigError:
        return
    assert sorted(names) == sorted(set(names))


def test_everything_that_a_resource_needs_is_in_the_stack() -> None:
    resources = stack().resources
    for resource in resources:
        assert all(any(need is one for one in resources) for need in resource.dependencies), resource.name


def test_everything_carries_the_name_of_the_stack_with_its_prefix() -> None:
    one = stack("stack: mine\nprefix: dev-\n")
    assert {resource.stack for resource in one.resources} == {"dev-mine"}
    assert all("dev-" in resource.title for resource in one.resources)


def test_each_function_may_do_exactly_what_the_config_says() -> None:
    table = f"arn:aws:dynamodb:{REGION}:123456789012:table/websocket-connections"
    posts = f"arn:aws:execute-api:{REGION}:123456789012:abc/demo/POST/@connections/*"

    def logs(function: str) -> tuple[list[str], str]:
        arn = f"arn:aws:logs:{REGION}:123456789012:log-group:/aws/lambda/{function}:*"
        return (["logs:CreateLogStream", "logs:PutLogEvents"], arn)

    assert allowed(stack(), "websocket-connect") == [logs("websocket-connect"), (["dynamodb:PutItem"], table)]
    assert allowed(stack(), "websocket-disconnect") == [logs("websocket-disconnect"), (["dynamodb:DeleteItem"], table)]
    assert allowed(stack(), "websocket-send") == [
        logs("websocket-send"),
        (["dynamodb:Scan", "dynamodb:DeleteItem"], table),
        (["execute-api:ManageConnections"], posts),
    ]
    assert allowed(stack(), "aws-gateway-lambda2") == [logs("aws-gateway-lambda2")]


def test_an_action_on_something_of_the_users_own_is_allowed_on_that_alone() -> None:
    grant = "{action: s3:GetObject, resource: 'arn:aws:s3:::mine/*'}"
    one = stack(
        f"functions: {{a: {{source: handlers/connect.py, allow: [{grant}]}}}}\n"
        "websocket: {routes: {$connect: a}}\nhttp_apis: {}\n"
    )
    assert (["s3:GetObject"], "arn:aws:s3:::mine/*") in allowed(one, "a")


def environment(one: Stack, function: str) -> Any:
    return named(one, f"function.{function}").desired(one.aws, nothing)["environment"]


def test_a_function_that_uses_the_table_is_told_its_name_and_one_that_does_not_is_not() -> None:
    assert environment(stack(), "websocket-connect")["WEBSOCKET_TABLE"] == "websocket-connections"
    assert "WEBSOCKET_TABLE" not in environment(stack(), "aws-gateway-lambda2")


def test_a_key_of_another_name_is_told_to_those_who_use_the_table() -> None:
    one = stack("table: {key: id}\nprefix: dev-")
    told = environment(one, "dev-websocket-send")
    assert (told["WEBSOCKET_TABLE"], told["TABLE_KEY"]) == ("dev-websocket-connections", "id")
    assert "TABLE_KEY" not in environment(stack(), "websocket-send")


def test_the_chats_address_takes_the_place_of_its_name_in_the_environment() -> None:
    page = named(stack(), "function.aws-gateway-lambda")
    assert page.desired(ScriptedAws(), nothing)["environment"]["WEBSOCKET_URL"] == PLACEHOLDER
    api = Live({}, {"api_id": "abc", "websocket_url": "wss://abc/demo"})
    known = page.desired(ScriptedAws(), lambda other: api if other.kind == "websocket_api" else None)
    assert known["environment"]["WEBSOCKET_URL"] == "wss://abc/demo"


def test_functions_that_post_are_led_to_what_stands_in_for_aws_and_only_then() -> None:
    assert CONNECTIONS_ENDPOINT not in environment(stack(), "websocket-send")
    aws = ScriptedAws()
    aws.endpoint_url = "http://127.0.0.1:4566"
    assert environment(stack(aws=aws), "websocket-send")[CONNECTIONS_ENDPOINT] == PLACEHOLDER
    assert CONNECTIONS_ENDPOINT not in environment(stack(aws=aws), "websocket-connect")


def test_every_page_of_the_stacks_own_may_open_the_chat_beside_those_that_are_allowed() -> None:
    page = '{routes: {"%s": aws-gateway-lambda}}'
    apis = f"http_apis: {{one: {page % 'GET /'}, two: {page % 'ANY /'}, three: {page % '$default'}}}\n"

    def origins(allowed: str) -> str | None:
        one = stack(f"websocket: {{allowed_origins: {allowed}}}\n{apis}")
        connect = named(one, "function.websocket-connect")
        assert all(any(need is other for other in one.resources) for need in connect.dependencies)
        known: dict[str, dict[str, str]] = connect.desired(
            ScriptedAws(), lambda api: Live({}, {"arn": "r", "origin": f"https://{api.title}"})
        )
        return known["environment"].get("ALLOWED_ORIGINS")

    assert origins("[own]") == "https://one,https://two,https://three"
    assert origins("['https://a', own]") == "https://a,https://one,https://two,https://three"
    assert origins("['https://a']") == "https://a,https://one,https://two,https://three"
    assert origins("[]") is None


@pytest.mark.parametrize("route", ["GET /", "ANY /", "$default"])
def test_the_page_is_found_at_whichever_route_leads_to_it(route: str) -> None:
    assert stack(f'http_apis: {{home: {{routes: {{"{route}": aws-gateway-lambda}}}}}}').page == "home"


def test_a_stack_without_a_page_says_what_one_is() -> None:
    with pytest.raises(UsageError, match="no chat page"):
        _ = stack("http_apis: {}").page


def test_a_stage_needs_its_functions_and_a_function_its_role_and_log_group() -> None:
    one = stack()
    chat = named(one, "stage.websocket-api")
    assert {need.name for need in chat.dependencies} >= {"websocket_api.websocket-api", "function.websocket-send"}
    send = named(one, "function.websocket-send")
    assert {type(need).__name__ for need in send.dependencies} >= {"Role", "LogGroup"}


@pytest.mark.parametrize(("auth", "expected"), [("none", "NONE"), ("iam", "AWS_IAM")])
def test_only_the_handshake_asks_for_a_signature_and_only_when_the_config_says_so(auth: str, expected: str) -> None:
    routes = named(stack(f"websocket: {{auth: {auth}}}"), "stage.websocket-api").desired(ScriptedAws(), nothing)[
        "routes"
    ]
    assert {key: route["authorization"] for key, route in routes.items()} == {
        "$connect": expected,
        "$disconnect": "NONE",
        "sendMessage": "NONE",
        "$default": "NONE",
    }


def test_the_code_is_what_the_sources_are_and_changes_with_them(folder: Path) -> None:
    (folder / "handlers").mkdir()
    mine = folder / "handlers" / "connect.py"
    hashes = []
    for text in ("x = 1\n", "x = 1\n", "x = 2\n"):
        mine.write_text(text + HANDLER)
        hashes.append(named(stack(TWO_FUNCTIONS), "function.a").code_sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_file_that_a_stack_is_made_from_is_known(folder: Path) -> None:
    (folder / "handlers").mkdir()
    for name, text in (("connect", "import near\n" + HANDLER), ("near", "")):
        (folder / "handlers" / f"{name}.py").write_text(text)
    assert {path.name for path in stack(TWO_FUNCTIONS).files} == {"c.yaml", "connect.py", "near.py", "user.py"}


@pytest.mark.parametrize("prefix", ["", "prefix: dev-\n"])
def test_a_source_that_is_not_python_is_a_problem_of_the_config_with_file_and_line(folder: Path, prefix: str) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "connect.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(ConfigError) as raised:
        _ = stack(prefix + TWO_FUNCTIONS).resources
    (problem,) = raised.value.problems
    assert problem.startswith("handlers/connect.py:2: functions.a.source: ")


def test_a_handler_that_cannot_be_packed_keeps_nothing_from_being_deleted(folder: Path) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "connect.py").write_text("import nowhere\ndef f(:\n")
    gone = client_error("ResourceNotFoundException")
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={}),
        iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    one = stack(TWO_FUNCTIONS, aws)
    assert {step.name for step in one.plan_down().steps} >= {"function.a", "table.websocket-connections"}
    with pytest.raises(ConfigError):
        one.plan_up()


API = {
    "ApiId": "abc",
    "Name": "websocket-api",
    "ProtocolType": "WEBSOCKET",
    "RouteSelectionExpression": "$request.body.action",
    "CreatedDate": "2025-01-31",
    "Tags": {"chatops:stack": "websocket-chat"},
}


def with_apis(*apis: dict[str, Any]) -> ScriptedAws:
    return ScriptedAws(apigatewayv2=Scripted(get_apis={"Items": list(apis)}))


def test_a_url_is_that_of_the_chat_or_of_an_http_api_by_its_name_in_the_config() -> None:
    page = {**API, "ApiId": "page", "Name": "api-gateway-lambda", "ProtocolType": "HTTP"}
    one = stack(aws=with_apis(API, page))
    assert one.url(None) == f"wss://abc.execute-api.{REGION}.amazonaws.com/demo"
    assert one.url("api-gateway-lambda").rstrip("/") == f"https://page.execute-api.{REGION}.amazonaws.com"


def test_the_url_of_what_does_not_exist_or_is_not_ours_is_an_error_that_says_what_to_do() -> None:
    for apis in ([], [{**API, "Tags": {}}], [{**API, "Tags": {"chatops:stack": "other"}}]):
        with pytest.raises(ChatopsError) as raised:
            stack(aws=with_apis(*apis)).url(None)
        assert "chatops up" in raised.value.hint


def test_the_url_of_an_api_that_the_config_does_not_have_suggests_one() -> None:
    with pytest.raises(UsageError) as raised:
        stack(aws=with_apis()).url("api-gatewya-lambda")
    assert raised.value.hint == "Did you mean api-gateway-lambda?"


def test_the_outputs_are_the_addresses_of_what_exists() -> None:
    one = stack()
    live: dict[str, Live | None] = {
        "websocket_api.websocket-api": Live({}, {"websocket_url": "wss://x/demo"}),
        "http_api.api-gateway-lambda": Live({}, {"http_url": "https://y"}),
        "http_api.api-gateway-lambda2": None,
    }
    found = outputs(one, live)
    assert found["websocket_url"] == "wss://x/demo"
    assert list(found["http_urls"]) == ["api-gateway-lambda"]
    assert outputs(one, {}) == {"websocket_url": None, "http_urls": {}}


def leavings(text: str, *arns: str, roles: tuple[str, ...] = (), apis: tuple[dict[str, Any], ...] = ()) -> set[str]:
    """What is left over, when these carry the stack's tag."""
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(
            get_resources={"ResourceTagMappingList": [{"ResourceARN": arn} for arn in arns]}
        ),
        iam=Scripted(list_roles={"Roles": [{"RoleName": name} for name in roles]}),
        apigatewayv2=Scripted(get_apis={"Items": list(apis)}),
    )
    return {resource.name for resource in stack(text, aws).leftovers()}


def test_what_is_tagged_and_no_longer_in_the_config_is_left_over() -> None:
    arn = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
    found = leavings(
        "",
        arn.format("dynamodb", "table/old-table"),
        arn.format("lambda", "function:old"),
        arn.format("logs", "log-group:/aws/lambda/old"),
        arn.format("s3", "bucket"),
        roles=(f"old-{REGION}",),
        apis=({**API, "Name": "old-api"}, {**API, "Name": "old-page", "ProtocolType": "HTTP"}),
    )
    assert found >= {
        "table.old-table",
        "function.old",
        "log_group./aws/lambda/old",
        f"role.old-{REGION}",
        "websocket_api.old-api",
        "http_api.old-page",
    }
    assert all("old" in name for name in found)


def test_a_function_is_left_over_with_its_role_and_log_group_whichever_of_them_is_found() -> None:
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:old"
    all_three = {"function.old", "log_group./aws/lambda/old", f"role.old-{REGION}"}
    assert leavings("", arn) == leavings("", roles=(f"old-{REGION}",)) == all_three


def test_a_table_that_goes_with_up_spares_the_rows_that_came_since_the_plan_and_with_down_does_not() -> None:
    arn = f"arn:aws:dynamodb:{REGION}:123456789012:table/old"
    table = {"TableStatus": "ACTIVE", "TableArn": arn, "AttributeDefinitions": [], "KeySchema": []}
    gone = client_error("ResourceNotFoundException")

    class Dynamo(Scripted):
        def describe_table(self, TableName: str) -> Any:  # noqa: N803
            if TableName != "old":
                raise gone
            return {"Table": table}

    dynamodb = Dynamo(
        describe_time_to_live={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
        list_tags_of_resource={"Tags": [{"Key": "chatops:stack", "Value": "websocket-chat"}]},
        scan=[{"Items": []}, {"Items": [{"connectionId": {"S": "new"}}]}],
        delete_table={},
    )
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={"ResourceTagMappingList": [{"ResourceARN": arn}]}),
        iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=dynamodb,
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    (step,) = stack(TWO_FUNCTIONS, aws).plan_up().of(Action.DELETE)
    with pytest.raises(Blocked, match="lists connections again"):
        step.resource.delete(aws, nothing)
    assert "delete_table" not in dynamodb.called()
    assert all(one["ConsistentRead"] for one in dynamodb.given("scan"))
    (step,) = stack(TWO_FUNCTIONS, aws).plan_down().of(Action.DELETE)
    table["TableStatus"] = "ACTIVE"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dynamo, "describe_table", lambda self, TableName: (_ for _ in ()).throw(gone))  # noqa: N803
        step.resource.delete(aws, nothing)
    assert "delete_table" in dynamodb.called()


def test_what_only_has_our_names_does_not_make_a_stack() -> None:
    one = stack()
    name = "table.websocket-connections"
    assert not one.is_in(Plan((), {name: Live({}, owner="other"), "role.a": Live({}), "role.b": None}))
    assert one.is_in(Plan((), {name: Live({}, owner="other"), "role.a": Live({}, owner="websocket-chat")}))


def test_the_tables_of_a_plan_are_those_that_exist_each_by_the_key_that_it_has() -> None:
    one = stack("table: {key: other}\n")
    old, gone = Table("websocket-chat", "old", ""), Table("websocket-chat", "gone", "")
    steps = tuple(Step(resource, Action.DELETE) for resource in (*one.resources, old, gone))
    live = {
        "table.websocket-connections": Live({"key": {"connectionId": "S"}}),
        "table.old": Live({"key": {"id": "S", "sort": "N"}}),
    }
    found = [(table.name, table.key) for table in one.tables(Plan(steps, live))]
    assert found == [("websocket-connections", "connectionId"), ("old", "id")]


def test_what_is_in_the_config_is_not_left_over() -> None:
    arn = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
    assert not leavings(
        "",
        arn.format("dynamodb", "table/websocket-connections"),
        arn.format("lambda", "function:websocket-send"),
        arn.format("logs", "log-group:/aws/lambda/websocket-send:*"),
        roles=(f"websocket-send-{REGION}",),
        apis=(API,),
    )


def test_an_api_of_another_stack_is_not_left_over() -> None:
    other = {"chatops:stack": "other"}
    assert not leavings("", apis=({**API, "Name": "x", "Tags": other}, {**API, "Name": "y", "Tags": {}}))


def test_a_function_taken_out_of_the_config_is_deleted_with_its_role_and_log_group() -> None:
    gone = client_error("ResourceNotFoundException")
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:old"
    configuration = {"MemorySize": 1, "Timeout": 1, "Role": "r", "CodeSha256": "c", "FunctionArn": arn}
    tags = {"chatops:stack": "websocket-chat"}
    group = {"logGroups": [{"logGroupName": "/aws/lambda/old", "retentionInDays": 14}]}
    live_role = {
        "Arn": "r",
        "Path": "/",
        "AssumeRolePolicyDocument": {},
        "Tags": [{"Key": "chatops:stack", "Value": "websocket-chat"}],
    }

    class Lambda(Scripted):
        def __getattr__(self, name: str) -> Any:
            if name == "get_function":
                return self._get_function
            return super().__getattr__(name)

        def _get_function(self, FunctionName: str) -> Any:  # noqa: N803
            if FunctionName != "old":
                raise gone
            return {"Configuration": configuration, "Tags": tags}

    class Iam(Scripted):
        def __getattr__(self, name: str) -> Any:
            if name == "get_role":
                return self._get_role
            return super().__getattr__(name)

        def _get_role(self, RoleName: str) -> Any:  # noqa: N803
            if RoleName != f"old-{REGION}":
                raise client_error("NoSuchEntity")
            return {"Role": live_role}

    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={"ResourceTagMappingList": [{"ResourceARN": arn}]}),
        iam=Iam(
            list_roles={"Roles": [{"RoleName": f"old-{REGION}"}]},
            list_role_policies={},
            get_role_policy=gone,
            list_attached_role_policies={},
        ),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Lambda(),
        logs=Scripted(describe_log_groups=group, list_tags_for_resource={"tags": tags}),
    )
    plan = stack(TWO_FUNCTIONS, aws).plan_up()
    deleted = [step.name for step in plan.of(Action.DELETE)]
    assert deleted[0] == "function.old"
    assert sorted(deleted) == ["function.old", "log_group./aws/lambda/old", f"role.old-{REGION}"]
    assert all(step.action is Action.CREATE for step in plan.steps if step.name not in deleted)


def test_of_a_functions_environment_only_what_chatops_sets_itself_is_shown() -> None:
    environment = "{WEBSOCKET_URL: '{websocket_url}', DB_PASSWORD: hunter2}"
    text = f"functions: {{a: {{source: handlers/connect.py, allow: [dynamodb:PutItem], environment: {environment}}}}}\n"
    one = named(stack(text + "websocket: {routes: {$connect: a}}\nhttp_apis: {}\n"), "function.a")
    shown = {path for path in ("WEBSOCKET_TABLE", "WEBSOCKET_URL", "DB_PASSWORD") if one.shows(f"environment.{path}")}
    assert shown == {"WEBSOCKET_TABLE", "WEBSOCKET_URL"}
    assert one.shows("memory") and not one.shows("environment.OF_SOMEBODY_ELSE")


def test_the_whole_default_stack_is_plain_json_when_it_is_new() -> None:
    one, aws = stack(), ScriptedAws()
    for resource in one.resources:
        desired = resource.desired(aws, nothing)
        assert json.loads(json.dumps(desired)) == desired, resource.name


def test_the_resources_are_of_the_kinds_that_the_config_names() -> None:
    one = stack(TWO_FUNCTIONS)
    kinds = [type(resource) for resource in one.resources]
    assert (kinds.count(Function), kinds.count(Role)) == (2, 2)
    assert [resource.title for resource in one.resources if isinstance(resource, Stage)] == ["websocket-api"]
