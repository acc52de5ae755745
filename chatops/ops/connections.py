"""The chat's connections: the table is the only list of them, and asking @connections the only proof of life."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ..aws import Aws
from ..aws.refusal import absent_is_fine
from ..errors import UsageError
from .management import Management

IDLE_LIMIT, LIFE_LIMIT = timedelta(minutes=10), timedelta(hours=2)
"""After which API Gateway closes a connection.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
CONNECTING = timedelta(seconds=30)
"""How long a handshake may last. Its row exists before it, and until it ends API Gateway says that it is gone."""


@dataclass(frozen=True)
class Connection:
    """One row of the table. `is_live` is None while nobody has asked; times are in UTC."""

    connection_id: str
    is_live: bool | None = None
    connected_at: datetime | None = None
    last_active_at: datetime | None = None
    source_ip: str | None = None
    user_agent: str | None = None

    @property
    def state(self) -> str:
        """`live`, `stale`, or `unknown` while nobody has asked."""
        return {True: "live", False: "stale", None: "unknown"}[self.is_live]

    def idle_seconds(self, now: datetime) -> int | None:
        """Seconds since it last sent or received something."""
        return _since(self.last_active_at, now)

    def age_seconds(self, now: datetime) -> int | None:
        """Seconds since it connected."""
        return _since(self.connected_at, now)

    def idle_seconds_left(self, now: datetime) -> int | None:
        """Seconds until API Gateway closes it for being idle, if it stays so."""
        return self._left(self.last_active_at, IDLE_LIMIT, now)

    def life_seconds_left(self, now: datetime) -> int | None:
        """Seconds until API Gateway closes it however busy it is."""
        return self._left(self.connected_at, LIFE_LIMIT, now)

    def seconds_left(self, now: datetime) -> int | None:
        """Seconds until API Gateway closes it, if it stays idle."""
        left = [one for one in (self.idle_seconds_left(now), self.life_seconds_left(now)) if one is not None]
        return min(left, default=None)

    def _left(self, since: datetime | None, limit: timedelta, now: datetime) -> int | None:
        return max(0, int((since + limit - now).total_seconds())) if since and self.is_live else None


@dataclass(frozen=True)
class Tally:
    """How many connections a call reached, found gone, and failed on; the first failure says why."""

    done: int
    gone: int
    failed: int
    error: Exception | None = None
    reached: tuple[Connection, ...] = ()


def rows(aws: Aws, table: str, key: str) -> Iterator[Connection]:
    """Every row of the table, page by page; none when there is no table, or when its key is another one.

    Nobody is asked whether it is live.
    """
    with absent_is_fine():
        for item in aws.pages("dynamodb", "scan", "Items", TableName=table, ConsistentRead=True):
            yield from _connection(item, key)


def some(aws: Aws, table: str, key: str, most: int) -> list[Connection]:
    """Rows of one look at the table, so many at most, and perhaps without the latest; as `rows` gives them."""
    with absent_is_fine():
        items = aws.client("dynamodb").scan(TableName=table, Limit=most)["Items"]
        return [one for item in items for one in _connection(item, key)]
    return []


def count(aws: Aws, table: str) -> int:
    """The number of rows, without reading what is in them."""
    with absent_is_fine():
        pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, Select="COUNT")
        return sum(page["Count"] for page in pages)
    return 0


def probe(management: Management, connections: Iterable[Connection]) -> list[Connection]:
    """The same connections, each asked about: live with what API Gateway knows of it, or stale."""

    def ask(row: Connection) -> Connection:
        found = management.get(row.connection_id)
        if found is None:
            return replace(row, is_live=False)
        identity = found.get("identity", {})
        return Connection(
            row.connection_id,
            True,
            _time(found.get("connectedAt")) or row.connected_at,
            _time(found.get("lastActiveAt")),
            identity.get("sourceIp"),
            identity.get("userAgent"),
        )

    return management.each(ask, connections)


def in_order(connections: Iterable[Connection]) -> list[Connection]:
    """The live ones first, the longest connected at the top."""
    latest = datetime.max.replace(tzinfo=timezone.utc)
    return sorted(connections, key=lambda one: (one.is_live is False, one.connected_at or latest, one.connection_id))


