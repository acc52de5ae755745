"""How a connection ends, and what a client that does not read can cost."""

from __future__ import annotations

import asyncio
from asyncio import StreamReaderProtocol, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from chatops.local.front import websocket
from chatops.local.front.connection import Connection, Socket
from chatops.local.front.gateway import Accepted
from chatops.local.front.quotas import OUTBOUND, Quotas
from chatops.local.front.request import Request
from chatops.local.front.server import Reader
from chatops.local.front.websocket import WebSocket

from .raw import RawClient

LIMIT = 20.0


@dataclass
class Gateway:
    """Keeps what it is told. `before_start` is awaited before a message's invocation starts."""

    before_start: Callable[[], Awaitable[object]] | None = None
    log: list[str] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    socket: WebSocket | None = None
    has_opened: asyncio.Event = field(default_factory=asyncio.Event)
    has_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, request: Request) -> Accepted:
        return Accepted(Connection("api", "demo", "localhost", {}), None)

    def opened(self, connection: Connection, socket: Socket) -> None:
        assert isinstance(socket, WebSocket)
        self.socket = socket
        self.log.append("opened")
        self.has_opened.set()

    async def message(self, connection: Connection, text: str, on_start: Callable[[], None]) -> None:
        if self.before_start:
            await self.before_start()
        self.log.append(text)
        on_start()
        await asyncio.sleep(LIMIT)  # The function runs for longer than its client stays.

    async def closed(self, connection: Connection, code: int, reason: str) -> None:
        self.log.append("closed")
        self.ends.append((code, reason))
        self.has_closed.set()


@dataclass
class Served:
    """A server of WebSockets in this process."""

    gateway: Gateway
    url: str
    tasks: list[asyncio.Task[None]]

    async def join(self, receive_buffer: int | None = None) -> RawClient:
        """A client whose connection is open."""
        client = await asyncio.to_thread(RawClient, self.url, receive_buffer)
        await asyncio.wait_for(self.gateway.has_opened.wait(), LIMIT)
        return client

    async def until_closed(self) -> None:
        await asyncio.wait_for(self.gateway.has_closed.wait(), LIMIT)


