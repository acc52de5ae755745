"""Text that arrives from others, made safe to show."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ASSIGNED = r"""(?:["']?\s*(?:=|%3D|:|>)|["']\s*,)\s*(?:b(?=["']))?["']?"""
"""Between a name and its value: in a query, a header, JSON, XML, or Python's mappings and tuples."""
SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(X-Amz-(?:Signature|Credential|Security-Token){ASSIGNED})[^\s&\"'<>]+",
        rf"(Authorization{ASSIGNED})[^\"'\r\n]+",
        r"(AWS4-HMAC-SHA256 )[^\"'\r\n]+",
        rf"((?:secret|session|security)[_-]?(?:access[_-]?)?(?:key|token){ASSIGNED})[^\s,\"'}}&<>]+",
        r"(?<![A-Z0-9])((?:AKIA|ASIA))[A-Z0-9]{12,}",
    )
)
"""What must never be shown; the first group of each is what stays."""
JOINER, SELECTOR = "\u200d", "\ufe0f"


def visible(text: str, *, limit: int | None = None) -> str:
    """The text on one line, with everything that a terminal would obey, hide or turn round written out.

    Control characters, escape sequences, bidi overrides, lone surrogates and the like become `\\x1b`, `\\u202e`, …;
    emoji keep their joiners. Longer than `limit` characters, it ends with an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(one if _is_harmless(one) else one.encode("unicode_escape").decode() for one in text)


def visible_lines(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(visible(line) for line in text.split("\n"))


def redacted(text: str) -> str:
    """The text without what signs or proves who somebody is: signed queries, Authorization headers, keys, tokens."""
    for secret in SECRETS:
        text = secret.sub(lambda found: f"{found[1]}…", text)
    return text


def without_user(url: str) -> str:
    """Return a URL without the user name and the password that it may hold."""
    scheme, separator, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def _is_harmless(character: str) -> bool:
    return character in (JOINER, SELECTOR) or unicodedata.category(character) not in HIDDEN
