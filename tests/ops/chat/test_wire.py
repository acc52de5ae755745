"""What travels over the WebSocket, and how it is shown."""

from __future__ import annotations

import json

import pytest

from chatops.errors import UsageError
from chatops.ops.chat.wire import (
    MESSAGE_LIMIT,
    Message,
    Notice,
    checked_nick,
    cleaned_nick,
    compose,
    excess,
    fragments,
    notice_in,
    shown,
    spoken,
)
from chatops.ops.chat.words import plain

from .fake_chat import INTERNAL, REFUSED


def test_a_message_is_read_as_the_web_page_reads_it() -> None:
    assert spoken("<은정> 안녕\n둘째 줄") == Message("은정", "안녕\n둘째 줄")
    for anonymous in ("hello", "<> x", "<a>x", "<a<b> x", "<a\nb> x", f"<{'n' * 33}> x", f"<{'👍' * 17}> x", " <a> x"):
        assert spoken(anonymous) == Message(None, anonymous)
    assert spoken(f"<{'👍' * 16}> x").author == "👍" * 16
    assert spoken("<a> <b> x") == Message("a", "<b> x")


def test_a_message_is_sent_in_frames_that_api_gateway_takes() -> None:
    message = compose("은정", "가😀\n" * 12_000)
    parts = fragments(message)
    assert json.loads("".join(parts)) == {"action": "sendMessage", "message": message}
    assert max(len(part.encode()) for part in parts) <= 32 * 1024 - 14
    assert len(fragments(compose("a", "hi"))) == 1


def test_a_message_may_have_128_kb_and_not_a_byte_more() -> None:
    room = MESSAGE_LIMIT - len("".join(fragments(compose("a", ""))))
    assert excess(compose("a", "x" * room)) == 0
    assert excess(compose("a", "가" * (room // 3) + "가")) in (1, 2, 3)


def test_half_a_surrogate_pair_is_replaced_because_the_server_would_refuse_it() -> None:
    assert "".join(fragments(compose("a", "x\ud800y"))).encode()
    assert compose("a", "\udfff") == "<a> \ufffd"


@pytest.mark.parametrize(
    ("frame", "notice"),
    [
        (json.dumps(REFUSED), Notice("MessageTooLarge", "too large", refused=True)),
        ('{"error": "Incomplete", "message": "3", "requestId": "r"}', Notice("Incomplete", "3", refused=False)),
        (json.dumps(INTERNAL), Notice("Internal server error", "Internal server error", refused=False)),
        ('{"message": "Forbidden", "connectionId": "A=", "requestId": "r"}', Notice("Forbidden", "Forbidden", True)),
        ('{"message": "x", "requestId": "r"}', None),
        ('{"error": 1, "message": "x", "requestId": "r"}', None),
        ("{" * 3000, None),
        ("[]", None),
        ("hello", None),
    ],
)
def test_error_frames_are_told_from_messages(frame: str, notice: Notice | None) -> None:
    assert notice_in(frame) == notice


def test_a_name_that_would_break_the_format_or_hide_is_refused_and_a_login_name_is_made_fit() -> None:
    assert checked_nick(" 은정 ") == "은정"
    for bad in ("", "  ", "a<b", "a>b", "a\nb", "a\x1b[31m", "\u202eabc", "n" * 33, "👍" * 17):
        with pytest.raises(UsageError):
            checked_nick(bad)
    assert cleaned_nick("a<\x1b>b" + "👍" * 40) == "ab" + "👍" * 15
    assert cleaned_nick("<>") == "me"


def test_hostile_text_is_shown_and_never_obeyed() -> None:
    assert shown("\x1b[2J\u202e\u200b\x9b") == r"\x1b[2J\u202e\u200b\x9b"
    assert shown("one\n<root> two\r") == "one\n    <root> two\\r"
    assert shown("a" * 50, limit=10) == "a" * 10 + " … and 40 more characters"
    assert plain(Message("a\x1b\u202e", "x")) == r"<a\x1b\u202e> x"
    assert plain(Message(" ", "x")) == "<?> x"
