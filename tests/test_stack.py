"""Config → resources: what a stack is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatops.deploy.resource import PLACEHOLDER, Live
from chatops.errors import ConfigError, HandlerError
from chatops.resources.function import Function
from chatops.resources.role import Role
from chatops.resources.stage import Stage
from chatops.stack import CONNECTIONS_ENDPOINT, Stack

from .resources.stand import REGION, ScriptedAws
from .stacks import TWO_FUNCTIONS, nothing, stack

HANDLER = "def lambda_handler(event, context): ...\n"

pytestmark = pytest.mark.usefixtures("folder")


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
    assert {resource.stack for resource in one.resources} == {"dev-+mine"}
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


def test_only_functions_that_post_are_told_where_to() -> None:
    assert environment(stack(), "websocket-send")[CONNECTIONS_ENDPOINT] == PLACEHOLDER
    assert CONNECTIONS_ENDPOINT not in environment(stack(), "websocket-connect")


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


def test_the_files_from_outside_are_known_by_where_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "project").mkdir()
    (folder / "shared").mkdir()
    for name in ("db.py", "unused.py"):
        (folder / "shared" / name).write_text(HANDLER)
    monkeypatch.chdir(folder / "project")
    assert stack(TWO_FUNCTIONS).outside_files == []
    Path("link.py").symlink_to("../shared/db.py")
    text = TWO_FUNCTIONS.replace("handlers/user.py", "link.py") + "outside_files: [../shared]\n"
    assert stack(text).outside_files == [str(folder / "shared" / "db.py")]


@pytest.mark.parametrize("prefix", ["", "prefix: dev-\n"])
def test_a_source_that_is_not_python_is_a_handler_error_with_file_and_line(folder: Path, prefix: str) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "connect.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(HandlerError) as raised:
        _ = stack(prefix + TWO_FUNCTIONS).resources
    (problem,) = raised.value.problems
    assert problem.startswith("handlers/connect.py:2: ")


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
