"""Tables for a person's eyes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ..text import visible

if TYPE_CHECKING:
    from ..ops.connections import Connection
    from ..ops.roster import Roster

MARKED = 5.0
"""Seconds for which a mark stays."""
STATES = {"live": "green", "stale": "yellow"}


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


def connections_table(roster: Roster, came: Collection[str] = (), went: Collection[str] = ()) -> Table:
    """The connections, 80 columns wide; those that came are marked +, and those that went stand below with a -."""
    now = datetime.now(timezone.utc)
    listed = roster.listed
    shown = "" if len(listed) == roster.total else f", {len(listed)} of {roster.total} rows shown"
    title = f"{roster.live} live, {roster.stale} stale{shown}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading, width in (("", 1), ("connection", 17), ("state", 7), ("since", 6), ("idle", 6), ("left", 6)):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, header_style="dim", min_width=width)
    table.add_column("address", overflow="ellipsis", no_wrap=True, header_style="dim")
    table.add_column("client", overflow="ellipsis", no_wrap=True, header_style="dim")
    for one in listed:
        table.add_row(*_row(one, now, "+" if one.connection_id in came else ""))
    for connection_id in went:
        table.add_row("-", Text(visible(connection_id), style="red"), Text("gone", style="red"))
    return table


def duration(seconds: int | None) -> str:
    """Seconds as a person says them: 5s, 3m07s, 1h59m."""
    if seconds is None:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds % 60:02}s" if minutes else f"{seconds}s"


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
        Text(duration(one.seconds_left(now))),
        Text(visible(one.source_ip or "")),
        Text(client_name(one.user_agent or "")),
    ]
