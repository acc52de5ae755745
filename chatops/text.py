"""Text that arrives from others, made safe to show."""

from __future__ import annotations

import unicodedata

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
JOINER, SELECTOR = "\u200d", "\ufe0f"


def visible(text: str, *, limit: int | None = None) -> str:
    """The text on one line, with everything that a terminal would obey, hide or turn round written out.

    Control characters, escape sequences, bidi overrides, lone surrogates and the like become `\\x1b`, `\\u202e`, …;
    emoji keep their joiners. Longer than `limit` characters, it ends with an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(one if _is_harmless(one) else one.encode("unicode_escape").decode() for one in text)


def _is_harmless(character: str) -> bool:
    return character in (JOINER, SELECTOR) or unicodedata.category(character) not in HIDDEN
