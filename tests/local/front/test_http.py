"""Answers that no HTTP answer may be, on a connection that stays."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader

import pytest

from chatops.local.front import http
from chatops.local.front.request import Request, Response


class Written:
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        self.data = b""

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return "127.0.0.1", 1

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None: ...


def answered(response: Response) -> bytes:
    """What a client gets of a response."""

    async def run() -> bytes:
        async def answer(_: Request) -> Response:
            return response

        written, reader = Written(), StreamReader()
        reader.feed_eof()
        await http.serve(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", answer, reader, written)  # type: ignore[arg-type]
        return written.data

    return asyncio.run(run())


def test_a_header_of_a_function_that_is_not_ascii_is_passed_on() -> None:
    assert b"x-name: caf\xe9\r\n" in answered(Response(200, b"", {"x-name": "café"}))


@pytest.mark.parametrize(
    "headers", [{"x-na me": "1"}, {"x-name": "1\r\nx-other: 2"}, {"x-이름": "1"}, {"x-name": "김"}]
)
def test_a_header_of_a_function_that_no_answer_may_have_is_an_internal_server_error(headers: dict[str, str]) -> None:
    assert answered(Response(200, b"", headers)).startswith(b"HTTP/1.1 500 ")
