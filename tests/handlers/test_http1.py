"""The HTTP client: what it takes for a reply, and how it lets go of a connection."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import http1
import pytest
from http1 import Reply, parse
from hypothesis import given
from hypothesis import strategies as st

from tests.handlers.api_gateway import CHUNKED

REPLIES = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n": Reply(200, b"", is_last=False),
    b"HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello": Reply(200, b"hello", is_last=False),
    b"HTTP/1.1 204 No Content\r\n\r\n": Reply(204, b"", is_last=False),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}": Reply(410, b"{}", is_last=False),
    CHUNKED: Reply(200, b"{}", is_last=False),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding:chunked\r\n\r\n05\r\n01234\r\n0\r\n\r\n": Reply(
        200, b"01234", is_last=False
    ),
    b"HTTP/1.1 503 Busy\r\nConnection: keep-alive, Close\r\nContent-Length: 0\r\n\r\n": Reply(503, b"", is_last=True),
    b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n": Reply(200, b"", is_last=True),
}


@pytest.mark.parametrize(("data", "reply"), REPLIES.items())
def test_a_reply_is_complete_with_its_last_byte_and_not_before(data: bytes, reply: Reply) -> None:
    assert [parse(data[:length], ended=False) for length in range(len(data))] == [None] * len(data)
    assert parse(data, ended=False) == reply


def test_a_reply_without_a_length_lasts_until_the_connection_ends() -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\nhello"

    assert parse(data, ended=False) is None
    assert parse(data, ended=True) == Reply(200, b"hello", is_last=True)


def test_a_head_that_is_cut_off_is_no_reply() -> None:
    assert parse(b"HTTP/1.1 200 OK\r\nContent-Le", ended=True) is None


@pytest.mark.parametrize(
    "data",
    [
        b"220 smtp.example ESMTP\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 fine\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
    ],
)
def test_what_is_not_http_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(data, ended=False)


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("final", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_interim_replies_in_thousands_are_an_error(final: bytes) -> None:
    assert parse(INTERIM * http1.MAX_INTERIM_REPLIES + final, ended=False) == (
        Reply(200, b"", False) if final else None
    )
    with pytest.raises(ValueError, match="interim"):
        parse(INTERIM * 5000 + final, ended=False)


@pytest.mark.parametrize("endless", [INTERIM, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000, b"HTTP/1.1 200 " + b"x" * 1000])
def test_a_reply_without_an_end_is_an_error_and_is_not_kept(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_REPLY_BYTES", 100_000)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(endless)
            await writer.drain()

    async def run() -> None:
        async with serving(flood) as address:
            http = await http1.connect(address, None, timeout=60)
            with pytest.raises(ConnectionError, match="not HTTP"):
                await http.request(b"GET / HTTP/1.1\r\n\r\n", timeout=60)
            assert not http.is_open

    asyncio.run(run())


PIECES = st.sampled_from(
    b"HTTP/1.1 |200|100| OK|\r\n|\r\n\r\n|content-length: |transfer-encoding: chunked|5|0|-".split(b"|")
)


@given(st.lists(PIECES | st.binary(max_size=4)).map(b"".join), st.booleans())
def test_whatever_a_server_sends_is_a_reply_or_no_reply_yet_or_not_http(data: bytes, ended: bool) -> None:
    try:
        reply = parse(data, ended)
    except ValueError:
        return
    assert reply is None or reply.status >= 200


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[http1.Address]:
    """A server, at this address; at the end it waits until it has served everybody."""
    served: list[asyncio.Task[None]] = []
    is_met = asyncio.Event()

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve_and_close(reader, writer)))
        is_met.set()

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    yield socket.AF_INET, server.sockets[0].getsockname()
    await asyncio.wait_for(is_met.wait(), timeout=60)
    await asyncio.wait_for(asyncio.gather(*served), timeout=60)
    server.close()


async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves a client nothing, and waits until it closes the connection."""
    await reader.read()


def test_a_connection_attempt_that_is_cancelled_ends_whenever_that_happens() -> None:
    """Also at the very moment at which the connection is made; and that one is closed."""

    async def run() -> None:
        async with serving(until_closed) as address:
            outcomes = []
            for steps in range(40):
                connecting = asyncio.create_task(http1.connect(address, None, timeout=60))
                for _ in range(steps):
                    await asyncio.sleep(0)
                if connecting.cancel():
                    (outcome,) = await asyncio.gather(connecting, return_exceptions=True)
                    outcomes.append(type(outcome))
                else:
                    connecting.result().close()
        assert set(outcomes) == {asyncio.CancelledError}

    asyncio.run(run())


def test_a_server_that_does_not_shake_hands_is_given_up_after_a_while() -> None:
    async def run() -> None:
        async with serving(until_closed) as address:
            with pytest.raises(TimeoutError, match=r"no connection within 0.05 seconds"):
                await http1.connect(address, "localhost", timeout=0.05)

    asyncio.run(run())


def test_words_that_nobody_asked_for_end_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await reader.read()

    async def run() -> None:
        async with serving(serve) as address:
            connection = await http1.connect(address, None, timeout=60)
        assert not connection.is_open

    asyncio.run(run())


def test_a_server_that_answers_before_it_has_heard_all_is_not_asked_again() -> None:
    async def run() -> None:
        is_over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)  # and then no more: the stream's buffer is soon full
            writer.write(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n")
            await is_over.wait()

        async with serving(serve) as address:
            connection = await http1.connect(address, None, timeout=60)
            reply = await connection.request(b"x" * 50_000_000, timeout=60)
            is_over.set()
        assert reply.status == 413
        assert not connection.is_open

    asyncio.run(run())


def test_a_request_larger_than_the_sockets_buffer_arrives_whole() -> None:
    request = bytes(range(256)) * 100_000
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(len(request)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async def run() -> None:
        async with serving(serve) as address:
            connection = await http1.connect(address, None, timeout=60)
            assert await connection.request(request, timeout=60) == Reply(200, b"", is_last=False)
            assert connection.is_open
            connection.close()

    asyncio.run(run())
    assert received == [request]
