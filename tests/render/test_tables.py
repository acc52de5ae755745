"""The table of connections: readable at 80 columns whatever stands in it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.render import tables
from chatops.render.tables import MARKED, Marks, client_name, connections_table

from .screens import AGENT, connection

LONG = "some-very-long-user-agent-of-a-program-that-has-much-to-say/1.2.3"


def drawn(roster: Roster, width: int, came: tuple[str, ...] = (), went: tuple[str, ...] = ()) -> list[str]:
    """The lines of the table in a terminal of so many columns."""
    written = io.StringIO()
    Console(file=written, width=width).print(connections_table(roster, came, went, width))
    return written.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 132, 200])
@pytest.mark.parametrize("address", ["203.0.113.234", "2001:db8:85a3:1111:2222:8a2e:370:7334", "::1", ""])
@pytest.mark.parametrize("agent", [AGENT, LONG, "wscat", ""])
def test_every_column_keeps_its_place_whatever_address_and_client(width: int, address: str, agent: str) -> None:
    rows = (connection("L0SM9cOFIAMCIvg=", address, agent), connection("L0SM9cOFIAMCIvh=", "192.0.2.1", "wscat"))
    lines = drawn(Roster(rows, 2), width, ("L0SM9cOFIAMCIvg=",), ("L0SM9cOFIAMCIvi=",))
    assert max(map(len, lines)) <= width
    first, second, went = (next(line for line in lines if f"CIv{end}=" in line) for end in "ghi")
    assert first.startswith("+ L0SM9cOFIAMCIvg=")
    assert second.startswith("  L0SM9cOFIAMCIvh=") and second.rstrip().endswith("wscat")
    assert went.startswith("- L0SM9cOFIAMCIvi=") and "gone" in went
    assert address[:14] in first
    assert {AGENT: "Chrome/126", LONG: "some-very", "wscat": "wscat", "": ""}[agent] in first


def test_the_time_left_says_which_limit_ends_it() -> None:
    rows = (connection("a=", idle=30, age=60), connection("b=", idle=1, age=7000))
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


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (AGENT, "Chrome/126"),
        (f"{AGENT} Edg/126.0.0.0", "Edg/126"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari/605"),
        ("wscat", "wscat"),
        (LONG, f"{LONG[:23]}…"),
    ],
)
def test_a_client_has_the_name_that_a_person_would_give_it(agent: str, name: str) -> None:
    assert client_name(agent) == name


def test_who_came_and_who_went_is_marked_for_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(tables, "time", SimpleNamespace(monotonic=lambda: now[0]))
    marks = Marks()
    marks.add(["a=", "b="], [])
    now[0] += MARKED
    marks.add(["c="], ["b="])
    assert (marks.came, marks.went) == (["a=", "c="], ["b="]), "who went again did not come"
    now[0] += 0.5
    marks.add([], [])
    assert (marks.came, marks.went) == (["c="], ["b="])
