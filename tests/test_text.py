"""Text from others: nothing in it moves a terminal's cursor, hides, or turns round."""

from __future__ import annotations

import os
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatops.text import redacted, visible, without_user

from .sizes import examples


@pytest.mark.parametrize(
    "text", ["plain", "안녕하세요", "naïve café", "日本語 🎉", "👩‍👩‍👧‍👦 ❤️", "a  b", "50 % $x {y} [bold]z[/bold]", ""]
)
def test_what_a_person_writes_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\0\x07\x08\x7f", r"\x00\x07\x08\x7f"),
        ("\u202eevil", r"\u202eevil"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\ufeffx\u200b", r"\ufeffx\u200b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\U0010ffff\ue000", r"\U0010ffff\ue000"),
    ],
)
def test_what_a_terminal_would_obey_hide_or_turn_round_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_longer_text_ends_with_an_ellipsis_at_the_limit() -> None:
    assert visible("12345", limit=5) == "12345"
    assert visible("123456", limit=5) == "1234…"
    assert visible("x" * 10**6, limit=10) == "x" * 9 + "…"


@settings(max_examples=examples(200), deadline=None, derandomize=True, database=None)
@given(text=st.text(st.characters(max_codepoint=sys.maxunicode)))
def test_no_text_at_all_leaves_anything_that_is_hidden_or_obeyed(text: str) -> None:
    shown = visible(text)
    hidden = {one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert hidden <= {"\u200d"}
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.fixture(autouse=True)
def no_proxy_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://user:pass@host:9/path", "http://host:9/path"),
        ("http://user:p/a#s?s@host:9", "http://host:9"),
        ("http://user:p@s@host:9", "http://host:9"),
        ("http:/user:pass@host", "host"),
        ("user:pass@host", "host"),
        ("http://user:://pass@host", "http://host"),
        ("http://socks5://user:pass@host", "http://socks5://host"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert without_user(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no http://user:pass@host:9/x", "no http://…@host:9/x"),
        ("'https://user:p/a?s#s@host'", "'https://…@host'"),
        ("http:/user:pass@host", "http:/…@host"),
        ("http://:pass@host and wss://a:b@c", "http://…@host and wss://…@c"),
    ],
)
def test_the_password_of_any_url_is_redacted(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:4566/a/demo/@connections/b=",
        "https://x.execute-api.ap-northeast-2.amazonaws.com/demo/@connections/b=",
        "http://[::1]:4566/@connections/x",
        "pip install 'chatops[local] @ git+ssh://git@host:22/x.git@0a1b'",
        "arn:aws:iam::123456789012:user/a@b",
    ],
)
def test_a_url_without_a_password_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Failed to parse: 'anna:s3c'",
        "Port could not be cast to integer value as 's3c'",
        "anna:s3c/r3t@host",
        "/r3t@host",
    ],
)
def test_the_parts_of_a_proxy_password_are_redacted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://anna:s3c/r3t@host")
    assert "s3c" not in redacted(text) and "r3t" not in redacted(text)


def test_the_token_of_a_proxy_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://t0ken@host")
    assert redacted("http://t0ken@host") == "http://…host"


@pytest.mark.parametrize("proxy", ["http://:@host", "http://user:@host", "http://@host", "http://host"])
def test_a_proxy_without_a_password_changes_no_text(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert redacted("user: a: b, the user @ x") == "user: a: b, the user @ x"
