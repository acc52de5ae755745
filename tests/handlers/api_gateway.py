"""The part of API Gateway that takes posts to connections, on loopback, with faults as a test orders them."""

import asyncio
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
CHUNKED = (
    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1;why="not"\r\n}\r\n0\r\nx-trailer: 1\r\n\r\n'
)


class Answer(NamedTuple):
    """What a post is answered with."""

    reply: bytes = OK
    is_delivered: bool = True
    """Whether the connection gets the message."""
    then_closes: bool = False
    is_held: bool = False
    """Whether the answer waits until the test releases it."""


def status(code: int, body: bytes = b"") -> Answer:
    """An answer that refuses the message."""
    return Answer(b"HTTP/1.1 %d -\r\ncontent-length: %d\r\n\r\n%s" % (code, len(body), body), is_delivered=False)


DROPPED = Answer(b"", is_delivered=False, then_closes=True)
LOST = Answer(b"", then_closes=True)
SILENT = Answer(is_held=True)


class ApiGateway:
    """Takes posts for one stage, `/demo`, and remembers which connection got what."""

    def __init__(self) -> None:
        self.url = ""
        self.delivered: defaultdict[str, list[bytes]] = defaultdict(list)
        self.answers: defaultdict[str, list[Answer]] = defaultdict(list)
        """What the next posts to a connection are answered with; those after them are delivered."""
        self.always: dict[str, Answer] = {}
        """What every post to a connection is answered with."""
        self.posts = 0
        self.http_connections = 0
        self.most_in_flight = 0
        self.on_post: Callable[[str], object] = lambda connection_id: None
        self.answers_from = 1
        """How many posts have to be in flight before the first one is answered."""
        self.rate = 0.0
        """How many posts are taken in a second; the others are throttled. 0 takes all."""
        self._tokens = 1.0
        self._counted_at = time.monotonic()
        self._in_flight = 0
        self._are_answered = asyncio.Event()
        self._release = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()

    def release(self) -> None:
        """Sends the answers that were held."""
        self._loop.call_soon_threadsafe(self._release.set)

    def close_http_connections(self) -> None:
        """Ends all of them, as a server does that has waited long enough for the next request."""

        async def close() -> None:
            for writer in self._writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(timeout=60)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http_connections += 1
        self._writers.add(writer)
        try:
            while True:
                await self._take(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        message = await reader.readexactly(int(headers["content-length"]))
        method, path, _ = start.split(" ")
        assert method == "POST"
        connection_id = unquote(path.removeprefix("/demo/@connections/"))
        self.posts += 1
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        self.on_post(connection_id)
        if self._in_flight >= self.answers_from:
            self._are_answered.set()
        await self._are_answered.wait()
        waiting = self.answers[connection_id]
        if self.rate and self._is_throttled():
            waiting.insert(0, status(429))
        answer = waiting.pop(0) if waiting else self.always.get(connection_id, Answer())
        if answer.is_held:
            await self._release.wait()
        if answer.is_delivered:
            self.delivered[connection_id].append(message)
        self._in_flight -= 1
        writer.write(answer.reply)
        if answer.then_closes:
            writer.close()
        await writer.drain()

    def _is_throttled(self) -> bool:
        now = time.monotonic()
        self._tokens = min(1.0, self._tokens + (now - self._counted_at) * self.rate)
        self._counted_at = now
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def _run(self, tls: ssl.SSLContext | None, is_up: threading.Event) -> None:
        async def run() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
            port = server.sockets[0].getsockname()[1]
            self.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{port}/demo"
            self._over = asyncio.Event()
            is_up.set()
            await self._over.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(run())
        self._loop.close()

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator["ApiGateway"]:
        """Serves meanwhile, on a free port of loopback."""
        is_up = threading.Event()
        thread = threading.Thread(target=self._run, args=(tls, is_up))
        thread.start()
        assert is_up.wait(timeout=60)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join(timeout=60)
            assert not thread.is_alive()
