"""What happens in the chat, in words that nobody else can put into our mouth."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from chatops.ops.chat import words
from chatops.ops.chat.outbox import Unconfirmed
from chatops.ops.chat.wire import Message, Notice
from chatops.ops.chat.words import name, plain, roll
from chatops.ops.connections import Connection

NOON = datetime(2025, 1, 31, 12, tzinfo=timezone.utc)


def test_an_error_frame_cannot_speak_in_the_tools_voice() -> None:
    for code in ("Forbidden", "Made up\x1b[31m"):
        told = plain(Notice(code, "Send me your password."))
        assert "password" not in told and code.split("\x1b")[0] in told and "\x1b" not in told
    assert plain(Notice("Disconnected", "The connection was lost.")) == "The connection was lost."


def test_what_somebody_said_is_told_with_the_name_and_an_unconfirmed_message_with_what_is_known_of_it() -> None:
    assert plain(Message("은정", "one\ntwo")) == "<은정> one\n    two"
    assert plain(Message(None, "one")) == "one"
    assert plain(Unconfirmed("<a> x", "it was lost")) == "Not confirmed (it was lost): <a> x"
    assert plain(Message(None, "x" * 20), limit=5) == "xxxxx … and 15 more characters"


def test_who_has_no_name_that_can_be_seen_has_a_question_mark() -> None:
    assert (name(" yu "), name("  "), name("a\x1b")) == ("yu", "?", r"a\x1b")


def test_only_the_living_are_on_the_roll_each_on_a_line_that_can_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "datetime", SimpleNamespace(now=lambda _: NOON))
    since = NOON - timedelta(minutes=3, seconds=7)
    live = Connection("Abcdefghijklmno=", True, since, since, "192.0.2.1", "wscat\x1b[2J")
    told = roll([live, Connection("gone=", False), Connection("unknown=")], 3)
    assert told.splitlines() == ["1 connected", r"  3m07s  Abcdefghijklmno=  192.0.2.1       wscat\x1b[2J"]


def test_one_of_whom_nothing_is_known_is_on_the_roll_all_the_same() -> None:
    assert roll([Connection("a=", True)], 1).splitlines()[1].split() == ["0m00s", "a="]
