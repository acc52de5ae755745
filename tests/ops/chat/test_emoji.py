"""Emoji of several characters, in the line that is being typed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.keys import Keys

from chatops.ops.chat.emoji import Steady, keys, steady

FAMILY, FLAG, THUMB = "👨‍👩‍👧", "🇰🇷", "👍🏽"


def pressed(key: Keys, text: str, at: int) -> Buffer:
    """The line after a key, with the cursor at a character."""
    buffer = Buffer(document=Document(text, at))
    (binding,) = keys().get_bindings_for_keys((key,))
    event: Any = SimpleNamespace(current_buffer=buffer)
    binding.handler(event)
    return buffer


def transformed(text: str) -> Any:
    given: Any = SimpleNamespace(fragments=[("", text)])
    return Steady().apply_transformation(given)


def test_emoji_of_several_characters_take_a_width_that_no_terminal_doubts() -> None:
    assert steady("👋🏽 👨‍👩‍👧 ❤️ 🇰🇷 1️⃣ 안녕 👍") == "👋+ 👨+ ❤ [KR] 1+ 안녕 👍"


@pytest.mark.parametrize("emoji", [FAMILY, FLAG, THUMB, "안", "x"])
def test_a_key_takes_a_sequence_as_the_one_character_that_it_looks_like(emoji: str) -> None:
    text, before, after = f"a{emoji}b", 1, 1 + len(emoji)
    assert pressed(Keys.Backspace, text, after).text == "ab"
    assert pressed(Keys.Delete, text, before).text == "ab"
    assert pressed(Keys.Left, text, after).cursor_position == before
    assert pressed(Keys.Right, text, before).cursor_position == after


def test_one_sequence_of_several_goes_at_a_time() -> None:
    text = FLAG + THUMB
    assert pressed(Keys.Backspace, text, len(text)).text == FLAG
    assert pressed(Keys.Delete, text, 0).text == THUMB


def test_the_cursor_stands_where_the_line_shows_it() -> None:
    text = f"a{FAMILY}b{FLAG}c"
    shown = transformed(text)
    assert shown.fragments == [("", "a👨+b[KR]c")]
    family, b, flag, c = 1, 1 + len(FAMILY), 2 + len(FAMILY), 2 + len(FAMILY) + len(FLAG)
    assert [shown.source_to_display(one) for one in (0, family, b, flag, c, len(text))] == [0, 1, 3, 4, 8, 9]
    assert [shown.display_to_source(one) for one in (0, 3, 8, 9)] == [0, b, c, len(text)]


def test_a_line_without_sequences_is_left_as_it_is() -> None:
    fragments = [("class:x", "안녕 👍")]
    given: Any = SimpleNamespace(fragments=fragments)
    assert Steady().apply_transformation(given).fragments is fragments
