"""The chat through a pipe."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys

import pytest
from websockets.asyncio.server import ServerConnection

from chatops.ops.chat import outbox
from chatops.ops.chat import run as chat
from chatops.ops.chat.client import Client
from chatops.session import Options, Session

from .fake_chat import PATIENCE, QUICK, FakeChat


class Pipe:
    """Runs the chat with these bytes as standard input, against a server of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, server: FakeChat, data: bytes, *, as_json: bool = False) -> tuple[int, str, str]:
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        session = Session(Options(as_json=as_json))

        async def scene() -> int:
            await server.start()
            client = Client(lambda afresh: server.url, proxy=None, times=QUICK)
            try:
                return await chat._pipe(session, client, "ci")
            finally:
                await server.stop()

        with open(reading, "rb", buffering=0) as file:  # noqa: PTH123
            self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(file)))
            code = asyncio.run(asyncio.wait_for(scene(), 3 * PATIENCE))
        return code, *self._capsys.readouterr()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pipe:
    return Pipe(monkeypatch, capsys)


def test_every_line_of_a_pipe_is_sent_and_comes_back(pipe: Pipe) -> None:
    server = FakeChat()
    code, out, err = pipe(server, "첫째\n\n/quit\r\n  셋째 \x1b[31m\n".encode() + b"no newline \xff")
    assert (code, err) == (0, "")
    assert server.received == ["<ci> 첫째", "<ci> /quit", "<ci>   셋째 \x1b[31m", "<ci> no newline \ufffd"]
    assert out == "<ci> 첫째\n<ci> /quit\n<ci>   셋째 \\x1b[31m\n<ci> no newline \ufffd\n"


def test_a_message_that_was_not_confirmed_is_told_and_is_exit_1(pipe: Pipe) -> None:
    server = FakeChat()

    async def die(connection: ServerConnection, message: str) -> None:
        server.handle = None
        connection.transport.abort()

    server.handle = die
    code, out, err = pipe(server, b"lost\nfound\n")
    assert code == 1
    assert out == "<ci> found\n"
    assert "Not confirmed (the connection broke first): <ci> lost" in err
    assert server.received == ["<ci> lost", "<ci> found"]


def test_a_server_that_never_comes_is_given_up_after_a_while(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "STUCK_AFTER", 0.5)
    code, out, err = pipe(FakeChat(refusals=10**6), b"hi\n", as_json=True)
    assert code == 1
    documents = [json.loads(line) for line in out.splitlines()]
    assert [one["event"] for one in documents] == ["notice", "unconfirmed"]
    assert documents[-1]["message"] == "<ci> hi"
    assert err == ""


def test_a_pipe_far_longer_than_what_is_read_at_once_is_sent_in_order(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PACE", 0.0)
    server = FakeChat()
    lines = [f"line {number}" for number in range(3 * chat.QUEUE)]
    code, out, _ = pipe(server, "\n".join(lines).encode())
    assert code == 0
    assert out.splitlines() == [f"<ci> {line}" for line in lines]
