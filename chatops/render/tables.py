"""Tables for a person's eyes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ..text import visible
from ..times import duration

if TYPE_CHECKING:
    from ..ops.connections import Connection
    from ..ops.roster import Roster

MARKED = 5.0
"""Seconds for which a mark stays."""
STATES = {"live": "green", "stale": "yellow"}
COLUMNS = {"": 1, "connection": 17, "state": 7, "since": 6, "idle": 6, "left": 10}
"""Columns of a terminal that each takes; what is left is for the address and the client."""
ADDRESS, CLIENT = 15, 24
"""Columns that an address has at least, and a client at most."""


class Marks:
    """Who came and who went in the last seconds: long enough for a person to see it."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}
        self._went: dict[str, float] = {}

    def add(self, came: Iterable[str], went: Iterable[str]) -> None:
        """Notes those that came and went just now."""
        now = time.monotonic()
        self._came |= dict.fromkeys(came, now)
        self._went |= dict.fromkeys(went, now)
        for marks in (self._came, self._went):
            for one in [one for one, at in marks.items() if now - at > MARKED]:
                del marks[one]

    @property
    def came(self) -> list[str]:
        return [one for one in self._came if one not in self._went]

    @property
    def went(self) -> list[str]:
        return list(self._went)


def connections_table(
    roster: Roster, came: Collection[str] = (), went: Collection[str] = (), width: int | None = None
) -> Table:
    """The connections; those that came are marked +, and those that went stand below with a -.

    Within `width`, which is 80 columns at least, what is longer than its column is cut; without, nothing is.
    """
    now = datetime.now(timezone.utc)
    looks: dict[str, Any] = {"box": None, "padding": (0, 1, 0, 0), "pad_edge": False, "title_justify": "left"}
    table = Table(title=_title(roster), title_style="bold", **looks)
    for heading, cells in COLUMNS.items():
        # A column of a fixed width; rich would take from the mark's what another column wants.
        table.add_column(heading, overflow="ellipsis", no_wrap=True, header_style="dim", width=cells if width else None)
    addresses = max((len(one.source_ip or "") for one in roster.listed), default=0)
    room = (width or 0) - sum(COLUMNS.values()) - len(COLUMNS) - 1
    address = min(max(ADDRESS, addresses), max(ADDRESS, room - CLIENT))
    for heading, cells in (("address", address), ("client", min(room - address, CLIENT))):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, header_style="dim", width=cells if width else None)
    for one in roster.listed:
        table.add_row(*_row(one, now, "+" if one.connection_id in came else ""))
    for connection_id in went:
        table.add_row("-", Text(visible(connection_id), style="red"), Text("gone", style="red"))
    return table


def _title(roster: Roster) -> str:
    if roster.refusal and not roster.total:
        return "The connections are unknown"
    if roster.unknown == roster.total > 0:
        counts = f"{roster.total} {'row' if roster.total == 1 else 'rows'}, not asked"
    else:
        counts = f"{roster.live} live, {roster.stale} stale"
        counts += f", {roster.unknown} not asked" if roster.unknown else ""
    shown = len(roster.listed)
    return counts if shown == roster.total else f"{counts}; {shown} of {roster.total} shown"


def client_name(user_agent: str) -> str:
    """A browser's or program's name out of its user agent, which is long and says Mozilla of everything."""
    for name in ("Edg", "OPR", "Firefox", "Chrome", "Safari"):
        found = next((one for one in user_agent.split() if one.startswith(f"{name}/")), None)
        if found:
            return visible(found.split(".")[0], limit=24)
    return visible(user_agent, limit=24)


def _row(one: Connection, now: datetime, mark: str) -> list[Text]:
    return [
        Text(mark, style="bold green"),
        Text(visible(one.connection_id)),
        Text(one.state, style=STATES.get(one.state, "dim")),
        Text(duration(one.age_seconds(now))),
        Text(duration(one.idle_seconds(now))),
        Text(_left(one, now)),
        Text(visible(one.source_ip or "")),
        Text(client_name(one.user_agent or "")),
    ]


def _left(one: Connection, now: datetime) -> str:
    """The time until API Gateway closes it, and why it will: for its age, or for being idle."""
    left = one.seconds_left(now)
    if left is None:
        return ""
    return f"{duration(left)} {'age' if left == one.life_seconds_left(now) else 'idle'}"
