"""One WebSocket connection on the wire: frames, sizes, ends.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter, TimerHandle

from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Answer
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from .connection import Connection
from .gateway import Gateway
from .quotas import FRAME, MESSAGE, OUTBOUND, Quotas
from .request import MALFORMED, Request, Response, peer_address

log = logging.getLogger(__name__)

CLOSING = 10.0
"""Seconds that a client has to end the TCP connection once a close frame went either way."""

UNFINISHED = 64
"""Messages of one client that may be in work before the next ones are left unread."""

LAST_WORDS_SECONDS = 1.0
"""How long after the server's close frame messages are still accepted: the client sent them before it received it."""

MAX_STALL_SECONDS = 60.0
"""How long a client that sends may leave unread what it is sent, pongs included, before the connection is aborted."""

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
        self._work: dict[asyncio.Task[None], asyncio.Event] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._timers: dict[str, TimerHandle] = {}
        self._last_traffic = 0.0
        self._close_sent_at: float | None = None
        self._gone = False
        writer.transport.set_write_buffer_limits(high=OUTBOUND)

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
            self._close_sent_at = asyncio.get_running_loop().time()
            self._flush()

    async def run(self, head: bytes) -> None:
        """Handles the connection whose handshake request is `head`, until it is gone."""
        self._protocol.receive_data(head)
        handshake = next((one for one in self._protocol.events_received() if isinstance(one, Handshake)), None)
        try:
            connection = await self._open(handshake, head) if handshake else None
            if connection:
                await self._serve(connection)
            elif not handshake:
                self._refuse_malformed()
            self._flush()
            await self._drain()
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _serve(self, connection: Connection) -> None:
        """Serves an open connection. Whatever ends it, an error or a cancellation included, $disconnect is invoked."""
        self._gateway.opened(connection, self)
        try:
            self._flush()
            self._start_clocks()
            await self._receive(connection)
        finally:
            try:
                # On AWS their order is not defined; here a client's last message is never overtaken by its $disconnect.
                for has_started in tuple(self._work.values()):
                    await has_started.wait()
            finally:
                await self._gateway.closed(connection, *self._end())

    async def _open(self, handshake: Handshake, head: bytes) -> Connection | None:
        """Answers the handshake. Gives the connection if it is open after that."""
        answer = self._protocol.accept(handshake)
        connection = None
        if answer.status_code == 101:
            peer = peer_address(self._writer)
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

    def _refuse_malformed(self) -> None:
        """Answers a handshake that cannot be read, for example one with a body, unless the protocol did."""
        data = b"".join(self._protocol.data_to_send())
        told = Headers([*MALFORMED.all_headers(), ("Connection", "close")])
        self._writer.write(data or Answer(MALFORMED.status, MALFORMED.reason, told, MALFORMED.body).serialize())
        self._shut_down_output()
        self._limit_closing()

    async def _receive(self, connection: Connection) -> None:
        """Handles what the client sends until its close frame, the end of its stream, or an error in the protocol.

        Every message before that is handled, also when the server has sent a close frame that the client did not know.
        """
        while not self._gone and not self._protocol.eof_sent:
            await self._wait_until_read()
            frames = await self._read()
            self._flush()
            if self._is_late():
                continue
            for frame in frames:
                await self._room.wait()
                if not self._handle(connection, frame):
                    break
            self._flush()

    def _is_late(self) -> bool:
        """Whether what arrives now was sent by a client that must have received the server's close frame."""
        now = asyncio.get_running_loop().time()
        return self._close_sent_at is not None and now > self._close_sent_at + LAST_WORDS_SECONDS

    async def _drain(self) -> None:
        """Lets the client end the TCP connection, which it has CLOSING seconds for."""
        while not self._gone:
            await self._read()
            self._flush()

    async def _wait_until_read(self) -> None:
        """Reads nothing more from a client while it leaves unread what it was sent; aborts if that takes too long."""
        if self.waiting <= OUTBOUND:
            return
        try:
            await asyncio.wait_for(self._writer.drain(), MAX_STALL_SECONDS)
        except asyncio.TimeoutError:
            log.warning("a client has not read for %d seconds: connection aborted", MAX_STALL_SECONDS)
            self._writer.transport.abort()
        except OSError:
            pass  # The next read finds the end of the stream.

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

    def _handle(self, connection: Connection, frame: Frame) -> bool:
        """Handles a frame. False says that it fails the connection, so that those behind it do not count."""
        if frame.opcode is Opcode.BINARY:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "Binary frames are not supported")
            return False
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
            return True
        self._partial += frame.data
        if not frame.fin:
            return True
        data, self._partial = bytes(self._partial), bytearray()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA)
            return False
        self._last_traffic = asyncio.get_running_loop().time()
        self._start(connection, text)
        return True

    def _start(self, connection: Connection, text: str) -> None:
        """Runs beside what else this client has sent: API Gateway does not wait for one function before the next."""
        has_started = asyncio.Event()
        message = self._gateway.message(connection, text, has_started.set)
        task = asyncio.get_running_loop().create_task(message)
        self._work[task] = has_started
        if len(self._work) >= UNFINISHED:
            self._room.clear()
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.pop(task).set()
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
            else:
                self._shut_down_output()
        if self._protocol.close_expected():
            self._limit_closing()

    def _shut_down_output(self) -> None:
        if self._writer.can_write_eof() and not self._writer.transport.is_closing():
            try:
                self._writer.write_eof()
            except OSError as error:  # ENOTCONN: the client has reset the connection, as a tab that closes does
                log.info("the client has gone before the end of the stream: %s", error)

    def _limit_closing(self) -> None:
        if "closing" not in self._timers:
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
