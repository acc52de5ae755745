"""Ends of connections, and what $disconnect is told of them."""

from __future__ import annotations

import socket as sockets
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from ..chats import Chat, Route, Shape
from ..targets import Target
from .behaviour import behaviour

BARE = Shape((Route("$disconnect"),))


def told(chat: Chat, connection_id: str) -> str:
    """The code and reason in the event of a connection's end."""
    try:
        at = chat.sink.event("DISCONNECT", connection_id)["requestContext"]
    except TimeoutError:
        return "no event"
    return f"{at.get('disconnectStatusCode', 'no code')} {at.get('disconnectReason') or ''}".strip()


@behaviour("4001 had enough")
def the_disconnect_route_gets_the_client_s_code_and_reason(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        joined.socket.close(4001, "had enough")
    return told(chat, joined.id)


@behaviour("1005 Client-side close frame status not set")
def a_client_that_closes_without_a_code_is_told_as_1005(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    with chat.join() as joined, joined.socket.protocol_mutex:
        joined.socket.protocol.send_close()
        joined.socket.send_data()
    return told(chat, joined.id)


@behaviour("1006", settled=False)
def a_client_that_is_cut_off_is_told_as_1006(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        joined.socket.socket.shutdown(sockets.SHUT_RDWR)
    return told(chat, joined.id)


@behaviour("1000", settled=False)
def a_connection_that_the_backend_deletes_is_told_as_1000(target: Target) -> str:
    """apigateway-how-to-call-websocket-api-connections.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        chat.management().delete_connection(ConnectionId=joined.id)
    return told(chat, joined.id)


@behaviour("1009", settled=False)
def a_message_that_is_too_large_is_told_as_1009(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    chat = target.chat(Shape())
    with chat.join() as joined, suppress(ConnectionClosed, TimeoutError):
        joined.socket.send("x" * 200 * 1024)
        joined.socket.recv(timeout=2)
    how = told(chat, joined.id)
    return how[:4] if how.startswith("1009") else how


@behaviour("1001 Going away")
def a_connection_that_was_idle_is_told_as_1001(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    chat = target.hasty_chat(BARE)
    with chat.open(), suppress(TimeoutError):
        report = chat.sink.wait(lambda one: one["event"]["requestContext"]["apiId"] == chat.api_id)
        return told(chat, report["event"]["requestContext"]["connectionId"])
    return "no event"
