"""The status: what is ok and what is not, and marked where it changed since the look before."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pyte
import pytest

from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change
from chatops.errors import ChatopsError
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Reading
from chatops.render import status
from chatops.render.output import Output
from chatops.resources.log_group import LogGroup

from .screens import WHERE, Captured, connection, is_plain, step


def reading(*ids: str, action: Action = Action.KEEP, trouble: Exception | None = None) -> Reading:
    plan = Plan((Step(LogGroup("chat", "send", 14), action),))
    rows = tuple(connection(each) for each in ids)
    refusal = trouble if not ids else None
    return Reading(plan, {"websocket_url": "wss://x"}, Roster(rows, len(rows), None, refusal), trouble)


def watched(output: Output, *looks: Reading) -> None:
    status.watch(output, WHERE, looks[0], looks[1:])


def test_a_watch_that_is_piped_tells_each_change_on_a_line(capsys: Captured) -> None:
    watched(
        Output(), reading("a=", "b="), reading("a=", "b="), reading("b=", "c="), reading("b=", action=Action.CREATE)
    )
    out, _ = capsys.readouterr()
    after = out.splitlines()[out.splitlines().index(next(x for x in out.splitlines() if " b= " in x)) + 1 :]
    assert after == ["+ c=", "- a=", "0 of 1 resources ok", "  missing   log_group./aws/lambda/send", "- c="]


ABSENT = Reading(
    Plan((step(Action.CREATE), step(Action.CREATE))),
    {"websocket_url": None, "http_urls": {}},
    Roster(),
    ChatopsError("not-deployed", "The stack chat does not exist in account 1", "why", "`chatops find` looks"),
    exists=False,
)


def test_a_stack_that_does_not_exist_is_one_sentence(capsys: Captured) -> None:
    status.show(Output(), WHERE, ABSENT)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == (
        "",
        ["The stack chat does not exist in account 1: why", "→ `chatops find` looks"],
    )


def test_a_stack_that_does_not_exist_has_the_same_document_as_one_that_does(capsys: Captured) -> None:
    status.show(Output(as_json=True), WHERE, ABSENT)
    status.show(Output(as_json=True), WHERE, reading("a="))
    absent, present = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert present.keys() - absent.keys() == set()
    assert {one["state"] for one in absent["resources"]} == {"missing"}
    assert (absent["live"], absent["connections"], absent["trouble"]["code"]) == (0, [], "not-deployed")


def test_a_stack_that_is_taken_down_while_it_is_watched_is_one_sentence_too(capsys: Captured) -> None:
    watched(Output(), reading("a="), ABSENT, ABSENT)
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "- a=" and "missing" not in out
    assert err.count("does not exist") == 1


def test_trouble_is_told_once_and_nobody_has_gone_for_it(capsys: Captured) -> None:
    away = ValueError("the network is away")
    watched(Output(), reading("a="), reading(trouble=away), reading(trouble=away), reading("a=", "b="))
    out, err = capsys.readouterr()
    assert err.count("the network is away") == 1
    assert out.splitlines()[-1] == "+ b="
    assert "- a=" not in out


def test_a_watch_for_a_program_is_a_document_for_each_look(capsys: Captured) -> None:
    watched(Output(as_json=True), reading("a="), reading("a=", "b="), reading(trouble=ValueError("away")))
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["live"] for one in documents] == [1, 2, 0]
    assert [bool(one["trouble"]) for one in documents] == [False, False, True]


def test_in_a_terminal_the_list_is_drawn_in_place_and_marks_who_came_and_who_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatops.render.tables.time", SimpleNamespace(monotonic=lambda: 1000.0))
    screen = pyte.Screen(80, 24)
    stream = pyte.Stream(screen)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            stream.feed(text.replace("\n", "\r\n"))
            return len(text)

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    shots: list[list[str]] = []

    def looks() -> Iterator[Reading]:
        for look in (reading("a=", "b=", "c="), reading("a=", "c="), reading("a=", "c=", action=Action.CREATE)):
            shots.append([line.rstrip() for line in screen.display if line.strip()])
            yield look
        shots.append([line.rstrip() for line in screen.display if line.strip()])

    output = Output()
    status.watch(output, WHERE, reading("a=", "b="), looks())

    def marks(shot: list[str]) -> dict[str, str]:
        return {line[2:4]: line[0] for line in shot if line[3:4] == "="}

    assert [marks(shot) for shot in shots] == [
        {"a=": " ", "b=": " "},
        {"a=": " ", "b=": " ", "c=": "+"},
        {"a=": " ", "c=": "+", "b=": "-"},
        {"a=": " ", "c=": "+", "b=": "-"},
    ]
    assert [shot[0] for shot in shots] == ["1 of 1 resources ok"] * 3 + ["0 of 1 resources ok"]
    assert any("missing" in line for line in shots[3])
    assert all(sum("live," in line for line in shot) == 1 for shot in shots), "nothing of an earlier look stays"


def test_a_failing_function_is_no_healthy_one(capsys: Captured) -> None:
    from chatops.deploy.resource import Live

    step: Any = Step(LogGroup("chat", "send", 14), Action.KEEP)
    plan = Plan((step,), {step.name: Live({}, {"state": "Failed"})})
    status.show(Output(), WHERE, Reading(plan, {}, Roster()))
    out = capsys.readouterr().out
    assert "0 of 1 resources ok" in out
    assert "failing" in out


def test_a_status_that_is_piped_loses_nothing(capsys: Captured) -> None:
    since = datetime.now(timezone.utc) - timedelta(minutes=59, seconds=30)
    only = Connection("Abcdefghijklmno=", True, since, since, "2001:db8:85a3:1111:2222:8a2e:370:7334", "wscat")
    status.show(Output(), WHERE, Reading(Plan(()), {"websocket_url": "wss://x"}, Roster((only,), 1)))
    out, err = capsys.readouterr()
    assert is_plain(out)
    (line,) = [line for line in out.splitlines() if "Abc" in line]
    for part in ("Abcdefghijklmno=", "live", "59m", "2001:db8:85a3:1111:2222:8a2e:370:7334", "wscat"):
        assert part in line
    assert err == ""


def test_a_status_counts_what_is_ok_and_names_what_is_not(capsys: Captured) -> None:
    live = Change("stages.demo.deployment", "a", "b")
    plan = Plan((step(Action.KEEP), step(Action.UPDATE, live)))
    status.show(Output(), WHERE, Reading(plan, {"websocket_url": None}, Roster()))
    out, err = capsys.readouterr()
    assert "1 of 2 resources ok" in out
    assert "not live" in out
    assert "chatops up" in err
