"""`chatops chat`: through pipes, and in real terminals whose screens are looked at."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest
import websockets.sync.client as websockets

from ..forked import Finished
from ..sizes import every
from .conftest import Chatops, Kept

PATIENCE = 30.0
FAMILY = "👨‍👩‍👧"


def piped(chatops: Chatops, text: str | bytes, *arguments: str) -> Finished:
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-m", "chatops", "chat", "--local", *arguments],
        input=text.encode() if isinstance(text, str) else text,
        cwd=chatops.folder,
        env=chatops.full_environment,
        capture_output=True,
        timeout=120,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def say(message: str) -> str:
    return json.dumps({"action": "sendMessage", "message": message})


class Terminal:
    """A terminal of 80 by 24 with `chatops chat` in it, and what a person would see there."""

    def __init__(self, chatops: Chatops, *arguments: str) -> None:
        self.screen = pyte.Screen(80, 24)
        self.raw = ""
        self._stream = pyte.Stream(self.screen)
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "chatops", "chat", "--local", *arguments],
            cwd=str(chatops.folder),
            env={**chatops.full_environment, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"},
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=PATIENCE,
        )

    def __enter__(self) -> Terminal:
        self.until("connected", lambda: "-- connected" in self.lines)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close(force=True)

    @property
    def lines(self) -> list[str]:
        """The rows of the screen; the second cell of a wide character is nothing."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def said(self) -> list[str]:
        """The history, without the time of day."""
        return [line[6:] for line in self.lines if re.match(r"\d\d:\d\d ", line)]

    def until(self, what: str, true: Callable[[], bool]) -> None:
        """Watches the screen until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"never {what}:\n" + "\n".join(self.lines)
            try:
                self._take(self.process.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                continue

    def sees(self, text: str) -> None:
        self.until(repr(text), lambda: any(text in line for line in self.said))

    def type(self, text: str) -> None:
        self.process.send(text)

    def ends(self) -> int | None:
        try:
            while True:
                self._take(self.process.read_nonblocking(65536, timeout=PATIENCE))
        except pexpect.EOF:
            self.process.wait()
        return self.process.exitstatus

    def _take(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, state: Path, kept: Kept) -> Iterator[Chatops]:
    """The default stack, up for all tests of this file."""
    kept.down()
    chatops = Chatops(tmp_path_factory.mktemp("chat"), state)
    chatops.write_config("websocket: {max_message_bytes: 131072}\n")
    chatops.local("up")
    yield chatops
    chatops.local("down", "--yes")


@pytest.fixture
def connect(stack: Chatops) -> Iterator[Callable[[], Any]]:
    """Opens connections that are no terminals; they are closed at the end."""
    url = stack.url()
    with ExitStack() as opened:
        yield lambda: opened.enter_context(websockets.connect(url, open_timeout=20, proxy=None))


@pytest.fixture
def terminal(stack: Chatops) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals in the chat of the default stack; they are closed at the end."""
    with ExitStack() as opened:
        yield lambda *arguments: opened.enter_context(Terminal(stack, *arguments))


def test_a_line_through_a_pipe_reaches_everybody_and_comes_back(stack: Chatops, connect: Callable[[], Any]) -> None:
    other = connect()
    done = piped(stack, f"안녕 {FAMILY}\nsecond\n", "--nick", "은정")
    assert (done.code, done.out) == (0, f"<은정> 안녕 {FAMILY}\n<은정> second\n")
    assert [other.recv(timeout=20) for _ in range(2)] == [f"<은정> 안녕 {FAMILY}", "<은정> second"]


@pytest.mark.slow
def test_without_a_name_it_is_the_login_name(stack: Chatops) -> None:
    assert piped(replace(stack, environment={"LOGNAME": "yu"}), "hi\n").out == "<yu> hi\n"


def test_nothing_to_say_is_fine(stack: Chatops) -> None:
    assert piped(stack, "").code == 0


