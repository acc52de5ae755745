"""Functions: all that they may say, where their files are found, and every mistake told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatops.config import Allow, function_parser, load, shipped
from chatops.config.function_parser import RETENTIONS

from .reading import ONE, read, the_problem


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


FUNCTION_MISTAKES = [
    ("memory: 64", "memory: '64' is not between 128 and 10240 MB"),
    ("memory: '256'", "memory: must be a whole number of MB, not text"),
    ("memory: 128.5", "memory: must be a whole number of MB, not a number"),
    ("memory: yes", "memory: must be a whole number of MB, not true or false"),
    ("timeout: 901", "timeout: '901' is not between 1 and 900 seconds"),
    ("timeout: -1", "timeout: '-1' is not between 1 and 900 seconds"),
    ("handler: main", "handler: 'main' is not like module.function"),
    ("handler: on-connect.a-b", "handler: 'on-connect.a-b' is not like module.function"),
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
    ("environment: {AWS_REGION: x}", "environment.AWS_REGION: is set by Lambda; choose another name"),
    ("environment: {LAMBDA_TASK_ROOT: x}", "environment.LAMBDA_TASK_ROOT: is set by Lambda; choose another name"),
    ("environment: {WEBSOCKET_TABLE: x}", "environment.WEBSOCKET_TABLE: is set by chatops; choose another name"),
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


def test_a_variable_is_refused_by_its_whole_name_alone() -> None:
    names = ["AWS_MAX_ATTEMPTS", "AWS_LAMBDA_EXEC_WRAPPER", "LAMBDA_STAGE", "WEBSOCKET_TABLE_NAME", "TABLE_KEYS"]
    given = ", ".join(f"{one}: x" for one in names)
    assert list(read(ONE % f"environment: {{{given}}}").functions["websocket-connect"].environment) == names


def test_a_file_with_a_hyphen_is_a_handler(folder: Path) -> None:
    (folder / "on-connect.py").write_text("def handler(event, context): ...\n")
    text = ONE.replace("handlers/connect.py", "on-connect.py")
    assert read(text % "memory: 128").functions["websocket-connect"].handler == "on-connect.lambda_handler"
    assert read(text % "handler: on-connect.handler").functions["websocket-connect"].handler == "on-connect.handler"


@pytest.mark.parametrize("name", ["app.zip", "index.mjs", "h.ts", "handler"])
def test_a_source_in_another_language_is_refused_in_one_sentence(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"PK\x00\xff")
    told = the_problem((ONE % "memory: 128").replace("handlers/connect.py", name))
    assert told == (
        f"1: functions.websocket-connect.source: '{name}' is not a Python file: "
        "chatops packs and runs functions that are written in Python alone"
    )


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


@pytest.mark.parametrize("runtime", ["python3.6", "python3.9", "python3.99"])
def test_a_runtime_that_lambda_does_not_support_is_told_with_those_that_it_does(runtime: str) -> None:
    told = the_problem(ONE % f"runtime: {runtime}")
    assert told.startswith(f"1: functions.websocket-connect.runtime: '{runtime}' is not among Lambda's: python3.10, ")


def test_a_runtime_that_only_a_newer_botocore_knows_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_parser, "RUNTIMES", ("python3.10",))
    assert read(ONE % "runtime: python3.13").functions["websocket-connect"].runtime == "python3.13"
