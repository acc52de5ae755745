"""The chat's connections: the table is the only list of them, and asking @connections the only proof of life.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import ClientError

from ..aws import Aws, absent_is_fine

PROBES = 32
"""@connections requests in flight at a time."""


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
        return {True: "live", False: "stale", None: "unknown"}[self.is_live]

    def idle_seconds(self, now: datetime) -> int | None:
        """Seconds since it last sent or received something."""
        return _since(self.last_active_at, now)

    def age_seconds(self, now: datetime) -> int | None:
        """Seconds since it connected."""
        return _since(self.connected_at, now)


def rows(aws: Aws, table: str, key: str) -> Iterator[Connection]:
    """Every row of the table, page by page; none when there is no table. Nobody is asked whether it is live."""
    with absent_is_fine():
        for item in aws.pages("dynamodb", "scan", "Items", TableName=table, ConsistentRead=True):
            yield Connection(item[key]["S"], connected_at=_time(item.get("connectedAt", {}).get("S")))


def probe(aws: Aws, connections: list[Connection], connections_url: str) -> list[Connection]:
    """The same connections, each asked about: live with what API Gateway knows of it, or stale."""
    client = aws.client("apigatewaymanagementapi", connections_url)
    with ThreadPoolExecutor(PROBES, thread_name_prefix="probe") as pool:
        return list(pool.map(lambda one: _probe(client, one), connections))


def _probe(client: Any, row: Connection) -> Connection:
    try:
        found = client.get_connection(ConnectionId=row.connection_id)
    except ClientError as error:
        # 410 reaches boto3 under more than one name; the status is what counts. An id that API Gateway
        # could never have given is a 400.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404, 410):
            return Connection(row.connection_id, False, row.connected_at)
        raise
    identity = found.get("Identity", {})
    return Connection(
        row.connection_id,
        True,
        found.get("ConnectedAt") or row.connected_at,
        found.get("LastActiveAt"),
        identity.get("SourceIp"),
        identity.get("UserAgent"),
    )


def _since(then: datetime | None, now: datetime) -> int | None:
    return max(0, int((now - then).total_seconds())) if then else None


def _time(text: str | None) -> datetime | None:
    try:
        then = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=timezone.utc)
