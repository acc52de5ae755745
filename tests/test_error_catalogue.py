"""Every error that chatops can give, read as a stranger would: error-catalogue.json has what is told, by its code.

    ERROR_CATALOGUE=write pytest -n 0 tests/test_error_catalogue.py

writes that file anew, to be read and committed with a change of words.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatops import errors
from chatops.deploy.resource import Blocked

from .provocations import PROVOCATIONS, Stranger, Told
from .test_house import ROOT, sources

FILE = Path(__file__).with_name("error-catalogue.json")
IS_WRITTEN = os.environ.get("ERROR_CATALOGUE") == "write"
KEBAB = re.compile(r"[a-z]+(-[a-z]+)*")

KINDS = {"NoRegion", "ConfigError", "HandlerError", "MissingExtra"}
"""The classes that are one error each, and name their code themselves."""
RAISED = {
    *(name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.ChatopsError)),
    Blocked.__name__,
} - KINDS
"""The classes of which each raise is an error of its own."""
HOMELY = {"Explanation", "super().__init__"}
"""What gives an error its code in errors.py itself."""
HANDED_ON = {"Blocked(step.code, ", "code=seen.code)"}
"""The code of a block, on its way from where it arose through the plan."""


@pytest.fixture(scope="module")
def catalogue() -> Iterator[dict[str, Told]]:
    """What is told, by code."""
    told: dict[str, Told] = json.loads(FILE.read_text())
    yield told
    if IS_WRITTEN:
        in_order = {code: told[code] for code in PROVOCATIONS if code in told}
        FILE.write_text(json.dumps(in_order, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("code", PROVOCATIONS)
def test_an_error_tells_what_the_catalogue_says(
    code: str,
    catalogue: dict[str, Told],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    told = PROVOCATIONS[code](Stranger(tmp_path, monkeypatch, capsys))
    assert told.pop("code") == code
    assert all(told[one].strip() for one in ("what", "why", "hint")), told
    if IS_WRITTEN:
        catalogue[code] = told
    assert told == catalogue[code]


def test_every_code_of_the_source_is_in_the_catalogue_once_and_no_other(catalogue: dict[str, Told]) -> None:
    codes = Counter(code for path in sources("chatops") for code in named(path))
    codes.update(refusal.code for refusal in (*errors.REFUSALS, errors.OTHER))
    assert {code for code, times in codes.items() if times > 1} == set()
    assert set(codes) == set(PROVOCATIONS) == set(catalogue)


def test_every_raise_of_an_error_of_ours_names_its_code() -> None:
    unnamed = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sources("chatops")
        for call in calls(path)
        if is_named(call) and not code_of(call) and not any(one in ast.unparse(call) for one in HANDED_ON)
    ]
    assert unnamed == []


def test_no_two_errors_of_the_catalogue_tell_the_same(catalogue: dict[str, Told]) -> None:
    told = [(one["what"], one["why"], one["hint"]) for one in catalogue.values()]
    assert len(set(told)) == len(told)


def named(path: Path) -> Iterator[str]:
    """Every code that a module gives to an error."""
    is_home = path == ROOT / "chatops" / "errors.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (is_named(node) or (is_home and called(node) in HOMELY)):
            yield from filter(None, [code_of(node)])
        elif isinstance(node, ast.Dict):
            document = {text(key): text(value) for key, value in zip(node.keys, node.values, strict=True)}
            if document.get("event") == "error" and document.get("code"):
                yield document["code"]


def calls(path: Path) -> Iterator[ast.Call]:
    """Every call in a module."""
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The name of what is called, as it is written."""
    return ast.unparse(call.func)


def is_named(call: ast.Call) -> bool:
    """Whether a call makes an error of ours, or a step that is blocked."""
    return called(call) in RAISED or (called(call) == "Step" and "Action.BLOCKED" in map(ast.unparse, call.args))


def code_of(call: ast.Call) -> str:
    """The code that stands in a call: the last argument of a step, the first one of all else."""
    at = 5 if called(call) == "Step" else 0
    code = text(call.args[at]) if len(call.args) > at else ""
    return code if KEBAB.fullmatch(code) else ""


def text(node: ast.AST | None) -> str:
    """The text that a node is, or nothing."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
