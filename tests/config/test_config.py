"""The config: its defaults, and every mistake told with file, line and key path, all at once."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatops import config as config_module
from chatops.config import Allow, Config, function_parser, load, shipped
from chatops.config.function_parser import RETENTIONS
from chatops.config.reader import question
from chatops.errors import WRONG_USAGE, ConfigError, UsageError

ONE = (
    "functions: {websocket-connect: {source: handlers/connect.py, %s}}\n"
    "websocket: {routes: {$connect: websocket-connect}}\n"
    "http_apis: {}\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str | bytes) -> Config:
    """The config of a file with this text."""
    Path("c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(Path("c.yaml"))


def problems(text: str | bytes) -> list[str]:
    """What is wrong with a file, each problem without the file's name."""
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert all(one.startswith("c.yaml:") for one in raised.value.problems)
    return [one.removeprefix("c.yaml:") for one in raised.value.problems]


def the_problem(text: str | bytes) -> str:
    """The only thing that is wrong with a file."""
    (problem,) = problems(text)
    return problem


def same(one: Config, other: Config) -> bool:
    """Whether two configs differ in nothing but the file that they come from."""
    return dataclasses.replace(one, file=other.file) == other


# Defaults.


def test_an_empty_file_means_the_shipped_one() -> None:
    assert same(read(""), load(shipped("config.yaml")))
    assert same(read("# nothing but a comment\n"), load(shipped("config.yaml")))


def test_a_file_with_every_key_left_empty_means_the_shipped_one_too() -> None:
    assert same(read("table:\nwebsocket:\n"), load(shipped("config.yaml")))


def test_the_shipped_file_written_out_again_means_the_same() -> None:
    assert same(read(shipped("config.yaml").read_bytes()), load(shipped("config.yaml")))


def test_the_defaults_are_the_tutorials() -> None:
    config = read("")
    assert (config.stack, config.prefix, config.region, config.account) == ("websocket-chat", "", None, None)
    assert (config.table.name, config.table.key) == ("websocket-connections", "connectionId")
    assert (config.websocket.name, config.websocket.stage) == ("websocket-api", "demo")
    assert (config.websocket.route_selection, config.websocket.auth) == ("$request.body.action", "none")
    assert config.websocket.routes == {
        "$connect": "websocket-connect",
        "$disconnect": "websocket-disconnect",
        "sendMessage": "websocket-send",
        "$default": "websocket-send",
    }
    assert {key: one.routes for key, one in config.http_apis.items()} == {
        "api-gateway-lambda": {"GET /": "aws-gateway-lambda"},
        "api-gateway-lambda2": {"GET /user/{userId}": "aws-gateway-lambda2"},
    }
    assert {one.runtime for one in config.functions.values()} == {"python3.12"}


def test_each_function_may_do_what_it_needs_and_no_more_by_default() -> None:
    allowed = {key: {one.action for one in function.allow} for key, function in read("").functions.items()}
    assert allowed == {
        "websocket-connect": {"dynamodb:PutItem"},
        "websocket-disconnect": {"dynamodb:DeleteItem"},
        "websocket-send": {"dynamodb:Scan", "dynamodb:DeleteItem", "execute-api:ManageConnections"},
        "aws-gateway-lambda": set(),
        "aws-gateway-lambda2": set(),
    }


def test_every_default_handler_is_there_and_has_the_handler_that_it_is_called_by() -> None:
    for function in read("").functions.values():
        module, _, name = function.handler.rpartition(".")
        assert function.source.stem == module
        assert f"def {name}(" in function.source.read_text()


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


def test_a_function_takes_the_defaults_of_every_function_not_those_of_the_shipped_one_of_its_name() -> None:
    config = read(
        "functions: {websocket-send: {source: handlers/send.py}}\n"
        "websocket: {routes: {x: websocket-send}}\nhttp_apis: {}\n"
    )
    one = config.functions["websocket-send"]
    assert (one.memory, one.timeout, one.log_retention, one.allow, one.handler) == (
        128,
        10,
        14,
        (),
        "send.lambda_handler",
    )


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
    assert config.stack == "dev-websocket-chat"
    assert config.table.name == "dev-websocket-connections"
    assert config.websocket.name == "dev-websocket-api"
    assert [one.name for one in config.functions.values()] == [f"dev-{key}" for key in plain.functions]
    assert [one.name for one in config.http_apis.values()] == [f"dev-{key}" for key in plain.http_apis]
    assert list(config.functions) == list(plain.functions)
    assert config.websocket.routes == plain.websocket.routes
    assert config.table.key == plain.table.key


