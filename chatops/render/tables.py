"""Tables for a person's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from rich.table import Table
from rich.text import Text

from ..ops.connections import Connection
from ..text import visible


def connections_table(connections: Sequence[Connection], total: int) -> Table:
    now = datetime.now(timezone.utc)
    live = sum(one.is_live is True for one in connections)
    stale = sum(one.is_live is False for one in connections)
    shown = "" if len(connections) == total else f", {len(connections)} of {total} rows shown"
    table = Table(title=f"{live} live, {stale} stale{shown}", title_justify="left", title_style="bold", box=None)
    for heading in ("connection", "state", "since", "idle", "address", "client"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, header_style="dim")
    for one in connections:
        state = Text(one.state, style={"live": "green", "stale": "yellow"}.get(one.state, "dim"))
        table.add_row(
            Text(visible(one.connection_id)),
            state,
            _duration(one.age_seconds(now)),
            _duration(one.idle_seconds(now)),
            Text(visible(one.source_ip or "")),
            Text(visible(one.user_agent or "", limit=24)),
        )
    return table


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds % 60:02}s"