def test_json_is_a_document_for_each_message_and_nothing_else(stack: Chatops) -> None:
    done = piped(stack, "hi\x1b[31m\n", "--nick", "a", "--json")
    assert done.code == 0
    assert [line.partition(" ")[0] for line in done.err.splitlines()] == ["stack", "config"], "the header alone"
    (message,) = done.documents
    assert message.pop("time").endswith("Z")
    assert message == {"event": "message", "author": "a", "text": "hi\x1b[31m", "own": True}


@pytest.mark.slow
def test_a_line_that_cannot_be_sent_is_exit_1_and_the_others_are_sent(stack: Chatops) -> None:
    done = piped(stack, "x" * 140_000 + "\nfine\n", "--nick", "a")
    assert done.code == 1
    assert done.out == "<a> fine\n"
    assert "bytes too long" in done.err


@pytest.mark.slow
def test_a_message_of_100_kb_arrives_whole(stack: Chatops) -> None:
    text = "가" * 35_000
    assert piped(stack, text, "--nick", "a").out == f"<a> {text}\n"


@pytest.mark.slow
def test_a_closed_chat_lets_the_operator_in(stack: Chatops, tmp_path: Path) -> None:
    closed = replace(stack, folder=tmp_path)
    closed.write_config("prefix: closed-\nwebsocket: {auth: iam}\n")
    closed.local("up")
    try:
        assert piped(closed, "hi\n", "--nick", "a").out == "<a> hi\n"
    finally:
        closed.local("down", "--yes")


@pytest.mark.slow
def test_a_name_that_cannot_travel_is_wrong_usage(stack: Chatops) -> None:
    for name in ("a<b", "", "a\x1b[31m"):
        refused = piped(stack, "hi\n", "--nick", name)
        assert refused.code == 2
        assert "\x1b" not in refused.err