def test_a_config_is_frozen() -> None:
    config = read("")
    for one in (config, config.table, config.websocket, *config.functions.values(), *config.http_apis.values()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.name = "other"  # type: ignore[attr-defined]


def test_a_config_in_the_folder_is_found_and_without_one_the_default_is_used(folder: Path) -> None:
    assert load() == load(shipped("config.yaml"))
    (folder / "config.yaml").write_text("stack: here\n")
    assert load().stack == "here"
    assert load().file == Path("config.yaml")


def test_handlers_are_found_beside_the_config_first_and_then_those_that_are_shipped(folder: Path) -> None:
    assert read(ONE % "memory: 128").functions["websocket-connect"].source.is_file()
    (folder / "handlers").mkdir()
    mine = folder / "handlers" / "connect.py"
    mine.write_text("def lambda_handler(event, context): ...\n")
    assert read(ONE % "memory: 128").functions["websocket-connect"].source.resolve() == mine


def test_an_empty_file_and_a_copy_of_the_shipped_one_run_the_same_handlers(folder: Path) -> None:
    (folder / "handlers").mkdir()
    for name in ("connect.py", "page.html"):
        (folder / "handlers" / name).write_text("# mine\n")
    copy, empty = read(shipped("config.yaml").read_bytes()), read("")
    assert copy.functions["websocket-connect"].source.resolve() == folder / "handlers" / "connect.py"
    for key, function in copy.functions.items():
        other = empty.functions[key]
        assert [path.resolve() for path in (function.source, *function.include)] == [
            path.resolve() for path in (other.source, *other.include)
        ]


def test_a_config_elsewhere_finds_the_handlers_beside_itself(folder: Path) -> None:
    (folder / "sub" / "handlers").mkdir(parents=True)
    mine = folder / "sub" / "handlers" / "connect.py"
    mine.write_text("def lambda_handler(event, context): ...\n")
    file = folder / "sub" / "chat.yaml"
    file.write_text(ONE % "memory: 128")
    assert load(file).functions["websocket-connect"].source == mine


def test_everything_that_a_function_may_say_is_read(folder: Path) -> None:
    (folder / "more.txt").write_text("more")
    config = read(
        ONE % "handler: connect.main, runtime: python3.13, memory: 512, timeout: 29, log_retention: 30, "
        "include: [more.txt], environment: {GREETING: 안녕, URL: '{websocket_url}'}, "
        "allow: [dynamodb:PutItem, {action: s3:GetObject, resource: 'arn:aws:s3:::mine/*'}]"
    )
    one = config.functions["websocket-connect"]
    assert (one.handler, one.runtime, one.memory, one.timeout) == ("connect.main", "python3.13", 512, 29)
    assert (one.log_retention, [path.name for path in one.include]) == (30, ["more.txt"])
    assert one.environment == {"GREETING": "안녕", "URL": "{websocket_url}"}
    assert one.allow == (Allow("dynamodb:PutItem"), Allow("s3:GetObject", "arn:aws:s3:::mine/*"))


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert read(b"\xef\xbb\xbfstack: mine\r\ntable:\r\n  name: other\r\n").table.name == "other"


def test_korean_text_in_a_comment_and_in_a_value_is_read() -> None:
    text = "# 안녕하세요\n" + ONE % "environment: {TITLE: '안녕 👋'}"
    assert read(text).functions["websocket-connect"].environment == {"TITLE": "안녕 👋"}


# Mistakes.

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
        "1: websocket.routes.$other: '$other' is not a route key: letters, digits, ., - or _",
    ),
    (
        "websocket: {routes: {$connect: 5}}",
        '1: websocket.routes.$connect: must be text, not a number (write it in quotes: "5")',
    ),
    ("stack: !!python/object/apply:os.system [ls]", "1: stack: must be text, not a list"),
    ("stack: !mine x", "1: stack: must be text, not a !mine"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[told[:60] for _, told in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_key_path(text: str, told: str) -> None:
    assert told in problems(text)
    assert len(problems(text)) == 1 or "routes" in text


FUNCTION_MISTAKES = [
    ("memory: 64", "memory: '64' is not between 128 and 10240 MB"),
    ("memory: '256'", "memory: must be a whole number of MB, not text"),
    ("memory: 128.5", "memory: must be a whole number of MB, not a number"),
    ("memory: yes", "memory: must be a whole number of MB, not true or false"),
    ("timeout: 901", "timeout: '901' is not between 1 and 900 seconds"),
    ("timeout: -1", "timeout: '-1' is not between 1 and 900 seconds"),
    ("handler: main", "handler: 'main' is not like module.function"),
    ("runtime: nodejs20.x", "runtime: 'nodejs20.x' is not a Python runtime"),
    (
        "environment: {A: x}",
        "environment.A: a variable's name is two or more letters, digits and _, with a letter first",
    ),
    (
        "environment: {URL: 'see {websocket_url}'}",
        "environment.URL: {websocket_url} stands for the chat's address only where it is the whole value",
    ),
    ("allow: dynamodb:Scan", "allow: must be a list, not text"),
    ("allow: [5]", 'allow.0: must be text, not a number (write it in quotes: "5")'),
    ("allow: [dynamodb:PutItem, {action: s3:GetObject}]", "allow.1.resource: is missing"),
    (
        "allow: [{action: s3:GetObject, resource: mine}]",
        "allow.0.resource: 'mine' is not the ARN of what it is allowed on",
    ),
    ("allow: [{action: '*', resource: 'arn:aws:s3:::a'}]", "allow.0.action: '*' is not an IAM action"),
    ("include: [nowhere.txt]", "include.0: there is no file 'nowhere.txt' beside the config"),
    ("environment: {AWS_REGION: x}", "environment.AWS_REGION: is set by Lambda or by chatops; choose another name"),
    (
        "environment: {WEBSOCKET_TABLE: x}",
        "environment.WEBSOCKET_TABLE: is set by Lambda or by chatops; choose another name",
    ),
    (
        "environment: {a-b: x}",
        "environment.a-b: a variable's name is two or more letters, digits and _, with a letter first",
    ),
    (
        "environment: {'': x}",
        "environment.: a variable's name is two or more letters, digits and _, with a letter first",
    ),
    ("environment: {AA: 1}", 'environment.AA: must be text, not a number (write it in quotes: "1")'),
    ("environment: {AA: " + "x" * 4000 + "}", "environment: is larger than the 4 KB that Lambda takes"),
    ("memroy: 128", "memroy: unknown key; did you mean memory?"),
]


@pytest.mark.parametrize(("given", "told"), FUNCTION_MISTAKES, ids=[told[:60] for _, told in FUNCTION_MISTAKES])
def test_a_mistake_in_a_function_is_told_with_its_line_and_key_path(given: str, told: str) -> None:
    assert the_problem(ONE % given) == f"1: functions.websocket-connect.{told}"


def test_a_retention_that_cloudwatch_does_not_take_is_told_with_those_that_it_does() -> None:
    told = the_problem(ONE % "log_retention: 8")
    assert told.startswith("1: functions.websocket-connect.log_retention: CloudWatch Logs takes only 1, 3, 5, 7, 14")
    for days in RETENTIONS:
        assert read(ONE % f"log_retention: {days}").functions["websocket-connect"].log_retention == days


def test_an_action_that_is_not_on_the_stacks_own_things_says_how_to_write_it() -> None:
    told = the_problem(ONE % "allow: [s3:GetObject]")
    assert told.startswith("1: functions.websocket-connect.allow.0: 's3:GetObject' is not")
    assert "{action: …, resource: ARN}" in told


def test_a_function_without_a_source_is_told() -> None:
    text = "functions:\n  f:\n    memory: 128\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n"
    assert the_problem(text).endswith("functions.f.source: is missing: the handler's file")


@pytest.mark.parametrize(
    "source", ["nowhere.py", "handlers", ".", "..", "/", "'a\\0b'", "''", "a" * 300, "/".join(["a" * 200] * 30)]
)
def test_a_source_that_is_no_file_is_told(folder: Path, source: str) -> None:
    (folder / "handlers").mkdir()
    text = f"functions: {{f: {{source: {source}}}}}\nwebsocket: {{routes: {{x: f}}}}\nhttp_apis: {{}}\n"
    assert the_problem(text).startswith("1: functions.f.source: ")


@pytest.mark.parametrize("include", ["[sub/connect.py]", "[more.txt, sub/more.txt]"])
def test_two_files_that_would_have_one_name_in_the_zip_are_told_and_never_replace_each_other(
    folder: Path, include: str
) -> None:
    (folder / "sub").mkdir()
    for name in ("sub/connect.py", "more.txt", "sub/more.txt"):
        (folder / name).write_text(f"# {name}\n")
    assert read(ONE % "include: [more.txt]").functions["websocket-connect"].include
    assert the_problem(ONE % f"include: {include}").startswith("1: functions.websocket-connect.include")


def test_a_function_name_that_would_make_the_roles_name_too_long_is_told() -> None:
    text = "functions: {%s: {source: handlers/connect.py}}\nwebsocket: {routes: {x: %s}}\nhttp_apis: {}\n"
    assert read(text % ("f" * 48, "f" * 48)).functions["f" * 48]
    assert "is not 1 to 48 characters" in the_problem(text % ("f" * 49, "f" * 49))
    assert "is not 1 to 48 characters" in the_problem("prefix: dev-\n" + text % ("f" * 48, "f" * 48))


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


def test_a_default_route_whose_function_is_gone_is_told() -> None:
    told = problems("functions: {websocket-connect: {source: handlers/connect.py}}\n")
    assert any("websocket.routes.$disconnect: leads to 'websocket-disconnect'" in one for one in told)
    assert any("http_apis.api-gateway-lambda.routes.GET /: leads to 'aws-gateway-lambda'" in one for one in told)


def test_a_route_of_the_default_that_the_new_functions_leave_alone_is_told_where_they_stand() -> None:
    told = problems("prefix: dev-\nfunctions:\n  websocket-connect: {source: handlers/connect.py}\n")
    assert [one.split(":")[0] for one in told] == ["3"] * 5


def test_each_route_that_leads_nowhere_is_told_in_its_own_line() -> None:
    told = problems("websocket:\n  routes:\n    $connect: websocket-connect\n    a: websocket-send\n    b: nobody\n")
    assert told == ["5: websocket.routes.b: leads to 'nobody', which is not in functions"]
    told = problems("http_apis:\n  page:\n    routes:\n      GET /: aws-gateway-lambda\n      GET /x: nobody\n")
    assert told == ["5: http_apis.page.routes.GET /x: leads to 'nobody', which is not in functions"]


def test_a_default_http_api_with_the_name_of_the_websocket_api_is_told_where_that_name_stands() -> None:
    told = the_problem("websocket:\n  stage: demo\n  name: api-gateway-lambda\n")
    assert told == "3: http_apis.api-gateway-lambda: is the name of the WebSocket API too"


HTTP = "http_apis:\n  page:\n    routes:\n      %s: aws-gateway-lambda\n"


@pytest.mark.parametrize(
    "route", ["GET /", "GET /x/", "ANY /{p+}", "GET /a/{b}/c/{d+}", "GET /{a}/{b}", "$default", "POST /a.b~c/%20"]
)
def test_a_route_that_api_gateway_takes_is_read(route: str) -> None:
    assert read(HTTP % route).http_apis["page"].routes == {route: "aws-gateway-lambda"}


@pytest.mark.parametrize(
    "route", ["GET /{p+}/x", "GET //", "GET /a//b", "GET /{p+}/", "GET /{p}/{p}", "GET /{p}/{p+}", "GET ", "GET x"]
)
def test_a_route_that_api_gateway_refuses_is_told(route: str) -> None:
    told = problems(HTTP % f'"{route}"')
    assert any(one.startswith(f"4: http_apis.page.routes.{route}: ") for one in told)


@pytest.mark.parametrize("runtime", ["python3.6", "python3.9", "python3.99"])
def test_a_runtime_that_lambda_does_not_support_is_told_with_those_that_it_does(runtime: str) -> None:
    told = the_problem(ONE % f"runtime: {runtime}")
    assert told.startswith(f"1: functions.websocket-connect.runtime: '{runtime}' is not among Lambda's: python3.10, ")


def test_a_runtime_that_only_a_newer_botocore_knows_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_parser, "RUNTIMES", ("python3.10",))
    assert read(ONE % "runtime: python3.13").functions["websocket-connect"].runtime == "python3.13"


@pytest.mark.parametrize("route", ["GET /", "ANY /", "$default"])
def test_the_stacks_own_page_can_be_the_only_origin_wherever_its_root_leads_to_it(route: str) -> None:
    config = read("websocket: {allowed_origins: [own]}\n" + HTTP % route)
    assert (config.websocket.allowed_origins, config.pages) == (("own",), ["page"])


def test_a_page_that_another_route_hides_is_none() -> None:
    other = HTTP % "$default" + "      GET /: aws-gateway-lambda2\n"
    assert read(other).pages == []


def test_the_stacks_own_page_as_an_origin_is_told_where_the_stack_has_none() -> None:
    told = the_problem("http_apis: {}\nwebsocket:\n  allowed_origins: [own]\n")
    assert told.startswith("3: websocket.allowed_origins: own: no HTTP API serves a page")


@pytest.mark.parametrize("api", ["websocket: {routes: {$connect: ''}}", "http_apis: {page: {routes: {GET /: ''}}}"])
def test_a_route_that_leads_to_nothing_is_told(api: str) -> None:
    assert problems(api)


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


# Files that are no config at all.


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("stack: 'x", 1),
        ("stack: x\n\ttable: y", 2),
        ("stack: x: y", 1),
        ("a: [1, 2\nb: 3", 2),
        ("stack: *nobody", 1),
        ("stack: a\n---\nstack: b", 2),
        ("stack: a\ntable: {name: a\0b}", 2),
        ('stack: a\ntable: {name: "\\xZZ"}', 2),
        ("stack: a\n%YAML 9\n", 2),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(text: str, line: int) -> None:
    told = the_problem(text)
    assert told.startswith(f"{line}: not YAML: ")
    assert "\n" not in told


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000", "\\U7FFFFFFF"])
def test_a_character_that_does_not_exist_is_not_yaml(escape: str) -> None:
    assert "not YAML" in the_problem(f'stack: "{escape}"')


@pytest.mark.parametrize("data", [b"stack: \xff\xfe", b"\xff\xfes\x00", b"stack: caf\xe9", b"\x80"])
def test_what_is_not_utf8_is_told(data: bytes) -> None:
    assert "not UTF-8 text" in the_problem(data)


@pytest.mark.parametrize(
    "value", ["!!int ''", "!!int '-'", "!!int abc", "0x" + "f" * 5000, "9" * 5000, "0b" + "1" * 20000]
)
def test_a_number_that_is_none_or_beyond_all_bounds_is_told(value: str) -> None:
    assert the_problem(ONE % f"memory: {value}").startswith("1: functions.websocket-connect.memory: ")


def test_half_of_a_surrogate_pair_in_a_value_is_told() -> None:
    told = the_problem(ONE % 'environment: {AA: "\\ud800"}')
    assert told.startswith("1: functions.websocket-connect.environment.AA: ")
    assert told.isascii()


def test_what_is_shown_of_a_hostile_value_is_escaped_and_short() -> None:
    told = the_problem('stack: "\\e[31m\\u202e' + "x" * 500 + '"')
    assert told.isprintable()
    assert len(told) < 150


def test_a_file_that_is_missing_is_wrong_usage_with_a_hint() -> None:
    with pytest.raises(UsageError) as raised:
        load(Path("nowhere.yaml"))
    assert not isinstance(raised.value, ConfigError)
    assert "nowhere.yaml" in raised.value.what
    assert "--config" in raised.value.hint


def test_a_folder_is_no_config(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(folder)
    (folder / "config.yaml").mkdir()
    assert load() == load(shipped("config.yaml")), "a folder of that name is not the folder's config"


def test_a_name_that_no_file_can_have_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        load(Path("a" * 5000))


# Files that are meant to hurt.


def bomb() -> str:
    """Nine levels of aliases: a few lines that mean 10**9 words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\nfunctions: {f: {source: handlers/connect.py, allow: *a9, include: *a9}}\n"


HOSTILE = {
    "a bomb of aliases": bomb(),
    "a mapping in itself": "functions: &f {x: *f}\nwebsocket: *f\ntable: *f\n",
    "a list in itself": "functions: {x: {source: handlers/connect.py, include: &a [*a], allow: *a}}",
    "a key in itself": "&a {*a : *a}",
    "deep lists": "[" * 100_000,
    "deep mappings": "a: " + "{a: " * 20_000,
    "deep indentation": "\n".join(" " * n + "a:" for n in range(3000)),
    "many keys": "\n".join(f"k{n}: v" for n in range(3000)),
    "many functions": "functions:\n" + "\n".join(f"  f{n}: {{source: no.py}}" for n in range(1000)),
    "a long line": "stack: " + "x" * 1_000_000,
    "a merge": "x: &x {name: abc}\ntable:\n  <<: *x\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_meant_to_hurt_is_refused_soon(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError):
        read(text)
    assert time.monotonic() - began < 20


TOP = ["stack", "region", "account", "prefix", "table", "functions", "websocket", "http_apis"]
KEYS = [
    *TOP,
    *("name", "key", "source", "handler", "allow", "include", "environment", "runtime", "memory", "timeout"),
    *("log_retention", "stage", "route_selection", "auth", "routes", "action", "resource"),
    *("allowed_origins", "throttle", "rate", "burst", "max_message_bytes", "reserved_concurrency"),
    *("$connect", "sendMessage", "websocket-send", "<<"),
]
VALUES = [
    *("iam", "none", "demo", "handlers/connect.py", "connect.lambda_handler", "python3.12", "websocket-connect"),
    *("websocket-send", "dynamodb:PutItem", "execute-api:ManageConnections", "arn:aws:s3:::a", "{websocket_url}"),
    "$request.body.action",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=5),
    st.text(max_size=20),
    st.sampled_from(VALUES),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=8), st.integers())
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
    max_leaves=25,
)


PIECES = [*"{}[]:,&*!|>'\"%@`#-?\n\t", "\n  ", ": ", "<<: *a", "\\ud800"]


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """The shipped file with a few places overwritten."""
    text = shipped("config.yaml").read_text()
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        piece = draw(
            st.one_of(
                st.text(max_size=6), st.sampled_from([*"{}[]:,&*!|>'\"%@`#-?\n\t", "\n  ", ": ", "<<: *a", "\\ud800"])
            )
        )
        text = text[:at] + piece + text[at + length :]
    return text


fuzz = settings(
    max_examples=75,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def gives_a_config_or_an_error_for_the_user(data: bytes) -> None:
    Path("fuzz.yaml").write_bytes(data)
    try:
        config = load(Path("fuzz.yaml"))
    except UsageError as error:
        assert error.what and error.why
        assert all(one.startswith("fuzz.yaml:") for one in getattr(error, "problems", ()))
    else:
        assert config.functions or not config.websocket.routes
        assert set(config.websocket.routes.values()) <= set(config.functions)


@fuzz
@given(document=documents)
def test_any_document_gives_a_config_or_an_error_for_the_user(document: object) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    gives_a_config_or_an_error_for_the_user(text.encode("utf-8", "surrogatepass"))


@fuzz
@given(document=st.dictionaries(st.sampled_from(TOP), documents, max_size=4))
def test_any_values_under_the_right_keys_give_a_config_or_an_error_for_the_user(document: dict[str, object]) -> None:
    gives_a_config_or_an_error_for_the_user(yaml.safe_dump(document).encode("utf-8", "surrogatepass"))


@fuzz
@given(text=spoilt())
def test_the_shipped_file_spoilt_gives_a_config_or_an_error_for_the_user(text: str) -> None:
    gives_a_config_or_an_error_for_the_user(text.encode("utf-8", "surrogatepass"))


@fuzz
@given(data=st.binary(max_size=60))
def test_any_bytes_give_a_config_or_an_error_for_the_user(data: bytes) -> None:
    gives_a_config_or_an_error_for_the_user(data)


def test_the_shipped_file_is_the_repositorys() -> None:
    root = Path(config_module.__file__).parents[2]
    assert shipped("config.yaml").read_bytes() == (root / "config.yaml").read_bytes()


def test_a_question_leaves_the_name_as_it_is_written() -> None:
    assert question("myfunc", ["myFunc"]) == "Did you mean myFunc?"
    assert question("nothing like it", ["myFunc"]) == ""
