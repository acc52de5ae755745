"""HTTP/1.1 on a connection that is not a WebSocket: one request after the other, for as long as the client keeps it.

Who may ask, and for what, is decided by a request's head. Only then its body is read, in bounded time and memory.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import h11

from .request import MALFORMED, Request, Response, as_json, peer_address

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""How long the head of a request may take from its first byte on."""

KEEP_ALIVE_SECONDS = 60.0
"""How long a connection may wait for its next request. AWS names no number; that of its load balancers is this one.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
"""

BODY_SECONDS = 30.0
SEND_SECONDS = 30.0
"""How long the client may take to read a response."""

LINGER_SECONDS = 5.0
"""How long what a client still sends is discarded after a response to only a part of its request.

Closing at once would reset the connection, and a reset takes the response away from the client.
"""

MAX_HEADERS = 128
MAX_HEAD_BYTES = 64 * 1024
CHUNK = 64 * 1024
BODILESS = {204, 304}
UNFINISHED = (h11.IDLE, h11.SEND_BODY, h11.ERROR)
"""States of a client whose request has not been read to its end."""

UNUSABLE = as_json(500, {"message": "Internal Server Error"})
TOO_SLOW = as_json(408, {"message": "Request Timeout"})
HEAD_TOO_LARGE = as_json(431, {"message": "Request Header Fields Too Large"})


