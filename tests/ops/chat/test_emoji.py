"""Emoji of several characters, in the line that is being typed."""

from __future__ import annotations

from chatops.ops.chat.emoji import steady


def test_emoji_of_several_characters_take_a_width_that_no_terminal_doubts() -> None:
    assert steady("👋🏽 👨‍👩‍👧 ❤️ 🇰🇷 1️⃣ 안녕 👍") == "👋+ 👨+ ❤ [KR] 1+ 안녕 👍"
