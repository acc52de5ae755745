"""A chat of wscats, as its operator sees it in a terminal: who is there, who leaves, who is kicked, who talks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pexpect
import pyte
import pytest

from .conftest import Chatops
from .test_chat import Terminal

PATIENCE = 30.0


@pytest.fixture
def wscats(deployed: Chatops, wscat: str) -> Iterator[list[Any]]:
    """Three of them, connected."""
    url = deployed.url()
    with ExitStack() as opened:
        clients = []
        for _ in range(3):
            client = pexpect.spawn(wscat, ["-c", url], encoding="utf-8", timeout=PATIENCE)
            opened.callback(client.close, force=True)
            client.expect("Connected")
            clients.append(client)
        yield clients


class Watched:
    """`status --watch` in a terminal of 80 by 40."""

    def __init__(self, chatops: Chatops) -> None:
        self.screen = pyte.Screen(80, 40)
        self._stream = pyte.Stream(self.screen)
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "chatops", "status", "--watch", "--local"],
            cwd=str(chatops.folder),
            env={**chatops.full_environment, "COLUMNS": "80", "LINES": "40", "TERM": "xterm-256color"},
            dimensions=(40, 80),
            encoding="utf-8",
            timeout=PATIENCE,
        )

    def shows(self, *texts: str) -> float:
        """Waits until some line shows each of these texts, and gives the seconds that it took."""
        began = time.monotonic()
        while not all(any(text in line for line in self.screen.display) for text in texts):
            assert time.monotonic() - began < PATIENCE, f"never {texts}:\n" + "\n".join(self.screen.display)
            with suppress(pexpect.TIMEOUT):
                self._stream.feed(self.process.read_nonblocking(65536, timeout=0.2))
        return time.monotonic() - began


@pytest.mark.slow
def test_watch_shows_three_then_two_and_kick_closes_one_and_wscat_says_so(deployed: Chatops, wscats: list[Any]) -> None:
    watched = Watched(deployed)
    try:
        watched.shows("3 live, 0 stale", "22 of 22 resources ok")
        wscats[0].close(force=True)
        assert watched.shows("2 live, 0 stale", " gone") < 5
        (left,) = [line for line in watched.screen.display if " gone" in line]
        assert left.startswith("- ")
        here = {one["connection_id"] for one in deployed.local("status").last["connections"]}
        assert len(here) == 2 and left.split()[1] not in here
        deployed.local("kick", max(here))
        assert watched.shows("1 live, 0 stale") < 5
        closed = [client for client in wscats[1:] if client.expect(["Disconnected", pexpect.TIMEOUT], timeout=3) == 0]
        assert len(closed) == 1
        watched.process.sendintr()
        watched.process.expect(pexpect.EOF)
        watched.process.wait()
        assert watched.process.exitstatus == 130
    finally:
        watched.process.close(force=True)


@pytest.mark.slow
def test_a_wscat_and_the_terminals_chat_talk_to_each_other(deployed: Chatops, wscats: list[Any]) -> None:
    with Terminal(deployed, "--nick", "operator") as terminal:
        wscats[0].sendline('{"action":"sendMessage", "message":"Hello! bs~"}')
        terminal.sees("Hello! bs~")
        terminal.type("안녕하세요\r")
        for client in wscats:
            client.expect("operator.*안녕하세요")
