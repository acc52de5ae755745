"""One WebSocket connection on the wire: frames, sizes, ends.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter, TimerHandle
from collections.abc import Coroutine
from typing import Any

from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Answer
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from .connection import Connection
from .gateway import Gateway
from .quotas import FRAME, MESSAGE, Quotas
from .request import Request, Response

CLOSING = 10.0
"""Seconds that a client has to end the TCP connection once a close frame went either way."""

UNFINISHED = 64
"""Messages of one client that may be in work before the next ones are left unread."""

CHUNK = 64 * 1024
GOING_AWAY = (CloseCode.GOING_AWAY, "Going away")
NO_STATUS = "Client-side close frame status not set"


class WebSocket:
    """The server's end of a connection, from the handshake's first byte to the last."""

    def __init__(self, gateway: Gateway, quotas: Quotas, reader: StreamReader, writer: StreamWriter) -> None:
        self._gateway = gateway
        self._quotas = quotas
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol(max_size=(MESSAGE, FRAME))
        self._partial = bytearray()
        self._work: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._timers: dict[str, TimerHandle] = {}
        self._last_traffic = 0.0
        self._gone = False

    @property
    def is_open(self) -> bool:
        return self._protocol.state is OPEN

    @property
    def waiting(self) -> int:
        return int(self._writer.transport.get_write_buffer_size())

    def send(self, text: str) -> None:
        """Sends a message in frames no larger than API Gateway's."""
        if not self.is_open:
            return
        data = text.encode()
        self._protocol.send_text(data[:FRAME], fin=len(data) <= FRAME)
        for start in range(FRAME, len(data), FRAME):
            self._protocol.send_continuation(data[start : start + FRAME], fin=start + FRAME >= len(data))
        self._last_traffic = asyncio.get_running_loop().time()
        self._flush()

    def close(self, code: int, reason: str = "") -> None:
        if self.is_open:
            self._protocol.send_close(code, reason)
            self._flush()

    async def run(self, head: bytes) -> None:
        """Handles the connection whose handshake request is `head`, until it is gone."""
        self._protocol.receive_data(head)
        handshake = next((one for one in self._protocol.events_received() if isinstance(one, Handshake)), None)
        connection = await self._open(handshake, head) if handshake else None
        self._flush()
        try:
            if connection:
                self._gateway.opened(connection, self)
                self._start_clocks()
                await self._receive(connection)
                await self._gateway.closed(connection, *self._end())
            await self._drain()
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _open(self, handshake: Handshake, head: bytes) -> Connection | None:
        """Answers the handshake. Gives the connection if it is open after that."""
        answer = self._protocol.accept(handshake)
        connection = None
        if answer.status_code == 101:
            peer = self._writer.get_extra_info("peername")[0]
            accepted = await self._gateway.connect(Request("GET", handshake.path, headers(head), peer))
            if isinstance(accepted, Response):
                told = Headers([*accepted.all_headers(), ("Connection", "close")])
                answer = Answer(accepted.status, accepted.reason, told, accepted.body)
            else:
                connection = accepted.connection
                if accepted.subprotocol:
                    answer.headers["Sec-WebSocket-Protocol"] = accepted.subprotocol
        self._protocol.send_response(answer)
        return connection

    async def _receive(self, connection: Connection) -> None:
        """Takes what the client sends, until the connection is closing or gone."""
        while self.is_open:
            await self._room.wait()
            for one in await self._read():
                self._handle(connection, one)
            self._flush()

    async def _drain(self) -> None:
        """Lets the client end the TCP connection, which it has CLOSING seconds for."""
        while not self._gone:
            await self._read()
            self._flush()

    async def _read(self) -> list[Frame]:
        """The frames in the next bytes from the client; the end of them is told to the protocol."""
        try:
            data = await self._reader.read(CHUNK)
        except OSError:
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._gone = True
            self._protocol.receive_eof()
        return [one for one in self._protocol.events_received() if isinstance(one, Frame)]

    def _handle(self, connection: Connection, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "Binary frames are not supported")
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT) or not self.is_open:
            return
        self._partial += frame.data
        if not frame.fin:
            return
        data, self._partial = bytes(self._partial), bytearray()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA)
            return
        self._last_traffic = asyncio.get_running_loop().time()
        self._work_on(self._gateway.message(connection, text))

    def _work_on(self, message: Coroutine[Any, Any, None]) -> None:
        """Runs beside what else this client has sent: API Gateway does not wait for one function before the next."""
        task = asyncio.get_running_loop().create_task(message)
        self._work.add(task)
        if len(self._work) >= UNFINISHED:
            self._room.clear()
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if len(self._work) < UNFINISHED:
            self._room.set()

    def _start_clocks(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_traffic = loop.time()
        self._timers["life"] = loop.call_later(self._quotas.life, self.close, *GOING_AWAY)
        self._watch_idleness()

    def _watch_idleness(self) -> None:
        """Closes the connection when no message went either way for too long; else looks again at that time."""
        loop = asyncio.get_running_loop()
        ends = self._last_traffic + self._quotas.idle
        if loop.time() >= ends:
            self.close(*GOING_AWAY)
        else:
            self._timers["idleness"] = loop.call_at(ends, self._watch_idleness)

    def _flush(self) -> None:
        """Writes what the protocol has to say, and sets a limit to the end of a connection that is closing."""
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
            elif self._writer.can_write_eof() and not self._writer.transport.is_closing():
                self._writer.write_eof()
        if self._protocol.close_expected() and "closing" not in self._timers:
            abort = self._writer.transport.abort
            self._timers["closing"] = asyncio.get_running_loop().call_later(CLOSING, abort)

    def _end(self) -> tuple[int, str]:
        """The code and reason of the connection's end, as $disconnect is told."""
        protocol = self._protocol
        close = protocol.close_rcvd if protocol.close_rcvd_then_sent else protocol.close_sent
        if close is None:
            return CloseCode.ABNORMAL_CLOSURE, ""
        if close.code == CloseCode.NO_STATUS_RCVD:
            return close.code, NO_STATUS
        return close.code, close.reason


def headers(head: bytes) -> list[tuple[str, str]]:
    """The headers of a request that is known to be one. Versions of `websockets` differ in what is not ASCII."""
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
    return [(name.decode(errors="replace"), value.strip().decode(errors="replace")) for name, _, value in lines]
