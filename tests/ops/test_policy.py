"""The operator's policy: it covers what earlier configs left, since every plan looks at that too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatops import leftovers
from chatops.config import load
from chatops.ops.policy import policy
from chatops.resources.api import Api
from chatops.resources.function import Function
from chatops.resources.table import Table
from chatops.stack import Stack

from ..resources.stand import REGION, ScriptedAws, function


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose earlier config had another table and another function."""
    monkeypatch.setattr(Api, "observe", lambda *_: None)
    monkeypatch.setattr(leftovers, "find", lambda _: [Table("chat", "old-table", ""), function("old-function")])
    file = tmp_path / "config.yaml"
    file.write_text("")
    return Stack(load(file), ScriptedAws())


def resources(document: dict[str, Any], action: str) -> list[str]:
    """What an action is allowed on."""
    found: list[str] = []
    for one in document["Statement"]:
        if action in one["Action"]:
            found += one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
    return found


@pytest.mark.parametrize(
    ("group", "action", "service", "name"),
    [
        *((group, "dynamodb:DescribeTable", "dynamodb", "table/old-table") for group in ("deploy", "observe")),
        *((group, "dynamodb:Scan", "dynamodb", "table/old-table") for group in ("deploy", "observe")),
        *((group, "lambda:GetFunction", "lambda", "function:old-function") for group in ("deploy", "observe")),
        *((group, "lambda:ListTags", "lambda", "function:old-function") for group in ("deploy", "observe")),
        ("deploy", "dynamodb:DeleteTable", "dynamodb", "table/old-table"),
        ("deploy", "lambda:DeleteFunction", "lambda", "function:old-function"),
        ("deploy", "logs:DeleteLogGroup", "logs", "log-group:/aws/lambda/old-function"),
    ],
)
def test_what_an_earlier_config_left_may_be_looked_at_and_deleted(
    stack: Stack, group: str, action: str, service: str, name: str
) -> None:
    assert f"arn:aws:{service}:{REGION}:123456789012:{name}" in resources(policy(stack, [group]), action)


def test_only_the_table_of_now_is_operated_on(stack: Stack) -> None:
    tables = resources(policy(stack, ["operate"]), "dynamodb:DeleteItem")
    assert tables == [f"arn:aws:dynamodb:{REGION}:123456789012:table/websocket-connections"]


def test_a_function_that_is_left_is_named_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = [function("websocket-send"), *[function("old-function")] * 2]
    assert all(isinstance(one, Function) for one in left)
    monkeypatch.setattr(leftovers, "find", lambda _: left)
    named = resources(policy(stack, ["deploy"]), "lambda:GetFunction")
    assert len(named) == len(set(named)) == 6
