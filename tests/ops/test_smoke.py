"""The smoke test: what it says of a chat, what it needs, and for how long a change is waited for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from chatops.commands import deploy
from chatops.commands.operate import smoke_test
from chatops.ops import addresses, doctor, own_rows, ownership, smoke
from chatops.ops.doctor.finding import Diagnosis, error
from chatops.ops.smoke import Check, Report
from chatops.render import smoke as shown

RED, GREEN = Check("broadcast", False, 1.0, "nothing came"), Check("broadcast", True, 1.0)
CAUSE = error("role.send lacks permissions", "it may not dynamodb:Scan", "chatops up")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The reports that are told."""
    told: list[Report] = []
    monkeypatch.setattr(addresses, "url", lambda _: "ws://127.0.0.1:1")
    monkeypatch.setattr(ownership, "owned_chat", lambda _: (None, None))
    monkeypatch.setattr(shown, "show", lambda _, report: told.append(report))
    monkeypatch.setattr(own_rows, "OwnRows", lambda *_: None)
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: Diagnosis((CAUSE,)))
    return told


def session(notes: list[str]) -> Any:
    aws, config = SimpleNamespace(pause=lambda _: None), SimpleNamespace(table=None)
    interrupt = SimpleNamespace(so_far="")
    return SimpleNamespace(stack=None, aws=aws, output=None, config=config, note=notes.append, interrupt=interrupt)


