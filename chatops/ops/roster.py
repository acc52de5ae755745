"""Who is connected, as `status` shows it: read once, or again and again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..aws import Aws, Interrupted
from ..config import Table
from ..errors import explain
from . import connections
from .connections import Connection
from .management import Management

ASKED = 1000
"""How many connections are asked about where a large number says enough."""


@dataclass(frozen=True)
class Roster:
    """The rows that were read; `total` counts those beyond the limit too."""

    listed: tuple[Connection, ...] = ()
    total: int = 0

    @property
    def live(self) -> int:
        return sum(one.is_live is True for one in self.listed)

    @property
    def stale(self) -> int:
        return sum(one.is_live is False for one in self.listed)


def read(
    aws: Aws, table: Table, connections_url: str | None, *, probe: bool = True, limit: int | None = None
) -> Roster:
    """Reads the table, and asks about each connection unless told not to, or while there is no API to ask."""
    if not probe and limit == 0:
        return Roster((), connections.count(aws, table.name))
    found = connections.in_order(connections.rows(aws, table.name, table.key))
    listed = found[:limit]
    if probe and connections_url:
        listed = connections.in_order(connections.probe(Management(aws, connections_url), listed))
    return Roster(tuple(listed), len(found))


def audience(aws: Aws, tables: Iterable[Table], connections_url: str | None) -> str:
    """Who would be cut off, in words: how many live connections these tables list; nothing while there are none.

    Of a large chat the first thousand are asked. Where they cannot be told, the words say so: nothing waits for that.
    """
    try:
        found = [read(aws, table, connections_url, limit=ASKED) for table in tables]
    except Interrupted:
        raise
    except Exception as error:
        return f"how many are connected could not be told ({explain(error).what})"
    live, total = sum(one.live for one in found), sum(one.total for one in found)
    asked = sum(len(one.listed) for one in found)
    if total > asked and live:
        return f"{live} of the first {asked} of {total} connections are live"
    return {0: "", 1: "1 connection is live"}.get(live, f"{live} connections are live")


def changes(before: Roster, now: Roster) -> tuple[list[str], list[str]]:
    """The ids that came and those that went between two readings; one that turned stale has gone."""
    old = {one.connection_id for one in before.listed if one.is_live is not False}
    new = {one.connection_id for one in now.listed if one.is_live is not False}
    return sorted(new - old), sorted(old - new)
