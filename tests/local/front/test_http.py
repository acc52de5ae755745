"""Requests that are slow, large, many or odd, and answers that no HTTP answer may be."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from chatops.local.front import http
from chatops.local.front.request import Request, Response, as_json

LIMIT = 20.0
REFUSED = as_json(403, {"message": "Forbidden"})
TOO_LARGE = as_json(413, {"message": "Too long"})
MAX_BODY = 1_000_000
CONTINUE = b"HTTP/1.1 100 "


class Server:
    """Answers each request with the size of its body, and refuses what is for /refused by its head."""

    def __init__(self, memory: int = 10 * MAX_BODY) -> None:
        self.handler = http.Handler(self.answer, MAX_BODY, TOO_LARGE, http.Memory(memory))
        self.answered: list[Request] = []
        self.response: Response | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_held = asyncio.Event()
        self.address = ("", 0)

    async def find(self, request: Request) -> http.Handler | Response:
        return REFUSED if request.path == "/refused" else self.handler

    async def answer(self, request: Request) -> Response:
        self.answered.append(request)
        self.is_held.set()
        await self.may_answer.wait()
        return self.response or as_json(200, {"size": len(request.body)})

    async def connect(self) -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection(*self.address)

    async def ask(self, data: bytes) -> bytes:
        """Everything that comes in answer to some bytes, until the server ends the connection."""
        reader, writer = await self.connect()
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), LIMIT)
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await http.serve(await reader.readuntil(b"\r\n\r\n"), server.find, reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=http.MAX_HEAD_BYTES)
    server.address = listening.sockets[0].getsockname()[:2]
    try:
        yield server
    finally:
        listening.close()


def run(test: Callable[[Server], Awaitable[object]], memory: int = 10 * MAX_BODY) -> None:
    async def started() -> None:
        async with serving(Server(memory)) as server:
            await test(server)

    asyncio.run(asyncio.wait_for(started(), 3 * LIMIT))


def request(path: str = "/", *headers: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


LAST = request("/", "Connection: close", method="GET")


async def answered(response: Response) -> bytes:
    """What a client gets of a response."""
    async with serving(Server()) as server:
        server.response = response
        return await server.ask(LAST)


def test_a_header_of_a_function_that_is_not_ascii_is_passed_on() -> None:
    assert b"x-name: caf\xe9\r\n" in asyncio.run(answered(Response(200, b"", {"x-name": "café"})))


@pytest.mark.parametrize(
    "headers", [{"x-na me": "1"}, {"x-name": "1\r\nx-other: 2"}, {"x-이름": "1"}, {"x-name": "김"}]
)
def test_a_header_of_a_function_that_no_answer_may_have_is_an_internal_server_error(headers: dict[str, str]) -> None:
    assert asyncio.run(answered(Response(200, b"", headers))).startswith(b"HTTP/1.1 500 ")


def test_a_refused_request_is_answered_before_its_body_is_sent() -> None:
    """A request of a foreign web page costs no memory."""

    async def test(server: Server) -> None:
        got = await server.ask(request("/refused", "Content-Length: 10000000", "Expect: 100-continue"))
        assert got.startswith(b"HTTP/1.1 403 ")
        assert b"connection: close" in got.lower()
        assert server.answered == []

    run(test)


def test_a_refused_client_that_sends_its_body_all_the_same_reads_the_response() -> None:
    """Closing while data arrives would reset the connection, and take the response away."""

    async def test(server: Server) -> None:
        got = await server.ask(request("/refused", "Content-Length: 30000000") + b"x" * 30_000_000)
        assert got.startswith(b"HTTP/1.1 403 ")

    run(test)


def test_a_refused_request_without_a_body_leaves_the_connection_open() -> None:
    async def test(server: Server) -> None:
        got = await server.ask(request("/refused", method="GET") + LAST)
        assert [got.count(b"HTTP/1.1 403 "), got.count(b"HTTP/1.1 200 ")] == [1, 1]

    run(test)


@pytest.mark.parametrize(
    "body",
    [
        request("/", f"Content-Length: {MAX_BODY + 1}"),
        request("/", "Transfer-Encoding: chunked") + b"%x\r\n" % (2 * MAX_BODY) + b"x" * 2 * MAX_BODY,
    ],
    ids=["declared", "chunked"],
)
def test_a_body_that_is_too_large_is_refused_without_reading_it_all(body: bytes) -> None:
    async def test(server: Server) -> None:
        assert (await server.ask(body)).startswith(b"HTTP/1.1 413 ")
        assert server.answered == []

    run(test)


@pytest.mark.parametrize(
    "sent",
    [
        request("/", f"Content-Length: {MAX_BODY}", "Connection: close") + b"x" * MAX_BODY,
        request("/", "Transfer-Encoding: chunked", "Connection: close")
        + b"%x\r\n" % MAX_BODY
        + b"x" * MAX_BODY
        + b"\r\n0\r\n\r\n",
    ],
    ids=["declared", "chunked"],
)
def test_the_largest_body_is_taken(sent: bytes) -> None:
    async def test(server: Server) -> None:
        assert b'{"size": 1000000}' in await server.ask(sent)

    run(test)


def test_bodies_wait_until_there_is_memory_for_them() -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        body = request("/", f"Content-Length: {MAX_BODY}", "Connection: close") + b"x" * MAX_BODY
        asking = [asyncio.create_task(server.ask(body)) for _ in range(6)]
        await asyncio.wait_for(server.is_held.wait(), LIMIT)
        await asyncio.sleep(0.3)
        assert len(server.answered) <= 2
        server.may_answer.set()
        assert [b'"size": 1000000' in got for got in await asyncio.gather(*asking)] == [True] * 6

    run(test, memory=2 * MAX_BODY)


def test_a_body_that_never_comes_gives_its_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.3)

    async def test(server: Server) -> None:
        stalled = asyncio.create_task(server.ask(request("/", f"Content-Length: {MAX_BODY}") + b"x"))
        body = request("/", "Content-Length: 1", "Connection: close") + b"x"
        assert (await server.ask(body)).startswith(b"HTTP/1.1 200 ")
        assert (await stalled).startswith(b"HTTP/1.1 408 ")

    run(test, memory=MAX_BODY)


def test_a_body_that_trickles_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.3)

    async def test(server: Server) -> None:
        reader, writer = await server.connect()
        writer.write(request("/", f"Content-Length: {MAX_BODY}"))

        async def trickle() -> None:
            with suppress(OSError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), LIMIT)).startswith(b"HTTP/1.1 408 ")
        with suppress(OSError):
            await asyncio.wait_for(reader.read(), LIMIT)
        await asyncio.wait_for(trickling, LIMIT)
        writer.close()

    run(test)


def test_a_connection_that_is_kept_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 0.2)

    async def test(server: Server) -> None:
        got = await server.ask(request(method="GET"))
        assert got.count(b"HTTP/1.1 ") == 1

    run(test)


def test_a_head_that_trickles_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.2)

    async def test(server: Server) -> None:
        got = await server.ask(request(method="GET") + b"GET / HT")
        assert [got.count(b"HTTP/1.1 200 "), got.count(b"HTTP/1.1 408 ")] == [1, 1]

    run(test)


@pytest.mark.parametrize("head", [b"X: y\r\n" * 500, b"X: " + b"y" * 100_000 + b"\r\n"], ids=["many", "long"])
def test_too_many_headers_are_refused(head: bytes) -> None:
    async def test(server: Server) -> None:
        got = await server.ask(request(method="GET") + b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        assert got.count(b"HTTP/1.1 431 ") == 1

    run(test)


def test_a_client_that_never_reads_its_responses_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SEND_SECONDS", 0.3)

    async def test(server: Server) -> None:
        server.response = Response(200, b"x" * MAX_BODY)
        _, writer = await server.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(OSError):
            while True:
                writer.write(request(method="GET"))
                await asyncio.wait_for(writer.drain(), LIMIT)
                await asyncio.sleep(0.001)
        writer.close()
        assert len(server.answered) < 100

    run(test)


def test_a_client_that_waits_is_told_once_to_go_on() -> None:
    async def test(server: Server) -> None:
        reader, writer = await server.connect()
        writer.write(request("/", "Content-Length: 10", "Expect: 100-continue", "Connection: close"))
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)).startswith(CONTINUE)
        for _ in range(10):  # the body trickles
            writer.write(b"x")
            await asyncio.sleep(0.01)
        got = await asyncio.wait_for(reader.read(), LIMIT)
        assert b'{"size": 10}' in got
        assert CONTINUE not in got
        writer.close()

    run(test)


@pytest.mark.parametrize("size", [0, 5])
def test_thousands_of_requests_that_expect_100_continue_are_told_once_at_most_each(size: int) -> None:
    """A client that has sent the body already is not told to send it."""

    async def test(server: Server) -> None:
        one = request("/", f"Content-Length: {size}", "Expect: 100-continue") + b"x" * size
        got = await server.ask(one * 2000 + LAST)
        assert got.count(b"HTTP/1.1 200 ") == 2001
        assert got.count(CONTINUE) <= 10 if size else got.count(CONTINUE) == 0

    run(test)


@pytest.mark.parametrize("data", [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"nonsense\r\n\r\n"])
def test_what_is_no_request_is_a_bad_request(data: bytes) -> None:
    async def test(server: Server) -> None:
        assert (await server.ask(data)).startswith(b"HTTP/1.1 400 ")

    run(test)
