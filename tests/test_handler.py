"""What Lambda could not start is told before it is sent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatops import handler
from chatops.config import load, shipped
from chatops.errors import ConfigError, HandlerError
from chatops.handler import packages

HANDLER = "def lambda_handler(event, context): ...\n"
CONFIG = "websocket: {routes: {x: dev}}\nhttp_apis: {}\nfunctions:\n  dev:\n    source: send.py\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(more: str = "", **files: str) -> list[str]:
    """What is in the zip of the handler `send`, whose line in the config are these."""
    for name, text in files.items():
        Path(f"{name}.py").write_text(text)
    Path("c.yaml").write_text(CONFIG + more)
    return [name for name, _ in packages(load(Path("c.yaml")))["dev"].files]


def problems(more: str = "", **files: str) -> list[str]:
    """Why Lambda could not start the handler `send`."""
    with pytest.raises(HandlerError) as raised:
        names(more, **files)
    assert (raised.value.code, raised.value.what, raised.value.exit_code) == ("handler", "Invalid handler code", 2)
    return list(raised.value.problems)


def config_problems(more: str = "", **files: str) -> list[str]:
    """What is wrong with the config of the handler `send`."""
    with pytest.raises(ConfigError) as raised:
        names(more, **files)
    assert raised.value.code == "config" and not raised.value.handler_problems
    return list(raised.value.problems)


def test_the_shipped_handlers_can_be_started() -> None:
    assert set(packages(load(shipped("config.yaml")))) == set(load(shipped("config.yaml")).functions)


def test_an_import_that_lambda_could_not_follow_is_told_with_its_line() -> None:
    assert problems(send="import json\nimport numpy.linalg\n" + HANDLER) == [
        "send.py:2: imports numpy, which Lambda does not have, nor is numpy.py beside it. "
        "Put it there, or name it in include."
    ]


def test_a_copied_handler_without_what_it_imports_is_told_where_that_comes_from() -> None:
    told = problems(send=(shipped("handlers") / "send.py").read_text())
    missing = [one.split("imports ")[1].split(",")[0] for one in told]
    assert missing == ["message", "endpoint", "fanout", "table"]
    assert all(one.endswith("Copy it from what `chatops init DIR` writes.") for one in told)


def test_what_a_neighbour_imports_is_told_with_the_neighbours_line() -> None:
    (told,) = problems(send="import near\n" + HANDLER, near="class A:\n    import far\n")
    assert told.startswith("near.py:2: imports far,")


def test_what_two_functions_lack_is_told_at_once() -> None:
    more = "  other: {source: other.py}\n"
    told = problems(more, send="import far\n" + HANDLER, other="from . import near\n" + HANDLER)
    assert [one.split(": ")[0] for one in told] == ["send.py:1", "other.py:1"]
    assert "imports relatively" in told[1]


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import far\nexcept ImportError:\n    far = None\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import far\n",
        "def late():\n    import far\n",
        "import boto3, botocore.session, urllib3, dateutil, six, jmespath, tomllib\n",
    ],
    ids=["under try", "for types", "in a function", "of the runtime"],
)
def test_an_import_that_may_be_meant_to_be_missing_or_is_lambdas_is_no_problem(text: str) -> None:
    assert names(send="from __future__ import annotations\n" + text + HANDLER) == ["send.py"]


def test_what_an_optional_neighbour_imports_is_no_problem() -> None:
    text = "try:\n    import near\nexcept ImportError:\n    near = None\n" + HANDLER
    assert names(send=text, near="import far\n") == ["near.py", "send.py"]


@pytest.mark.parametrize("name", ["far.py", "far.cpython-312-x86_64-linux-gnu.so"])
def test_an_included_module_can_be_imported(folder: Path, name: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / name).write_bytes(b"")
    assert name in names(f"    include: [sub/{name}]\n", send="import far\n" + HANDLER)


def test_an_included_file_with_the_name_of_a_neighbour_is_told_with_its_line(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "near.py").write_text("")
    (told,) = config_problems("    memory: 256\n    include: [sub/near.py]\n", send="import near\n" + HANDLER, near="")
    assert told.startswith("c.yaml:7: functions.dev.include: the handler imports another 'near.py'")


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("send.nothing_like_this", "Lambda calls 'send.nothing_like_this', which send.py does not define"),
        ("send.lambda_handlr", "which send.py does not define; did you mean lambda_handler?"),
        ("other.lambda_handler", "Lambda calls 'other.lambda_handler', and there is no other.py in the zip"),
        ("sned.lambda_handler", "and there is no sned.py in the zip; did you mean send?"),
        ("package.send.lambda_handler", "and there is no package.send.py in the zip"),
    ],
)
def test_a_handler_that_is_not_there_is_told_with_its_line(handler: str, told: str) -> None:
    (problem,) = config_problems(f"    memory: 256\n    handler: {handler}\n", send=HANDLER)
    assert problem.startswith("c.yaml:7: functions.dev.handler: ") and told in problem


def test_a_source_without_the_usual_handler_is_told() -> None:
    (problem,) = problems(send="def main(event, context): ...\n")
    assert problem.startswith("send.py:1: Lambda calls 'send.lambda_handler'")


@pytest.mark.parametrize(
    "text",
    [
        HANDLER,
        "async def lambda_handler(event, context): ...\n",
        "class lambda_handler: ...\n",
        "lambda_handler = print\n",
        "lambda_handler: object = print\n",
        "from json import dumps as lambda_handler\n",
        "from near import lambda_handler\n",
        "from near import *\n",
        "try:\n    lambda_handler = print\nfinally:\n    pass\n",
    ],
)
def test_whatever_a_module_calls_by_the_handlers_name_is_its_handler(text: str) -> None:
    assert "send.py" in names(send=text, near=HANDLER)


def test_a_handler_may_be_in_a_neighbour() -> None:
    assert names("    handler: near.lambda_handler\n", send="import near\n", near=HANDLER)


def test_what_is_wrong_with_one_file_of_two_functions_is_told_once() -> None:
    more = "  other: {source: send.py}\n"
    assert len(problems(more, send="import far\n" + HANDLER)) == 1


def both(more: str, **files: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        names(more, **files)
    assert raised.value.why.splitlines() == [*raised.value.problems, *raised.value.handler_problems]
    assert raised.value.what == "The config c.yaml has a problem, and the handler code is invalid"
    return raised.value


def test_a_problem_of_the_config_and_one_of_the_code_are_told_together() -> None:
    more = "    handler: send.nothing\n  other: {source: other.py}\n"
    told = both(more, send=HANDLER, other="import far\n" + HANDLER)
    assert told.problems[0].startswith("c.yaml:6: functions.dev.handler: ")
    assert told.handler_problems[0].startswith("other.py:1: imports far,")


def test_a_mistake_that_stops_the_config_from_being_read_does_not_hide_the_codes() -> None:
    told = both("stak: x\n", send="x = 1\ndef f(:\n")
    assert told.problems == ("c.yaml:6: stak: unknown key; did you mean stack?",)
    assert told.handler_problems[0].startswith("send.py:2: ")


def test_code_that_only_a_mistake_in_its_own_function_breaks_is_not_told() -> None:
    told = config_problems("    include: [sub/far.py]\n", send="import far\n" + HANDLER)
    assert told == ["c.yaml:6: functions.dev.include.0: there is no file 'sub/far.py' beside the config"]


def test_a_neighbour_that_leads_outside_is_a_problem_of_the_config_unless_it_is_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secret.py").write_text("SECRET = 1\n")
    (folder / "project").mkdir()
    monkeypatch.chdir(folder / "project")
    Path("near.py").symlink_to("../secret.py")
    (told,) = config_problems(send="import near\n" + HANDLER)
    where = "c.yaml:5: functions.dev.source: send.py imports near: near.py is outside the config's folder"
    assert told.startswith(f"{where} (it resolves to {folder / 'secret.py'})")
    assert names("outside_files: [../secret.py]\n", send="import near\n" + HANDLER) == ["near.py", "send.py"]


def of_size(name: str, megabytes: float) -> None:
    with Path(name).open("wb") as file:
        file.truncate(int(megabytes * 2**20))


def test_more_than_lambda_takes_is_told_with_the_line_of_include() -> None:
    of_size("a.bin", 70)
    of_size("b.bin", 5)
    (told,) = config_problems("    memory: 256\n    include: [a.bin, b.bin]\n", send=HANDLER)
    assert told == (
        "c.yaml:7: functions.dev.include: the zip has 75.0 MB, and Lambda takes 50.0 MB; the biggest files: "
        "a.bin (70.0 MB), b.bin (5.0 MB), send.py (0.0 MB)"
    )


def test_a_huge_source_is_told_with_its_line() -> None:
    of_size("send.py", 1024)
    (told,) = config_problems()
    assert told == "c.yaml:5: functions.dev.source: send.py has 1024.0 MB; the limit is 1.0 MB"


def test_a_file_that_can_no_longer_be_read_is_told_with_its_line() -> None:
    Path("send.py").write_text(HANDLER)
    Path("c.yaml").write_text(CONFIG + "    include: [a.txt, b.txt]\n")
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("")
    config = load(Path("c.yaml"))
    Path("b.txt").unlink()
    with pytest.raises(ConfigError) as raised:
        packages(config)
    assert raised.value.problems == ("c.yaml:6: functions.dev.include.1: b.txt does not exist",)


def test_code_for_a_newer_python_is_packed_and_told_to_be_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    text = "import near\nimport numpy\n" + HANDLER + "type X = int in ?\n"
    assert names(send=text, near="") == ["near.py", "send.py"]
    config = load(Path("c.yaml"))
    assert handler.unchecked(config, packages(config)) == ["send.py:4: invalid syntax"]
    assert problems("    runtime: python3.10\n", send=text, near="") == ["send.py:4: invalid syntax"]
    assert problems(send="x = 1\ndef f(:\n") == ["send.py:2: invalid syntax"]
    assert names(send=HANDLER) == ["send.py"]
    config = load(Path("c.yaml"))
    assert handler.unchecked(config, packages(config)) == []
