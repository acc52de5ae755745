"""Text that arrives from others, made safe to show."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

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
        # A user name and a password in a URL, up to the last @: passwords may hold a / that nobody encoded.
        # Digits and a / are a port and a path, as in http://127.0.0.1:4566/x/@connections/y.
        r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:/+)(?!\[)"
        r"[^\s/?#@:\"'<>]{0,1024}:(?!\d*[/?#])[^\s\"'<>]{0,1024}(?=@)",
    )
)
"""What must never be shown; the first group of each is what stays."""
SCHEMES = re.compile(r"(?:(?:https?|wss?|socks\w{0,2})://){0,2}", re.IGNORECASE)
"""The start of a URL; two where botocore put http:// before the URL of a proxy of another kind."""
MIN_FRAGMENT_CHARACTERS = 3
"""How long a part of a proxy's password is that is redacted by itself."""
JOINER, SELECTOR = "\u200d", "\ufe0f"


def visible(text: str, *, limit: int | None = None) -> str:
    """The text on one line, with everything that a terminal would obey, hide or turn round written out.

    Control characters, escape sequences, bidi overrides, lone surrogates and the like become `\\x1b`, `\\u202e`, …;
    emoji keep their joiners. Longer than `limit` characters, it ends with an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():  # which is nearly every text, and one call instead of one for each character
        return text
    return "".join(one if _is_harmless(one) else one.encode("unicode_escape").decode() for one in text)


def visible_lines(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(visible(line) for line in text.split("\n"))


def redacted(text: str) -> str:
    """Return the text without signed queries, Authorization headers, keys, tokens and passwords of URLs."""
    for secret in SECRETS:
        text = secret.sub(lambda found: f"{found[1]}…", text)
    for secret_text in sorted(_proxy_secrets(), key=len, reverse=True):
        before = r"(?<!\w)" if re.match(r"\w", secret_text) else ""
        after = r"(?!\w)" if re.search(r"\w\Z", secret_text) else ""
        text = re.sub(before + re.escape(secret_text) + after, "…", text)
    return text


def without_user(url: str) -> str:
    """Return a URL without user name and password: without all that stands before its last @, the scheme excepted.

    A password may hold a /, # or ? that nobody encoded, so the URL cannot be split as a valid one.
    """
    userinfo, _, rest = url.rpartition("@")
    schemes = SCHEMES.match(userinfo)
    return (schemes[0] if schemes else "") + rest


def _proxy_secrets() -> Iterator[str]:
    """Yield the credentials in the *_proxy variables, and the parts of them that a parser may take for something else.

    Errors quote such parts without the URL: "Failed to parse: 'user:s3c'", "Port could not be cast … 's3c'".
    """
    for name, url in os.environ.items():
        if not name.lower().endswith("_proxy") or "@" not in url:
            continue
        userinfo = re.sub(r"^(?:[a-z][a-z0-9+.-]*:/+)?", "", url.rpartition("@")[0], flags=re.IGNORECASE)
        user, colon, password = userinfo.partition(":")
        if not colon:
            # The name alone may be any word; with the @ behind it, it is a token.
            yield from {f"{one}@" for one in (user, unquote(user)) if one}
            continue
        for secret in {password, unquote(password)}:
            parts = [secret, *re.split(r"[/?#@:]", secret)]
            yield from (part for part in parts if len(part) >= MIN_FRAGMENT_CHARACTERS)
            yield from (f"{user}:{part}" for part in parts[:2] if part)


def _is_harmless(character: str) -> bool:
    return character in (JOINER, SELECTOR) or unicodedata.category(character) not in HIDDEN
