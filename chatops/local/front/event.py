"""The events that functions get, field by field.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-integrations.html
shows those of $connect and $disconnect; a message's has their context, its own id, and no headers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

from .connection import Connection, new_id, now

Event = dict[str, Any]

HOP_BY_HOP = {"connection", "upgrade"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def connect(connection: Connection, request_id: str, query: str, headers: Sequence[tuple[str, str]]) -> Event:
    """The event of a handshake; `query` is what stands behind the `?`, undecoded."""
    host, _, port = connection.host.rpartition(":")
    forwarded = [
        ("X-Amzn-Trace-Id", f"Root=1-{now() // 1000:08x}-{os.urandom(12).hex()}"),
        ("X-Forwarded-For", str(connection.identity["sourceIp"])),
        ("X-Forwarded-Port", port if host else "80"),
        ("X-Forwarded-Proto", "http"),
    ]
    single, multiple = _maps([*((k, v) for k, v in headers if k.lower() not in HOP_BY_HOP), *forwarded])
    event: Event = {"headers": single, "multiValueHeaders": multiple}
    parameters = parse_qsl(query, keep_blank_values=True)
    if parameters:
        event["queryStringParameters"], event["multiValueQueryStringParameters"] = _maps(parameters)
    return {
        **event,
        "requestContext": _context(connection, "$connect", "CONNECT", request_id),
        "isBase64Encoded": False,
    }


def message(connection: Connection, request_id: str, route_key: str, body: str) -> Event:
    """The event of a message. API Gateway lets no binary messages through, so it is never base64."""
    context = _context(connection, route_key, "MESSAGE", request_id)
    return {"requestContext": {**context, "messageId": new_id()}, "body": body, "isBase64Encoded": False}


def disconnect(connection: Connection, request_id: str, code: int, reason: str) -> Event:
    """The event of a connection's end, with the code and reason of the close frame that ended it."""
    headers = {"Host": connection.host, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    context = _context(connection, "$disconnect", "DISCONNECT", request_id)
    return {
        "headers": headers,
        "multiValueHeaders": {key: [value] for key, value in headers.items()},
        "requestContext": {**context, "disconnectStatusCode": code, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


def _context(connection: Connection, route_key: str, event_type: str, request_id: str) -> dict[str, Any]:
    at = now()
    return {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": request_time(at),
        "messageDirection": "IN",
        "stage": connection.stage,
        "connectedAt": connection.connected_at,
        "requestTimeEpoch": at,
        "identity": {key: value for key, value in connection.identity.items() if value is not None},
        "requestId": request_id,
        "domainName": connection.host,
        "connectionId": connection.id,
        "apiId": connection.api_id,
    }


def request_time(milliseconds: int) -> str:
    """A time as access logs write it, `09/Feb/2024:18:11:43 +0000`, whatever the locale."""
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return f"{at.day:02}/{MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000"


def _maps(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Each name's last value, and all its values in order."""
    multiple: dict[str, list[str]] = {}
    for name, value in pairs:
        multiple.setdefault(name, []).append(value)
    return {name: values[-1] for name, values in multiple.items()}, multiple
