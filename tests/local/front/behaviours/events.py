"""The events that functions get, field by field."""

from __future__ import annotations

import re
from typing import Any

from ..chats import Shape
from ..targets import Target
from .behaviour import behaviour

CONTEXT = {
    "routeKey": r"\$?\w+",
    "eventType": r"CONNECT|MESSAGE|DISCONNECT",
    "extendedRequestId": r"[\w=-]{16}",
    "requestTime": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000",
    "messageDirection": r"IN",
    "stage": r"demo",
    "connectedAt": r"\d{13}",
    "requestTimeEpoch": r"\d{13}",
    "identity": r"\{.*'sourceIp': '127.0.0.1'.*\}",
    "requestId": r"[\w=-]{16}",
    "domainName": r"[\w.:-]+",
    "connectionId": r"[\w=-]{16}",
    "apiId": r"\w+",
}
HEADERS = {"headers": r"\{.*'Host': .*\}", "multiValueHeaders": r"\{.*'Host': \[.*\}"}
QUERY = {"queryStringParameters": r"\{'client': .*\}", "multiValueQueryStringParameters": r"\{'client': \[.*\]\}"}


def compared(event: Any, top: dict[str, str], context: dict[str, str]) -> str:
    """`as documented`, or what is missing, unknown or of another form."""
    found = [*differences(event, {**top, "requestContext": r".*", "isBase64Encoded": r"False"}, "")]
    found += differences(event["requestContext"], {**CONTEXT, **context}, "requestContext.")
    return ", ".join(found) or "as documented"


def differences(event: Any, fields: dict[str, str], prefix: str) -> list[str]:
    missing = [f"no {prefix}{name}" for name in fields if name not in event]
    more = [f"{prefix}{name} besides" for name in event if name not in fields]
    other = [
        f"another {prefix}{n}" for n, form in fields.items() if n in event and not re.fullmatch(form, str(event[n]))
    ]
    return [*missing, *more, *other]


@behaviour("as documented")
def the_event_of_a_handshake(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        return compared(chat.sink.event("CONNECT", joined.id), {**HEADERS, **QUERY}, {})


@behaviour("as documented")
def the_event_of_a_message(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        joined.say(action="say", text="안녕하세요")
        event = chat.sink.event("MESSAGE", joined.id)
    return compared(event, {"body": r'\{"action": "say", .*\}'}, {"messageId": r"[\w=-]{16}"})


@behaviour("as documented")
def the_event_of_a_disconnect(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        pass
    context = {"disconnectStatusCode": r"\d{4}", "disconnectReason": r".*"}
    return compared(chat.sink.event("DISCONNECT", joined.id), HEADERS, context)


@behaviour("the same")
def every_event_of_a_connection_tells_the_time_it_connected(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    sink = (chat := target.chat(Shape())).sink
    with chat.join() as joined:
        joined.say(action="say")
        sink.event("MESSAGE", joined.id)
    events = [sink.event(kind, joined.id) for kind in ("CONNECT", "MESSAGE", "DISCONNECT")]
    return "the same" if len({one["requestContext"]["connectedAt"] for one in events}) == 1 else "different ones"