class Memory:
    """Bytes that the bodies of requests may occupy at the same time. Who finds too few left waits in line."""

    def __init__(self, max_bytes: int) -> None:
        self._free = max_bytes
        self._line = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Occupies `size` bytes, at most all of them, while the block runs."""
        async with self._line:
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._freed.set()


@dataclass(frozen=True)
class Handler:
    """What answers a request, and the largest body that it takes."""

    answer: Callable[[Request], Awaitable[Response]]
    max_body_bytes: int
    too_large: Response
    memory: Memory


Find = Callable[[Request], Awaitable["Handler | Response"]]
"""Finds what answers a request whose body has not been read yet, or refuses it with a response."""


async def serve(head: bytes, find: Find, reader: StreamReader, writer: StreamWriter) -> None:
    """Answers requests, the first of which begins with `head`, until either side has enough."""
    connection = _Connection(find, reader, writer)
    connection.h11.receive_data(head)
    try:
        while await connection.serve_one():
            await asyncio.sleep(0)  # A client that sends many requests at once takes turns with the others.
    except OSError:
        pass


async def refuse(response: Response, reader: StreamReader, writer: StreamWriter) -> None:
    """Sends a response to something that could not be read as a request, and ends the connection."""
    connection = _Connection(None, reader, writer)
    connection.send(response)
    await connection.linger()


class _TooSlow(Exception):
    """The client did not send the rest of a head or a body in time."""


class _Connection:
    """The server's end of an HTTP connection."""

    def __init__(self, find: Find | None, reader: StreamReader, writer: StreamWriter) -> None:
        self._find = find
        self._reader = reader
        self._writer = writer
        self._peer = peer_address(writer)
        self._is_head_request = False
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def serve_one(self) -> bool:
        """Answers one request. False says that there is no other to come."""
        try:
            request = await self._head()
            if request is None:
                return False
            response = await self._respond(request)
        except h11.RemoteProtocolError as error:
            response = HEAD_TOO_LARGE if error.error_status_hint == 431 else MALFORMED
        except _TooSlow:
            if self.h11.our_state is h11.IDLE and not self.h11.trailing_data[0]:
                return False  # Nothing of another request has come.
            response = TOO_SLOW
        self.send(response)
        await self._flush()
        if (self.h11.our_state, self.h11.their_state) == (h11.DONE, h11.DONE):
            self.h11.start_next_cycle()
            return True
        if self.h11.their_state in UNFINISHED:
            await self.linger()
        return False

    async def linger(self) -> None:
        """Discards what the client still sends, so that it finds the response."""
        try:
            if self._writer.can_write_eof():
                self._writer.write_eof()
            await asyncio.wait_for(self._discard(), LINGER_SECONDS)
        except (OSError, asyncio.TimeoutError):
            pass

    async def _discard(self) -> None:
        while await self._reader.read(CHUNK):
            pass

    async def _head(self) -> Request | None:
        """The next request, without its body. Nothing when the client ends the connection."""
        loop = asyncio.get_running_loop()
        deadline, has_begun = loop.time() + KEEP_ALIVE_SECONDS, False
        while True:
            if not has_begun and self.h11.trailing_data[0]:
                deadline, has_begun = loop.time() + HEAD_SECONDS, True
            event = self.h11.next_event()
            if event is h11.NEED_DATA:
                await self._receive(deadline)
            elif isinstance(event, h11.Request):
                size = sum(len(name) + len(value) for name, value in event.headers)
                if len(event.headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
                    raise h11.RemoteProtocolError("too many headers", error_status_hint=431)
                self._is_head_request = event.method == b"HEAD"
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                return Request(event.method.decode(), event.target.decode("latin-1"), headers, self._peer)
            else:
                return None

    async def _respond(self, request: Request) -> Response:
        """The response to a request, whose body is read if something takes it and it is not too large."""
        assert self._find
        declared = _declared_size(request)
        handler = await self._find(request)
        if declared == 0:
            await self._body(0)
        if isinstance(handler, Response):
            return handler
        size = handler.max_body_bytes if declared is None else declared
        if size > handler.max_body_bytes:
            log.warning("%s %s: %d: a body of %d bytes", request.method, request.path, handler.too_large.status, size)
            return handler.too_large
        if size == 0:
            return await handler.answer(request)
        async with handler.memory.hold(size):
            body = await self._body(size)
            return handler.too_large if body is None else await handler.answer(replace(request, body=body))

    async def _body(self, max_bytes: int) -> bytes | None:
        """The body of the request, or nothing as soon as it is larger than that."""
        deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        body = bytearray()
        while True:
            event = self.h11.next_event()
            if event is h11.NEED_DATA:
                if self.h11.they_are_waiting_for_100_continue:
                    self._write(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
                await self._receive(deadline)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > max_bytes:
                    return None
            else:
                return bytes(body)

    async def _receive(self, deadline: float) -> None:
        timeout = deadline - asyncio.get_running_loop().time()
        try:
            data = await asyncio.wait_for(self._reader.read(CHUNK), timeout)
        except asyncio.TimeoutError:
            raise _TooSlow from None
        self.h11.receive_data(data)

    def send(self, response: Response) -> None:
        """Sends a response, which is the last on this connection if it comes before the end of its request."""
        if self.h11.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        is_early = self.h11.their_state in UNFINISHED
        try:
            head = _head(response, is_early)
        except (h11.LocalProtocolError, UnicodeError):
            # A function may return headers that no answer may have.
            response = UNUSABLE
            head = _head(response, is_early)
        has_body = not self._is_head_request and response.status not in BODILESS
        self._write(head, h11.Data(data=response.body if has_body else b""), h11.EndOfMessage())

    def _write(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self.h11.send(event) or b"" for event in events))

    async def _flush(self) -> None:
        """Waits until the client has read most of its responses. Raises OSError if it is gone, or not in time."""
        try:
            await asyncio.wait_for(self._writer.drain(), SEND_SECONDS)
        except asyncio.TimeoutError:
            self._writer.transport.abort()
            raise ConnectionAbortedError(f"the client has not read its response for {SEND_SECONDS:.0f} s") from None


def _declared_size(request: Request) -> int | None:
    """The size of the body as the head says it: nothing where it comes in chunks. h11 has checked the headers."""
    if request.header("transfer-encoding"):
        return None
    return int(request.header("content-length") or 0)


def _head(response: Response, is_last: bool) -> h11.Response:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.all_headers()]
    if is_last:
        headers.append((b"Connection", b"close"))
    return h11.Response(status_code=response.status, reason=response.reason.encode(), headers=headers)
