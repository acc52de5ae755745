"""The whole file: what it leaves out, and every mistake told with file, line and key path, all at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from chatops.config import load, shipped
from chatops.errors import WRONG_USAGE, ConfigError, UsageError

from .reading import ONE, problems, read, the_problem


def test_what_a_file_leaves_out_keeps_its_default_key_by_key() -> None:
    config = read("table: {name: other}\nwebsocket: {stage: prod}\n")
    default = read("")
    assert (config.table.name, config.table.key) == ("other", "connectionId")
    assert config.websocket == dataclasses.replace(default.websocket, stage="prod")
    assert (config.stack, config.functions, config.http_apis) == (default.stack, default.functions, default.http_apis)


def test_functions_routes_and_http_apis_are_taken_whole() -> None:
    config = read(ONE % "memory: 256")
    assert list(config.functions) == ["websocket-connect"]
    assert config.websocket.routes == {"$connect": "websocket-connect"}
    assert config.http_apis == {}
    assert config.websocket.name == "websocket-api"


def test_an_empty_http_apis_removes_them() -> None:
    assert read("http_apis:\n").http_apis == read("http_apis: {}\n").http_apis == {}


@pytest.mark.parametrize(
    "text",
    [
        "prefix: dev-\n",
        "prefix: dev-\n"
        + "\n".join(line for line in shipped("config.yaml").read_text().splitlines() if "prefix" not in line),
    ],
    ids=["left out", "given"],
)
def test_the_prefix_stands_before_every_name_and_before_no_key(text: str) -> None:
    plain, config = read(""), read(text)
    assert config.stack == "dev-+websocket-chat"
    assert config.table.name == "dev-websocket-connections"
    assert config.websocket.name == "dev-websocket-api"
    assert [one.name for one in config.functions.values()] == [f"dev-{key}" for key in plain.functions]
    assert [one.name for one in config.http_apis.values()] == [f"dev-{key}" for key in plain.http_apis]
    assert list(config.functions) == list(plain.functions)
    assert config.websocket.routes == plain.websocket.routes
    assert config.table.key == plain.table.key


MISTAKES = [
    ("stak: x", "1: stak: unknown key; did you mean stack?"),
    ("table:\n  nmae: x", "2: table.nmae: unknown key; did you mean name?"),
    ("quite: other", "1: quite: unknown key"),
    ("stack: [x]", "1: stack: must be text, not a list"),
    ("stack: {a: b}", "1: stack: must be text, not a mapping"),
    ("stack:", "1: stack: must be text, not nothing"),
    ("stack: yes", '1: stack: must be text, not true or false (write it in quotes: "yes")'),
    ("stack: 2025-01-31", '1: stack: must be text, not a date (write it in quotes: "2025-01-31")'),
    ("stack: a/b", "1: stack: 'a/b' is not 1 to 64 letters, digits, ., - or _"),
    ("stack: ''", "1: stack: '' is not 1 to 64 letters, digits, ., - or _"),
    ('stack: "a\\tb"', "1: stack: 'a\\tb' is not 1 to 64 letters, digits, ., - or _"),
    ("stack: 채팅", "1: stack: '채팅' is not 1 to 64 letters, digits, ., - or _"),
    ("table: name", "1: table: must be a mapping (key: value), not text"),
    ("table: [name]", "1: table: must be a mapping (key: value), not a list"),
    ("account: 123456789012", '1: account: must be text, not a number (write it in quotes: "123456789012")'),
    ("account: '12345'", "1: account: '12345' is not an account id of 12 digits"),
    ("account: '12345678901२'", "1: account: '12345678901२' is not an account id of 12 digits"),
    ("region: Seoul", "1: region: 'Seoul' is not a region's name"),
    ("region:\n", "1: region: must be text, not nothing"),
    ("prefix: a b", "1: prefix: 'a b' is not at most 20 letters, digits, - or _"),
    ("prefix: " + "a" * 21, f"1: prefix: '{'a' * 21}' is not at most 20 letters, digits, - or _"),
    ("table:\n  name: ab", "2: table.name: 'ab' is not 3 to 255 characters of A-Za-z0-9_.-"),
    ("table: {key: 'a b'}", "1: table.key: 'a b' is not an attribute's name"),
    ("table:\n  key: connectedAt", "2: table.key: connectedAt is in each row beside its key; choose another"),
    ("table:\n  key: expiresAt", "2: table.key: expiresAt is in each row beside its key; choose another"),
    ("websocket: {stage: a.b}", "1: websocket.stage: 'a.b' is not 1 to 128 letters, digits, - or _"),
    ("websocket: {auth: iamm}", "1: websocket.auth: 'iamm' is not one of none, iam; did you mean iam?"),
    ("websocket: {route_selection: action}", "1: websocket.route_selection: 'action' is not like $request.body.action"),
    ("stack: a\nstack: b", "2: stack: stands here twice; keep one"),
    ("? [a]\n: b", "1: a key must be plain text"),
    ("- a", "1: must be a mapping (key: value), not a list"),
    ("just text", "1: must be a mapping (key: value), not text"),
    ("http_apis:\n  page:\n    routes: {}", "3: http_apis.page.routes: needs a route, like GET /: a-function"),
    ("http_apis:\n  page: {}", "2: http_apis.page.routes: needs a route, like GET /: a-function"),
    (
        "http_apis: {page: {routes: {GET user: websocket-send}}}",
        "1: http_apis.page.routes.GET user: 'GET user' is not like GET /user/{userId} or GET /files/{path+}",
    ),
    (
        "http_apis: {page: {routes: {FETCH /: websocket-send}}}",
        "1: http_apis.page.routes.FETCH /: 'FETCH /' is not like GET /user/{userId} or GET /files/{path+}",
    ),
    (
        "http_apis: {p/q: {routes: {GET /: websocket-send}}}",
        "1: http_apis.p/q: 'p/q' is not 1 to 128 characters of A-Za-z0-9_ .-",
    ),
    (
        "websocket:\n  routes:\n    sendMessage: websocket-sned",
        "3: websocket.routes.sendMessage: leads to 'websocket-sned', which is not in functions; "
        "did you mean websocket-send?",
    ),
    ("websocket: {routes: {}}", "1: websocket.routes: needs a route: API Gateway deploys none without"),
    (
        "websocket: {routes: {$other: websocket-send, $connect: websocket-connect}}",
        "1: websocket.routes.$other: '$other' is not a route key: letters, digits, /, ., - or _",
    ),
    (
        "websocket: {routes: {$connect: 5}}",
        '1: websocket.routes.$connect: must be text, not a number (write it in quotes: "5")',
    ),
    ("stack: !!python/object/apply:os.system [ls]", "1: stack: must be text, not a list"),
    ("stack: !mine x", "1: stack: must be text, not a !mine"),
]


def test_a_route_key_may_have_a_slash_a_hyphen_a_point_and_an_underscore() -> None:
    routes = "websocket: {routes: {$connect: websocket-connect, chat/send: websocket-send, a.b-c_d: websocket-send}}"
    assert list(read(routes).websocket.routes) == ["$connect", "chat/send", "a.b-c_d"]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[told[:60] for _, told in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_key_path(text: str, told: str) -> None:
    assert told in problems(text)
    assert len(problems(text)) == 1 or "routes" in text


@pytest.mark.parametrize("timeout", ["30", "900"])
def test_a_function_behind_a_websocket_route_must_answer_before_api_gateway_gives_up(timeout: str) -> None:
    text = (
        "websocket: {routes: {a: f, b: f}}\nhttp_apis: {}\n"
        f"functions:\n  f:\n    source: handlers/connect.py\n    timeout: {timeout}\n"
    )
    told = problems(text)
    assert told[0].startswith(f"6: functions.f.timeout: {timeout} seconds: API Gateway waits 29 at most")


def test_a_function_of_its_own_may_take_as_long_as_lambda_lets_it() -> None:
    text = ONE % "timeout: 29"
    assert read(
        text.replace(
            "websocket-connect: {s", "g: {source: handlers/connect.py, timeout: 900}, websocket-connect: {s", 1
        )
    )


def test_a_default_http_api_with_the_name_of_the_websocket_api_is_told_where_that_name_stands() -> None:
    told = the_problem("websocket:\n  stage: demo\n  name: api-gateway-lambda\n")
    assert told == "3: http_apis.api-gateway-lambda: is the name of the WebSocket API too"


def test_the_stacks_own_page_as_an_origin_is_told_where_the_stack_has_none() -> None:
    told = the_problem("http_apis: {}\nwebsocket:\n  allowed_origins: [own]\n")
    assert told.startswith("3: websocket.allowed_origins: own: no HTTP API serves a page")


def test_the_same_name_for_a_websocket_and_an_http_api_is_told_or_works() -> None:
    """They are different things to AWS; that nothing of the one replaces the other is tested with the stack."""
    try:
        config = read("http_apis: {websocket-api: {routes: {GET /: websocket-send}}}")
    except ConfigError as error:
        assert "websocket-api" in str(error)
    else:
        assert config.websocket.name in [one.name for one in config.http_apis.values()]


def test_everything_that_is_wrong_is_told_at_once_in_the_files_order_of_lines() -> None:
    told = problems("stak: x\nprefix: a b\ntable:\n  nmae: x\n  key: [k]\nwebsocket:\n  stage: ''\n")
    assert [one.split(": ")[1] for one in told] == ["stak", "prefix", "table.nmae", "table.key", "websocket.stage"]
    assert [one.split(":")[0] for one in told] == ["1", "2", "4", "5", "7"]


def test_the_error_names_the_file_counts_the_problems_and_is_wrong_usage() -> None:
    with pytest.raises(ConfigError) as raised:
        read("stak: x\ntabel: y\n")
    assert (raised.value.what, raised.value.exit_code) == ("The config c.yaml has 2 problems", WRONG_USAGE)
    assert raised.value.why.splitlines() == list(raised.value.problems)
    with pytest.raises(ConfigError) as raised:
        read("stak: x\n")
    assert raised.value.what == "The config c.yaml has a problem"


def test_a_file_that_is_missing_is_wrong_usage_with_a_hint() -> None:
    with pytest.raises(UsageError) as raised:
        load(Path("nowhere.yaml"))
    assert not isinstance(raised.value, ConfigError)
    assert "nowhere.yaml" in raised.value.what
    assert "--config" in raised.value.hint
