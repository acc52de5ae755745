"""The chat's connections: the table is the only list of them, and asking @connections the only proof of life."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ..aws import Aws
from ..aws.refusal import absent_is_fine, code
from ..errors import UsageError
from ..resources.table import OwnedTable
from .management import InvalidConnectionId, Management

IDLE_LIMIT, LIFE_LIMIT = timedelta(minutes=10), timedelta(hours=2)
"""After which API Gateway closes a connection.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
CONNECTING = timedelta(seconds=30)
"""How long a handshake may last. Its row exists before it, and until it ends API Gateway says that it is gone."""
CONNECTION_ID = re.compile(r"[\w+/-]{11,31}=", re.ASCII)
"""The form of a connection id. API Gateway's are 11 bytes in URL-safe Base64 (`L0SM9cOFvHcCIhw=`); no document fixes
their length, so some more and some fewer characters pass.
"""
ROW_ATTRIBUTES = {"connectedAt": "S", "expiresAt": "N"}
"""The attributes that handlers/connect.py writes beside the key, with their types; AWS's tutorial writes neither."""


@dataclass(frozen=True)
class Connection:
    """One row of the table. `is_live` is None while nobody has asked; times are in UTC."""

    connection_id: str
    is_live: bool | None = None
    connected_at: datetime | None = None
    last_active_at: datetime | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    written_at: str | None = field(default=None, compare=False)
    """The row's connectedAt as it is written there."""
    is_row: bool = field(default=False, compare=False)
    """Whether the item has the id and the attributes of a row that a connect function writes."""
    is_gone: bool = field(default=False, compare=False)
    """Whether API Gateway answered 410 for the id. A stale row without that may hold an id that was never issued."""

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


class Pruned(NamedTuple):
    """How many rows were deleted, and how many stale ones were kept on purpose."""

    deleted: int
    too_young: int
    """Rows whose handshake may not have ended."""
    kept: int
    """Items that do not prove to be a closed connection's row: another form of id, other attributes, or no 410."""


def rows(aws: Aws, table: OwnedTable) -> Iterator[Connection]:
    """Yield every row of the table, page by page; none when the table does not exist (any more).

    API Gateway is not asked whether the connections are live.
    """
    with absent_is_fine():
        for item in aws.pages("dynamodb", "scan", "Items", TableName=table.name, ConsistentRead=True):
            yield from _connection(item, table.key)


def some(aws: Aws, table: OwnedTable, most: int) -> list[Connection]:
    """Rows of one look at the table, so many at most, and perhaps without the latest; as `rows` gives them."""
    with absent_is_fine():
        items = aws.client("dynamodb").scan(TableName=table.name, Limit=most)["Items"]
        return [one for item in items for one in _connection(item, table.key)]
    return []


def count(aws: Aws, table: OwnedTable) -> int:
    """The number of rows, without reading what is in them."""
    with absent_is_fine():
        pages = aws.paginator("dynamodb", "scan").paginate(TableName=table.name, Select="COUNT")
        return sum(page["Count"] for page in pages)
    return 0


def probe(management: Management, connections: Iterable[Connection]) -> list[Connection]:
    """The same connections, each asked about: live with what API Gateway knows of it, or stale."""

    def ask(row: Connection) -> Connection:
        try:
            found = management.get(row.connection_id)
        except InvalidConnectionId:
            return replace(row, is_live=False)
        if found is None:
            return replace(row, is_live=False, is_gone=True)
        identity = found.get("identity", {})
        return replace(
            row,
            is_live=True,
            connected_at=_time(found.get("connectedAt")) or row.connected_at,
            last_active_at=_time(found.get("lastActiveAt")),
            source_ip=identity.get("sourceIp"),
            user_agent=identity.get("userAgent"),
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


def prune(aws: Aws, table: OwnedTable, probed: Iterable[Connection]) -> Pruned:
    """Delete the rows of connections that API Gateway no longer knows, and nothing else in the table.

    A row younger than a handshake may last is kept, since its connection may be about to open. So is an item that
    a connect function does not write, and a row that changed after it was read.
    """
    now = datetime.now(timezone.utc)
    stale = [one for one in probed if one.is_live is False]
    closed = [one for one in stale if one.is_row and one.is_gone]
    old = [one for one in closed if not one.connected_at or now - one.connected_at > CONNECTING]
    deleted = sum(aws.together(*(lambda row=one: _delete_unchanged(aws, table, row) for one in old)))
    return Pruned(deleted, len(closed) - len(old), len(stale) - len(closed))


def delete(aws: Aws, table: OwnedTable, connection_id: str) -> None:
    """Delete the row of a connection that is known to be this run's own."""
    aws.client("dynamodb").delete_item(TableName=table.name, Key={table.key: {"S": connection_id}})


def _delete_unchanged(aws: Aws, table: OwnedTable, row: Connection) -> bool:
    """Delete a row, and return False when it is not there any more as it was read."""
    condition, values = "attribute_exists(#key) AND attribute_not_exists(connectedAt)", {}
    if row.written_at is not None:
        condition, values = "connectedAt = :written", {":written": {"S": row.written_at}}
    names = {"#key": table.key} if "#key" in condition else {}
    more = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    try:
        aws.client("dynamodb").delete_item(
            TableName=table.name,
            Key={table.key: {"S": row.connection_id}},
            ConditionExpression=condition,
            **{key: one for key, one in more.items() if one},
        )
    except ClientError as error:
        if code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _connection(item: dict[str, Any], key: str) -> Iterator[Connection]:
    connection_id = item.get(key, {}).get("S")
    if connection_id is not None:
        written_at = item.get("connectedAt", {}).get("S")
        yield Connection(
            connection_id,
            connected_at=_time(written_at),
            written_at=written_at,
            is_row=_is_row(item, key),
        )


def _is_row(item: dict[str, Any], key: str) -> bool:
    """Whether handlers/connect.py writes such an item, or the connect function of AWS's tutorial: the key alone."""
    others = {name: value for name, value in item.items() if name != key}
    return (
        CONNECTION_ID.fullmatch(item[key]["S"]) is not None
        and all(name in ROW_ATTRIBUTES and ROW_ATTRIBUTES[name] in value for name, value in others.items())
        and (not others or _time(others.get("connectedAt", {}).get("S")) is not None)
    )


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
