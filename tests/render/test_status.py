"""The status: readable at 80 columns whatever stands in it, and marked where it changed since the look before."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pyte
import pytest
from rich.console import Console

from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Reading
from chatops.render import status
from chatops.render.output import Output
from chatops.render.tables import connections_table
from chatops.resources.log_group import LogGroup

from .screens import WHERE, Captured, is_plain, step

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
LONG = "some-very-long-user-agent-of-a-program-that-has-much-to-say/1.2.3"


def one(connection_id: str, address: str = "203.0.113.234", agent: str = AGENT, **ago: int) -> Connection:
    now = datetime.now(timezone.utc)
    idle, age = (now - timedelta(seconds=ago.get(key, 5)) for key in ("idle", "age"))
    return Connection(connection_id, True, age, idle, address, agent)


def drawn(roster: Roster, width: int, came: tuple[str, ...] = (), went: tuple[str, ...] = ()) -> list[str]:
    """The lines of the table in a terminal of so many columns."""
    written = io.StringIO()
    Console(file=written, width=width).print(connections_table(roster, came, went, width))
    return written.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 132, 200])
@pytest.mark.parametrize("address", ["203.0.113.234", "2001:db8:85a3:1111:2222:8a2e:370:7334", "::1", ""])
@pytest.mark.parametrize("agent", [AGENT, LONG, "wscat", ""])
def test_every_column_keeps_its_place_whatever_address_and_client(width: int, address: str, agent: str) -> None:
    rows = (one("L0SM9cOFIAMCIvg=", address, agent), one("L0SM9cOFIAMCIvh=", "192.0.2.1", "wscat"))
    lines = drawn(Roster(rows, 2), width, ("L0SM9cOFIAMCIvg=",), ("L0SM9cOFIAMCIvi=",))
    assert max(map(len, lines)) <= width
    first, second, went = (next(line for line in lines if f"CIv{end}=" in line) for end in "ghi")
    assert first.startswith("+ L0SM9cOFIAMCIvg=")
    assert second.startswith("  L0SM9cOFIAMCIvh=") and second.rstrip().endswith("wscat")
    assert went.startswith("- L0SM9cOFIAMCIvi=") and "gone" in went
    assert address[:14] in first
    assert {AGENT: "Chrome/126", LONG: "some-very", "wscat": "wscat", "": ""}[agent] in first


def test_the_time_left_says_which_limit_ends_it() -> None:
    rows = (one("a=", idle=30, age=60), one("b=", idle=1, age=7000))
    lines = drawn(Roster(rows, 2), 80)
    assert "9m" in lines[2] and "idle" in lines[2]
    assert "3m" in lines[3] and "age" in lines[3]


@pytest.mark.parametrize(
    ("roster", "title"),
    [
        (Roster(), "0 live, 0 stale"),
        (Roster((Connection("a=", True), Connection("b=", False)), 2), "1 live, 1 stale"),
        (Roster((Connection("a=", True), Connection("b=", True)), 2, 1), "2 live, 0 stale; 1 of 2 shown"),
        (Roster((Connection("a="), Connection("b="), Connection("c=")), 3), "3 rows, not asked"),
        (Roster((), 70, 0), "70 rows, not asked; 0 of 70 shown"),
        (Roster((Connection("a=", True),), 3), "1 live, 0 stale, 2 not asked; 1 of 3 shown"),
        (Roster(refusal=ValueError("no")), "The connections are unknown"),
    ],
)
def test_the_title_counts_all_rows_and_makes_nothing_up(roster: Roster, title: str) -> None:
    assert drawn(roster, 80)[0].rstrip() == title


def reading(*ids: str, action: Action = Action.KEEP, trouble: Exception | None = None) -> Reading:
    plan = Plan((Step(LogGroup("chat", "send", 14), action),))
    rows = tuple(one(each) for each in ids)
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