def named(connections: Sequence[Connection], names: Iterable[str]) -> list[Connection]:
    """The connections with these ids, each of which may be a unique prefix. Raises UsageError for any other."""
    found: dict[str, Connection] = {}
    for name in names:
        if not name:
            raise UsageError(
                "empty-id",
                "An empty id names no connection",
                "every id begins with it",
                "`chatops status` lists the ids.",
            )
        matches = [one for one in connections if one.connection_id == name]
        matches = matches or [one for one in connections if one.connection_id.startswith(name)]
        if len(matches) != 1:
            ids = ", ".join(sorted(one.connection_id for one in matches)[:5])
            why = f"{len(matches)} begin like that: {ids}" if matches else "the table has no row that begins like that"
            raise UsageError(
                "no-single-connection",
                f"{name!r} names no single connection",
                why,
                "`chatops status` lists the ids.",
            )
        found[matches[0].connection_id] = matches[0]
    return list(found.values())


def send(management: Management, connections: Iterable[Connection], message: str) -> Tally:
    """Posts a message, exactly as given, to each."""
    data = message.encode("utf-8", "surrogateescape")
    return _tally(management, lambda one: management.post(one.connection_id, data), connections)


def kick(management: Management, connections: Iterable[Connection]) -> Tally:
    """Closes each."""
    return _tally(management, lambda one: management.close(one.connection_id), connections)


def idle_for(connections: Iterable[Connection], seconds: int) -> list[Connection]:
    """Those that have neither sent nor received anything for at least so many seconds."""
    now = datetime.now(timezone.utc)
    return [one for one in connections if (one.idle_seconds(now) or 0) >= seconds and one.is_live]


def drain(aws: Aws, management: Management, closed: Sequence[Connection]) -> None:
    """Waits until API Gateway no longer knows the connections that were closed."""
    aws.wait_until(
        lambda: not any(one.is_live for one in probe(management, closed)), what="closing the connections", limit=30
    )


def prune(aws: Aws, table: str, key: str, stale: Iterable[Connection]) -> tuple[int, int]:
    """Deletes the rows of stale connections. Gives how many were deleted, and how many are too young to tell.

    A row younger than a handshake may last is kept: its connection may be about to open.
    """
    now = datetime.now(timezone.utc)
    old = [one for one in stale if one.is_live is False]
    sure = [one for one in old if not one.connected_at or now - one.connected_at > CONNECTING]
    dynamodb = aws.client("dynamodb")
    aws.together(
        *(lambda i=one.connection_id: dynamodb.delete_item(TableName=table, Key={key: {"S": i}}) for one in sure)
    )
    return len(sure), len(old) - len(sure)


def _connection(item: dict[str, Any], key: str) -> Iterator[Connection]:
    connection_id = item.get(key, {}).get("S")
    if connection_id is not None:
        yield Connection(connection_id, connected_at=_time(item.get("connectedAt", {}).get("S")))


def _tally(management: Management, call: Any, connections: Iterable[Connection]) -> Tally:
    def outcome(one: Connection) -> bool | Exception:
        try:
            return bool(call(one))
        except Exception as error:
            return error

    asked = list(connections)
    outcomes = management.each(outcome, asked)
    errors = [one for one in outcomes if isinstance(one, Exception)]
    reached = tuple(one for one, how in zip(asked, outcomes, strict=True) if how is True)
    return Tally(len(reached), outcomes.count(False), len(errors), errors[0] if errors else None, reached)


def _since(then: datetime | None, now: datetime) -> int | None:
    return max(0, int((now - then).total_seconds())) if then else None


def _time(text: str | None) -> datetime | None:
    """A time in ISO 8601. Python 3.10 reads neither Z nor fractions of any length but three or six digits."""
    parts = re.fullmatch(r"([^.]*?)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", text or "")
    if not parts:
        return None
    head, fraction, offset = parts.groups(default="")
    try:
        then = datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=timezone.utc)