def test_without_a_stack_it_says_so(stack: Chatops, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("prefix: not-there-\n")
    refused = piped(replace(stack, folder=tmp_path), "hi\n")
    assert refused.code == 1
    assert "chatops up" in refused.err


def test_without_the_extra_it_says_what_to_install(stack: Chatops) -> None:
    hide = "import sys; sys.modules['prompt_toolkit'] = None; from chatops.cli import main; main()"
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", hide, "chat", "--local"],
        cwd=stack.folder,
        env=stack.full_environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "[local,chat]'" in done.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_it_quietly(stack: Chatops) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chatops", "chat", "--local", "--nick", "a"],
        cwd=stack.folder,
        env=stack.full_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    with process:
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"<a> one\n"
        process.stdout.close()
        process.stdin.write(b"two\n")
        process.stdin.flush()
        assert process.wait(PATIENCE) == 1
        assert b"Error" not in process.stderr.read()


@pytest.mark.slow
def test_two_terminals_and_a_websocket_client_talk(
    terminal: Callable[..., Terminal], connect: Callable[[], Any]
) -> None:
    one, two, other = terminal("--nick", "은정"), terminal("--nick", "bob"), connect()
    one.type("안녕하세요 👋\r")
    two.sees("<은정> 안녕하세요 👋")
    assert other.recv(timeout=20) == "<은정> 안녕하세요 👋"
    two.type(f"반가워요 {FAMILY}\r")
    one.sees("<bob> 반가워요")
    other.send(say("no name"))
    for each in (one, two):
        each.sees("- no name")
    one.until("empty below", lambda: [line for line in one.lines if line][-2:] == ["-- connected", "<은정>"])


@pytest.mark.slow
def test_what_is_being_typed_is_not_torn_by_what_arrives(
    terminal: Callable[..., Terminal], connect: Callable[[], Any]
) -> None:
    one, other = terminal("--nick", "은정"), connect()
    typed = "쓰는 중 👍 한글"
    one.type(typed)
    one.until("typed", lambda: f"<은정> {typed}" in one.lines)
    for number in range(40):
        other.send(say(f"<bob> 방해 {number} " + "가" * 50))
        other.recv(timeout=20)
    one.sees("방해 39")
    one.until("whole and below", lambda: one.lines[-2:] == ["-- connected", f"<은정> {typed}"])
    assert [line for line in one.lines if line.startswith("<")] == [f"<은정> {typed}"]
    assert "" not in one.lines
    width = len("<") + 2 * len("은정") + len("> ") + sum(2 if ord(one) > 0x1100 else 1 for one in typed)
    assert one.screen.cursor.x == width
    one.type(" 끝\r")
    one.sees(f"<은정> {typed} 끝")
    assert other.recv(timeout=20) == f"<은정> {typed} 끝"


@pytest.mark.slow
def test_the_cursor_is_right_behind_emoji_of_several_characters(terminal: Callable[..., Terminal]) -> None:
    one = terminal("--nick", "a")
    one.type(f"x{FAMILY}👋🏽")
    one.until("short", lambda: "<a> x👨+👋+" in one.lines)
    assert one.screen.cursor.x == len("<a> x") + 6
    one.type("\x7f")
    one.until("one shorter", lambda: "<a> x👨+" in one.lines)
    one.type("\x1b[D!\x1b[C\x1b[C\r")
    one.sees("<a> x!👨")


@pytest.mark.slow
def test_escape_sequences_are_shown_and_never_reach_the_terminal(
    terminal: Callable[..., Terminal], connect: Callable[[], Any]
) -> None:
    one, other = terminal("--nick", "a"), connect()
    before = len(one.raw)
    other.send(say("<b\x1b[7m> \x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc\n<a> forged"))
    one.sees(r"<b\x1b[7m> \x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc")
    one.until("indented", lambda: "    <a> forged" in one.lines)
    for hostile in ("\x1b]0;", "\x07", "\x1b[2J", "\x9b", "\u202e"):
        assert hostile not in one.raw[before:]


@pytest.mark.slow
def test_the_commands_do_what_help_says(terminal: Callable[..., Terminal], connect: Callable[[], Any]) -> None:
    one, _ = terminal("--nick", "a"), connect()
    one.type("/help\r")
    one.sees("! /who")
    one.type("/who\r")
    one.sees("! 2 connected")
    one.until("clients", lambda: any("chatops/" in line for line in one.lines))
    one.type("/nick 은정\r//slash\r")
    one.sees("<은정> /slash")
    one.type("/nick a<b\r")
    one.sees("cannot be a name")
    one.type("/dance\r")
    one.sees("There is no /dance")
    one.type("/quit\r")
    assert one.ends() == 0


@pytest.mark.parametrize(("key", "code"), every(2, [("\x03", 130), ("\x04", 0)]))
@pytest.mark.slow
def test_ctrl_d_and_ctrl_c_leave(terminal: Callable[..., Terminal], key: str, code: int) -> None:
    one = terminal("--nick", "a")
    one.type(key)
    assert one.ends() == code
    assert "Traceback" not in one.raw


@pytest.mark.slow
def test_one_who_was_kicked_comes_back_by_itself(stack: Chatops, terminal: Callable[..., Terminal]) -> None:
    one = terminal("--nick", "a")
    assert stack.local("kick", "--all").last["kicked"] == 1
    one.sees("! The connection was lost")
    one.sees("! Connected.")
    one.type("still here\r")
    one.sees("<a> still here")


@pytest.mark.slow
def test_without_a_terminal_on_stdout_its_lines_are_plain(stack: Chatops) -> None:
    assert "\x1b" not in (done := piped(stack, "hi\n", "--nick", "a")).out + done.err


@pytest.mark.slow
def test_an_interrupted_pipe_ends_with_130_and_says_only_where_it_was(
    stack: Chatops, connect: Callable[[], Any]
) -> None:
    other = connect()
    process = subprocess.Popen(
        [sys.executable, "-m", "chatops", "chat", "--local", "--json"],
        cwd=stack.folder,
        env=stack.full_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    # One that hangs fails the test after a while, and is not waited for.
    with process, ExitStack() as ends:
        ends.callback(process.kill)
        process.stdin.write(b"hi\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["own"]
        assert other.recv(timeout=20).endswith("> hi")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        head, _, *others = process.stderr.read().decode().splitlines()
        assert others == []
        assert head.startswith("stack websocket-chat")
