"""The smoke test as a command: what it needs is asked for first, and what was just changed is waited for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from chatops.commands import deploy
from chatops.commands.operate import smoke_test
from chatops.ops import addresses, doctor, own_rows, smoke
from chatops.ops.doctor.finding import Diagnosis, error
from chatops.ops.management import Management
from chatops.ops.smoke import Check, Report
from chatops.render import smoke as shown

RED, GREEN = Check("broadcast", False, 1.0, "nothing came"), Check("broadcast", True, 1.0)
CAUSE = error("role.send lacks permissions", "it may not dynamodb:Scan", "chatops up")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The reports that are told."""
    told: list[Report] = []
    monkeypatch.setattr(addresses, "url", lambda _: "ws://127.0.0.1:1")
    monkeypatch.setattr(Management, "of", lambda _: None)
    monkeypatch.setattr(shown, "show", lambda _, report: told.append(report))
    monkeypatch.setattr(own_rows, "OwnRows", lambda *_: None)
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: Diagnosis((CAUSE,)))
    return told


def session(notes: list[str]) -> Any:
    aws, config = SimpleNamespace(pause=lambda _: None), SimpleNamespace(table=None)
    interrupt = SimpleNamespace(so_far="")
    return SimpleNamespace(stack=None, aws=aws, output=None, config=config, note=notes.append, interrupt=interrupt)


def runs(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> list[Check]:
    """Lets each run end with one of these checks; gives those that are left."""
    left = list(checks)
    monkeypatch.setattr(smoke, "run", lambda *_: Report([left.pop(0)]))
    return left


def test_what_was_just_changed_is_waited_for(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    notes: list[str] = []
    left = runs(monkeypatch, RED, RED, GREEN)
    assert smoke_test(session(notes), settles=60) == 0
    assert [one.checks for one in told] == [[GREEN]], "only the last run is told"
    assert len(notes) == 2 and not left


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    clock = iter((0.0, 30.0, 61.0))
    monkeypatch.setattr("chatops.commands.operate.time.monotonic", lambda: next(clock))
    left = runs(monkeypatch, RED, RED, GREEN)
    assert smoke_test(session([]), settles=60) == 1
    assert (told[0].cause, len(left)) == (CAUSE, 1)


def test_what_nobody_changed_is_tried_once(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    left = runs(monkeypatch, RED, GREEN)
    assert smoke_test(session([])) == 1
    assert left == [GREEN]


def test_an_up_that_cannot_be_proved_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(_: Any) -> None:
        raise AssertionError("nothing may be asked of AWS")

    monkeypatch.setattr("chatops.extras.find_spec", lambda _: None)
    monkeypatch.setattr("chatops.session.Session.prepare", touched)
    monkeypatch.setattr("chatops.session.Session.head", touched)
    ended = CliRunner().invoke(deploy.app, ["up", "--smoke", "--region", "ap-northeast-2"])
    assert ended.exit_code == 2
    assert "[local,chat]'" in ended.stderr
