"""Who is connected, as `status` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import Aws, Interrupted
from ..errors import explain
from ..resources.table import OwnedTable
from . import connections
from .connections import Connection
from .management import Management

ASKED = 1000
"""How many connections are asked about where a large number says enough."""


@dataclass(frozen=True)
class Roster:
    """The rows that were read, of which `limit` are listed; `total` counts those too that were only counted.

    `refusal` is why they could not be read or asked about.
    """

    rows: tuple[Connection, ...] = ()
    total: int = 0
    limit: int | None = None
    refusal: Exception | None = None

    @property
    def listed(self) -> tuple[Connection, ...]:
        return self.rows[: self.limit]

    @property
    def live(self) -> int:
        return self._states[True]

    @property
    def stale(self) -> int:
        return self._states[False]

    @property
    def unknown(self) -> int:
        """How many were not asked about."""
        return self.total - self.live - self.stale

    @cached_property
    def _states(self) -> Counter[bool | None]:
        return Counter(one.is_live for one in self.rows)


def read(
    aws: Aws,
    table: OwnedTable | None,
    management: Management | None,
    *,
    probe: bool = True,
    limit: int | None = None,
    ask: int | None = None,
) -> Roster:
    """Reads the table, and asks about each connection, or about `ask` of them; not while there is no API to ask.

    Without a table of the stack's own there are no connections. What AWS refuses does not hide the rest: it stands in
    the roster.
    """
    if table is None:
        return Roster(limit=limit)
    found: list[Connection] = []
    try:
        if not probe and limit == 0:
            return Roster((), connections.count(aws, table), limit)
        found = connections.in_order(connections.rows(aws, table))
        if probe and management:
            asked = connections.probe(management, found[:ask])
            found = connections.in_order([*asked, *found[len(asked) :]])
    except (BotoCoreError, ClientError) as error:
        return Roster(tuple(found), len(found), limit, error)
    return Roster(tuple(found), len(found), limit)


def audience(aws: Aws, tables: Iterable[OwnedTable], connections_url: str | None) -> str:
    """Who would be cut off, in words: how many live connections these tables list; nothing while there are none.

    Of a large chat the first thousand are asked. Where they cannot be told, the words say so: nothing waits for that.
    """
    try:
        management = Management(aws, connections_url) if connections_url else None
        found = [read(aws, table, management, ask=ASKED) for table in tables]
    except Interrupted:
        raise
    except Exception as error:
        return _untold(error)
    for one in found:
        if one.refusal:
            return _untold(one.refusal)
    live, total = sum(one.live for one in found), sum(one.total for one in found)
    asked = sum(one.live + one.stale for one in found)
    if total > asked and live:
        return f"{live} of the first {asked} of {total} connections are live"
    return {0: "", 1: "1 connection is live"}.get(live, f"{live} connections are live")


def _untold(error: Exception) -> str:
    return f"how many are connected could not be told ({explain(error).what})"


def changes(before: Roster, now: Roster) -> tuple[list[str], list[str]]:
    """The ids that came and those that went between two readings; one that turned stale has gone."""
    old = {one.connection_id for one in before.rows if one.is_live is not False}
    new = {one.connection_id for one in now.rows if one.is_live is not False}
    return sorted(new - old), sorted(old - new)