def runs(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> list[Check]:
    """Lets each run end with one of these checks; gives those that are left."""
    left = list(checks)
    monkeypatch.setattr(smoke, "run", lambda *_: Report([left.pop(0)]))
    return left


def test_what_was_just_changed_is_waited_for(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    notes: list[str] = []
    left = runs(monkeypatch, RED, RED, GREEN)
    assert smoke_test(session(notes), settles=60) == 0
    assert [one.checks for one in told] == [[GREEN]], "only the last run is told"
    assert len(notes) == 2 and not left


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    clock = iter((0.0, 30.0, 61.0))
    monkeypatch.setattr("chatops.commands.operate.time.monotonic", lambda: next(clock))
    left = runs(monkeypatch, RED, RED, GREEN)
    assert smoke_test(session([]), settles=60) == 1
    assert (told[0].cause, len(left)) == (CAUSE, 1)


def test_what_nobody_changed_is_tried_once(monkeypatch: pytest.MonkeyPatch, told: list[Report]) -> None:
    left = runs(monkeypatch, RED, GREEN)
    assert smoke_test(session([])) == 1
    assert left == [GREEN]


def test_an_up_that_cannot_be_proved_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(_: Any) -> None:
        raise AssertionError("nothing may be asked of AWS")

    monkeypatch.setattr("chatops.extras.find_spec", lambda _: None)
    monkeypatch.setattr("chatops.session.Session.prepare", touched)
    monkeypatch.setattr("chatops.session.Session.head", touched)
    ended = CliRunner().invoke(deploy.app, ["up", "--smoke", "--region", "ap-northeast-2"])
    assert ended.exit_code == 2
    assert "[local,chat]'" in ended.stderr


class Chat:
    """A chat in this process. `before` and `after` its broadcast of a message it does what it is told to."""

    def __init__(self) -> None:
        self.open: dict[str, ServerConnection] = {}
        self.before: Callable[[Chat, str], None] = lambda chat, sender: None
        self.after: Callable[[Chat, str], None] = lambda chat, sender: None
        self.broadcasts = True
        self.port = 0

    def serve(self, connection: ServerConnection) -> None:
        mine = f"id{len(self.open)}="
        self.open[mine] = connection
        with suppress(ConnectionClosed):
            for frame in connection:
                if frame == "ping":
                    connection.send("pong")
                elif "message" not in (body := json.loads(frame)):
                    self.to(mine, error="BadMessage", message="no message", requestId="r")
                else:
                    self.before(self, mine)
                    if self.broadcasts:
                        self.everybody(body["message"])
                    self.after(self, mine)
        self.open.pop(mine, None)

    def to(self, connection_id: str, **body: str) -> None:
        self.open[connection_id].send(json.dumps(body))

    def everybody(self, text: str) -> None:
        for one in list(self.open.values()):
            one.send(text)


class Rows:
    """The rows of the clients that are connected."""

    agent = "smoke"

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    def found(self) -> set[str]:
        return set(self.chat.open)

    def forget(self) -> None:
        pass


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    # What is not told at once would not be told within the time of a test.
    monkeypatch.setattr(smoke, "PATIENCE", 600.0)
    monkeypatch.setattr(smoke, "ALONE_SECONDS", 0.05)
    chat = Chat()
    with serve(chat.serve, "127.0.0.1", 0) as server:
        chat.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield chat
        server.shutdown()
        thread.join()


def report(chat: Chat, clients: int = 2, rows: Any = None) -> Report:
    own: Any = rows or Rows(chat)
    return smoke.run(lambda: f"ws://127.0.0.1:{chat.port}", own, clients)


def failed(chat: Chat, name: str, rows: Any = None) -> str:
    """The detail of the check that has to have failed."""
    last = report(chat, rows=rows).checks[-1]
    assert (last.name, last.ok) == (name, False), last
    return last.detail


HANDLERS = {"message": "It could not be done.", "requestId": "r"}
GATEWAYS = {"message": "Internal server error", "requestId": "r"}


@pytest.mark.parametrize("clients", [2, 5])
def test_a_chat_that_works_is_green_and_every_delivery_is_timed(chat: Chat, clients: int) -> None:
    found = report(chat, clients)
    assert found.ok, found.checks
    assert [one.name for one in found.checks] == ["connect", "rows", "broadcast", "pong", "error frame", "disconnect"]
    assert len(found.deliveries) == clients * smoke.ROUNDS


@pytest.mark.parametrize("code", ["TableUnreadable", "Incomplete", "TooManyRequests"])
def test_a_handlers_error_frame_to_the_sender_fails_the_check_at_once_and_is_quoted(chat: Chat, code: str) -> None:
    chat.broadcasts = False
    chat.after = lambda chat, sender: chat.to(sender, error=code, **HANDLERS)
    detail = failed(chat, "broadcast")
    assert detail.startswith(f'the server answered {{"error": "{code}"')


def test_api_gateways_error_frame_fails_the_check_at_once_and_has_the_causes_that_doctor_knows(chat: Chat) -> None:
    chat.broadcasts = False
    chat.after = lambda chat, sender: chat.to(sender, connectionId=sender, **GATEWAYS)
    detail = failed(chat, "broadcast")
    assert "Internal server error" in detail and "the function fails, times out or is throttled" in detail


def test_an_error_frame_after_the_message_came_to_all_fails_the_run(chat: Chat) -> None:
    """The function posted to everybody, and failed then."""
    chat.after = lambda chat, sender: chat.to(sender, connectionId=sender, **GATEWAYS)
    assert "the server answered" in failed(chat, "broadcast")


def test_an_error_frame_is_quoted_without_what_a_terminal_obeys(chat: Chat) -> None:
    chat.broadcasts = False
    text = json.dumps({"error": "X\u202e\x9b", **HANDLERS}, ensure_ascii=False)
    chat.after = lambda chat, sender: chat.open[sender].send(text)
    detail = failed(chat, "broadcast")
    assert "X\\u202e\\x9b" in detail and "\u202e" not in detail and "\x9b" not in detail


@pytest.mark.parametrize(
    "frame",
    [
        {"error": "TableUnreadable", **HANDLERS},
        {"error": "Incomplete", **HANDLERS},
        {"connectionId": "of-a-stranger=", **GATEWAYS},
        {"connectionId": "", **GATEWAYS},
    ],
    ids=lambda frame: str(frame.get("error") or frame["connectionId"]),
)
def test_a_text_of_a_strangers_that_looks_like_an_error_frame_fails_nothing(chat: Chat, frame: dict[str, str]) -> None:
    def say(chat: Chat, _: str) -> None:
        chat.everybody(json.dumps(frame))
        if not rounds:
            # The broadcast takes longer than it takes to tell a text from an error frame.
            time.sleep(4 * smoke.ALONE_SECONDS)
        rounds.append(frame)

    rounds: list[dict[str, str]] = []
    chat.before = say
    assert report(chat).ok


def test_a_broadcast_that_missed_only_strangers_is_green(chat: Chat) -> None:
    chat.after = lambda chat, sender: chat.to(sender, error="Incomplete", **HANDLERS)
    assert report(chat).ok


def test_a_connection_that_the_server_closes_fails_the_check_at_once(chat: Chat) -> None:
    chat.broadcasts = False
    chat.after = lambda chat, sender: chat.open[sender].close(1011, "broken")
    assert "closed the connection: received 1011 (internal error) broken" in failed(chat, "broadcast")


def test_a_connection_of_another_client_that_is_closed_fails_it_too(chat: Chat) -> None:
    chat.broadcasts = False
    chat.after = lambda chat, sender: next(one for name, one in chat.open.items() if name != sender).close(1001)
    assert "closed the connection: received 1001 (going away)" in failed(chat, "broadcast")


def test_a_connection_that_is_closed_while_rows_are_looked_for_fails_that_check(chat: Chat) -> None:
    class Closing(Rows):
        def found(self) -> set[str]:
            for one in list(self.chat.open.values()):
                one.close(1001)
            return set()

    assert "closed the connection" in failed(chat, "rows", Closing(chat))


def test_without_an_answer_the_last_frame_is_quoted(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "PATIENCE", 1.0)
    chat.broadcasts = False
    chat.after = lambda chat, _: chat.everybody("<yu> hi\x1b[2J")
    assert "the last frame was <yu> hi\\x1b[2J;" in failed(chat, "broadcast")