@asynccontextmanager
async def serving(gateway: Gateway, quotas: Quotas | None = None) -> AsyncIterator[Served]:
    loop, tasks = asyncio.get_running_loop(), []

    async def serve(reader: asyncio.StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.append(task)
        with suppress(asyncio.CancelledError, RuntimeError):
            head = await reader.readuntil(b"\r\n\r\n")
            await WebSocket(gateway, quotas or Quotas(), reader, writer).run(head)  # type: ignore[arg-type]
        writer.close()

    def protocol() -> StreamReaderProtocol:
        return StreamReaderProtocol(Reader(loop=loop), serve, loop=loop)

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    try:
        yield Served(gateway, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/demo", tasks)
    finally:
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def test_a_message_and_a_close_in_one_packet_are_both_handled() -> None:
    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join() as client:
                client.protocol.send_text(b"last words")
                client.protocol.send_close(4001, "had enough")
                client.flush()
                await served.until_closed()
        assert served.gateway.log == ["opened", "last words", "closed"]
        assert served.gateway.ends == [(4001, "had enough")]

    run(test())


@pytest.mark.parametrize("end", ["FIN", "RST", "FIN and RST"])
def test_a_message_before_the_end_of_the_stream_is_handled(end: str) -> None:
    async def test() -> None:
        async with serving(Gateway()) as served:
            client = await served.join()
            client.send("last words")
            if "FIN" in end:
                client.end_stream()
            if "RST" in end:
                client.reset()
            await served.until_closed()
            client.socket.close()
        assert served.gateway.log == ["opened", "last words", "closed"]
        assert served.gateway.ends == [(1006, "")]

    run(test())


def test_messages_behind_a_frame_that_fails_the_connection_are_not_handled() -> None:
    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join() as client:
                client.protocol.send_text(b"before")
                client.protocol.send_binary(b"\x00")
                client.protocol.send_text(b"behind")
                client.flush()
                await served.until_closed()
        assert served.gateway.log == ["opened", "before", "closed"]
        assert served.gateway.ends[0][0] == 1003

    run(test())


@pytest.mark.parametrize(("seconds", "handled"), [(60.0, ["in flight"]), (-1.0, [])], ids=["in flight", "late"])
def test_a_message_that_crosses_the_server_s_close_frame_is_handled(
    monkeypatch: pytest.MonkeyPatch, seconds: float, handled: list[str]
) -> None:
    """A client that does not answer the close frame may not go on for as long as it likes."""
    monkeypatch.setattr(websocket, "LAST_WORDS_SECONDS", seconds)

    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join() as client:
                assert served.gateway.socket
                client.send("in flight")
                served.gateway.socket.close(1000)
                client.end_stream()
                await served.until_closed()
        assert served.gateway.log == ["opened", *handled, "closed"]
        assert served.gateway.ends == [(1000, "")]

    run(test())


def test_disconnect_is_invoked_after_the_invocation_of_the_last_message_has_started() -> None:
    async def test() -> None:
        may_start, waits = asyncio.Event(), asyncio.Event()

        async def before_start() -> None:
            waits.set()
            await may_start.wait()

        async with serving(Gateway(before_start)) as served:
            client = await served.join()
            client.send("last words")
            client.reset()
            await asyncio.wait_for(waits.wait(), LIMIT)
            await asyncio.sleep(0.1)
            assert served.gateway.log == ["opened"]
            may_start.set()
            await served.until_closed()
        assert served.gateway.log == ["opened", "last words", "closed"]

    run(test())


def test_more_messages_in_one_packet_than_may_be_in_work_are_all_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "UNFINISHED", 2)

    in_work: list[str] = []
    most: list[int] = []

    class Quick(Gateway):
        async def message(self, connection: Connection, text: str, on_start: Callable[[], None]) -> None:
            on_start()
            in_work.append(text)
            most.append(len(in_work))
            await asyncio.sleep(0)
            in_work.remove(text)
            self.log.append(text)

    async def test() -> None:
        gateway = Quick()
        async with serving(gateway) as served:
            with await served.join() as client:
                for number in range(10):
                    client.protocol.send_text(str(number).encode())
                client.protocol.send_close(1000)
                client.flush()
                await served.until_closed()
        assert [one for one in gateway.log if one.isdigit()] == [str(number) for number in range(10)]
        assert max(most) <= 2

    run(test())


@pytest.mark.parametrize("how", ["cancelled", "error"])
def test_disconnect_is_invoked_once_whatever_ends_a_connection(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("a mistake")

    async def test() -> None:
        async with serving(Gateway()) as served:
            if how == "error":
                monkeypatch.setattr(WebSocket, "_wait_until_read", broken)
            with await served.join():
                served.tasks[0].cancel()
                await served.until_closed()
            await asyncio.wait(served.tasks)
        assert served.gateway.log == ["opened", "closed"]

    run(test())


def test_a_client_that_has_vanished_ends_with_the_idle_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that goes away sends neither FIN nor RST; the client never answers the close frame."""
    monkeypatch.setattr(websocket, "CLOSING", 0.2)

    async def test() -> None:
        async with serving(Gateway(), Quotas(idle=0.2)) as served:
            with await served.join():
                await served.until_closed()
        assert served.gateway.ends == [(1001, "Going away")]

    run(test())


PING = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)


def ping(client: RawClient, seconds: float, done: Callable[[], bool]) -> bool:
    """Sends pings until the server takes no more for so many seconds, which is True, or it is done."""
    client.socket.settimeout(seconds)
    while not done():
        try:
            client.socket.sendall(PING * 100)
        except TimeoutError:
            return True
        except OSError:
            break
    return False


@pytest.mark.slow
def test_pongs_to_a_client_that_never_reads_are_bounded() -> None:
    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join(4096) as client:
                assert served.gateway.socket
                socket, most = served.gateway.socket, OUTBOUND + 4 * websocket.CHUNK
                assert await asyncio.to_thread(ping, client, 2, lambda: socket.waiting > most)
                assert OUTBOUND < socket.waiting <= most

    run(test())


def test_a_client_that_sends_and_never_reads_is_cut_off_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_STALL_SECONDS", 0.3)

    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join(4096) as client:
                assert not await asyncio.to_thread(ping, client, LIMIT, served.gateway.has_closed.is_set)
                await served.until_closed()
        assert served.gateway.ends == [(1006, "")]

    run(test())


def test_a_client_that_reads_late_gets_every_pong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "OUTBOUND", 1024)

    async def test() -> None:
        async with serving(Gateway()) as served:
            with await served.join(4096) as client:
                sending = asyncio.create_task(asyncio.to_thread(client.socket.sendall, PING * 20_000))
                await asyncio.sleep(0.2)
                pong = Frame(Opcode.PONG, b"x" * 125).serialize(mask=False)

                def read() -> int:
                    client.socket.settimeout(LIMIT)
                    size = 0
                    while size < 20_000 * len(pong):
                        size += len(client.socket.recv(65_536))
                    return size

                assert await asyncio.to_thread(read) == 20_000 * len(pong)
                await sending

    run(test())


@pytest.mark.parametrize(
    "extra",
    ["Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n", "X: y\r\n" * 200, f"X: {'y' * 9000}\r\n"],
    ids=["length", "chunks", "headers", "long"],
)
def test_a_handshake_with_a_body_or_too_many_headers_is_refused(extra: str) -> None:
    async def test() -> None:
        async with serving(Gateway()) as served:
            host, port = served.url.removeprefix("ws://").partition("/")[0].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                f"GET /demo HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n".encode()
            )
            writer.write(b"x" * 100_000)
            answer = await asyncio.wait_for(reader.read(), LIMIT)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 4")
            assert b"101" not in answer[:15]
        assert served.gateway.log == []

    run(test())
