"""Ctrl-C: what is under way ends first, a second one ends the process, and neither shows a traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pexpect
import pytest

from chatops.errors import INTERRUPTED
from chatops.interrupt import ONE_PRESS, WAITING, Interrupt

IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>X</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Staller:
    """Something like AWS that tells who one is, and answers nothing else until it is told to."""

    def __init__(self) -> None:
        self.asked: Queue[str] = Queue()
        self.answer = threading.Event()
        staller = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, text = 200, IDENTITY
                if b"GetCallerIdentity" not in body:
                    staller.asked.put(self.path)
                    staller.answer.wait(120)
                    status, text = 500, b"{}"
                with suppress(OSError):  # who asked may be gone
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def count(self) -> int:
        """How many requests there are, once no more arrive: on a busy machine some are only about to be sent."""
        while True:
            before = self.asked.qsize()
            time.sleep(0.5)
            if self.asked.qsize() == before:
                return before


@pytest.fixture
def staller() -> Iterator[Staller]:
    one = Staller()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.answer.set()
    one.server.shutdown()
    thread.join()
    one.server.server_close()


@pytest.fixture
def up(staller: Staller, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`chatops up` that has asked for what exists, and waits for the answer."""
    options = ["--region", "ap-northeast-2", "--endpoint-url", staller.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "chatops", "up", *options],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        text=True,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    # The first request may be under way before the main thread has started all threads, and waits for them.
    for _ in range(3):
        staller.asked.get(timeout=60)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def told_by(process: subprocess.Popen[str]) -> str:
    """What a process said, once it has ended, without the reports of what it waits for."""
    _, told = process.communicate(timeout=60)
    return "".join(line for line in told.splitlines(keepends=True) if not line.startswith("…"))


def press_until_it_ends(process: subprocess.Popen[str]) -> None:
    for _ in range(300):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(0.2)
            return
        except subprocess.TimeoutExpired:
            continue


def test_the_first_ctrl_c_waits_for_the_calls_in_flight_and_makes_none_again(
    up: subprocess.Popen[str], staller: Staller
) -> None:
    up.send_signal(signal.SIGINT)
    assert up.stderr
    lines = (line for line in up.stderr if not line.startswith("…"))
    head, where, *heard = [next(lines) for _ in range(4)]
    assert "ap-northeast-2" in head and where.startswith("config ")
    assert "".join(heard) == f"{WAITING}\n"
    asked = staller.count()
    staller.answer.set()
    told = told_by(up)
    assert up.returncode == INTERRUPTED
    assert told == "Interrupted. Nothing was changed.\n"
    assert staller.asked.qsize() == asked


def test_a_second_ctrl_c_ends_at_once_and_says_what_is_true(up: subprocess.Popen[str]) -> None:
    press_until_it_ends(up)
    told = told_by(up)
    assert up.returncode == INTERRUPTED
    assert "Ended at once. Nothing was changed." in told
    assert "Traceback" not in told


class Left(Exception):
    """The process would have ended here."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, and an end of the process that is raised instead."""
    now = [100.0]

    def leave(code: int) -> None:
        assert code == INTERRUPTED
        raise Left

    monkeypatch.setattr("chatops.interrupt.time.monotonic", lambda: now[0])
    monkeypatch.setattr("chatops.interrupt.os._exit", leave)
    return now


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_two_signals_of_one_press_are_one(clock: list[float]) -> None:
    stop = threading.Event()
    with Interrupt(stop, lambda _: None, lambda: None).letting_end():
        press()
        clock[0] += ONE_PRESS / 2
        press()
        assert stop.wait(30)


def test_a_second_press_ends_the_process_also_where_the_first_raised_nothing(clock: list[float]) -> None:
    said: list[str] = []
    one = Interrupt(threading.Event(), said.append, lambda: said.append("flushed"))
    one.so_far = "Half is done."
    with pytest.raises(Left), one.letting_end():
        press()
        clock[0] += ONE_PRESS * 2
        press()
    assert said[-2:] == ["\nEnded at once. Half is done.", "flushed"]


def test_a_first_press_after_the_work_that_may_end_raises_again(clock: list[float]) -> None:
    one = Interrupt(threading.Event(), lambda _: None, lambda: None)
    with pytest.raises(KeyboardInterrupt), one.raising():
        with one.letting_end():
            pass
        press()


def test_what_ends_soon_after_the_press_is_not_said_to_be_waited_for() -> None:
    said: list[str] = []
    one = Interrupt(threading.Event(), said.append, lambda: None)
    with pytest.raises(KeyboardInterrupt), one.raising():
        press()
    assert said == []


def test_within_a_loop_the_first_signal_waits_for_its_turn_and_every_task_ends() -> None:
    seen: list[str] = []

    async def neighbour() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("the neighbour ended")

    async def main() -> None:
        task = asyncio.create_task(neighbour())
        await asyncio.sleep(0)
        press()
        seen.append("the step under way went on")
        await task

    one = Interrupt(threading.Event(), lambda _: None, lambda: None)
    with pytest.raises(KeyboardInterrupt), one.raising():
        asyncio.run(main())
    assert seen == ["the step under way went on", "the neighbour ended"]


ECHOLESS = """
import getpass, threading
from chatops.interrupt import Interrupt
try:
    with Interrupt(threading.Event(), print, lambda: None).raising():
        threading.Thread(target=getpass.getpass, args=("Code: ",), daemon=True).start()
        threading.Event().wait()
except KeyboardInterrupt:
    raise SystemExit(130)
"""


def test_the_terminal_echoes_again_after_ctrl_c_at_a_hidden_prompt() -> None:
    child = pexpect.spawn(sys.executable, ["-c", ECHOLESS], timeout=60)
    try:
        assert child.getecho()
        child.expect_exact("Code: ")
        child.waitnoecho(60)
        assert not child.getecho()
        child.sendintr()
        child.expect(pexpect.EOF)
        assert child.getecho()
        child.close()
        assert child.exitstatus == INTERRUPTED
    finally:
        child.close(force=True)
