"""Sizes and times."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from ..chats import Chat, Route, Shape
from ..targets import Target
from .behaviour import behaviour

KB = 1024
LONG = Shape((Route("$connect"), Route("$default")))
IDLE = Shape((Route("say"),))
ASKED = Shape((Route("ask", two_way=True),))


def sent(chat: Chat, message: str | bytes | Iterable[str]) -> str:
    """The length of a message as the function got it, or the code that the connection is closed with."""
    with chat.join() as joined:
        try:
            joined.socket.send(message)
            joined.socket.recv(timeout=2)
        except TimeoutError:
            pass
        except ConnectionClosed as closed:
            return f"closed with {closed.rcvd.code if closed.rcvd else 1006}"
        try:
            return f"{len(chat.sink.event('MESSAGE', joined.id, limit=10)['body'])} characters arrive"
        except TimeoutError:
            return "nothing happens"


def ended(chat: Chat, say_every: float | None, limit: float) -> str:
    """How a connection ends within some seconds, for a client that says something every now and then, or never."""
    deadline = time.monotonic() + limit
    with chat.open() as socket:
        try:
            while time.monotonic() < deadline:
                if say_every:
                    socket.send("anything")
                with suppress(TimeoutError):
                    while True:
                        socket.recv(timeout=say_every or limit)
        except ConnectionClosed as closed:
            return f"closed with {closed.rcvd.code if closed.rcvd else 1006}"
    return "stays open"


@behaviour("131072 characters arrive")
def a_message_of_128_kb_in_frames_of_32_kb_arrives(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return sent(target.chat(LONG), ["x" * 32 * KB] * 4)


@behaviour("closed with 1009")
def a_frame_of_more_than_32_kb_closes_with_1009(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return sent(target.chat(LONG), "x" * (32 * KB + 1))


@behaviour("closed with 1009")
def a_message_of_more_than_128_kb_closes_with_1009(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return sent(target.chat(LONG), [*["x" * 32 * KB] * 4, "x"])


@behaviour("closed with 1009")
def a_frame_of_200_kb_closes_with_1009(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return sent(target.chat(LONG), "x" * 200 * KB)


@behaviour("closed with 1003")
def a_binary_frame_closes_with_1003(target: Target) -> str:
    """websocket-api-develop-binary-media-types.html"""
    return sent(target.chat(LONG), b"\x00\x01")


@behaviour("closed with 1001")
def a_connection_that_is_idle_for_ten_minutes_closes_with_1001(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return ended(target.hasty_chat(IDLE), None, 10.0)


@behaviour("closed with 1001", settled=False)
def a_connection_of_two_hours_closes_with_1001_however_busy(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    chat = target.hasty_chat(IDLE)
    began = time.monotonic()
    how = ended(chat, 0.1, 10.0)
    return how if time.monotonic() - began > 2.0 else f"{how} too early"


@behaviour("Endpoint request timed out")
def a_function_that_takes_29_seconds_has_timed_out(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    with target.impatient_chat(ASKED).open() as socket:
        socket.send('{"action": "ask", "sleep": 4, "body": "hello"}')
        return "Endpoint request timed out" if "timed out" in str(socket.recv(timeout=10)) else "something else"


@behaviour("hello")
def a_function_that_takes_less_is_waited_for(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    with target.impatient_chat(ASKED).open() as socket:
        # The start of a function, on a busy machine, takes the two seconds that this chat has: they are not the point.
        for _ in range(10):
            socket.send('{"action": "ask", "body": "warm"}')
            if socket.recv(timeout=10) == "warm":
                break
        socket.send('{"action": "ask", "sleep": 0.5, "body": "hello"}')
        return str(socket.recv(timeout=10))
