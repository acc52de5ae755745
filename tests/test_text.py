"""Text from others: nothing in it moves a terminal's cursor, hides, or turns round."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatops.text import visible


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


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(text=st.text(st.characters(max_codepoint=sys.maxunicode)))
def test_no_text_at_all_leaves_anything_that_is_hidden_or_obeyed(text: str) -> None:
    shown = visible(text)
    hidden = {one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert hidden <= {"\u200d"}
    assert len(shown.splitlines()) <= 1
    shown.encode()
