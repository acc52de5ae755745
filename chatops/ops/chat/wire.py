"""What travels over the chat's WebSocket, as docs/wire-format.md says it in words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ...errors import UsageError
from ...text import visible

NICK_LIMIT = 32
"""UTF-16 units, which is what the web page counts in."""
MESSAGE_LIMIT = 128 * 1024
"""Bytes that API Gateway takes as one message, in frames of 32 KB at most.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""
FRAGMENT = 8_000
"""Characters of a message that go into one frame: at most 32,000 bytes."""
PING, PONG = "ping", "pong"

REFUSALS = ("Forbidden", "Too Many Requests", "Limit Exceeded")
"""API Gateway's sentences for a message that has reached no function."""

SPOKEN = re.compile(r"<([^<>\n]+)> (.*)", re.DOTALL)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Message:
    """What somebody said. Without an author it came from a client that names none; `own` came from here."""

    author: str | None
    text: str
    own: bool = False


@dataclass(frozen=True)
class Notice:
    """Something to know that nobody said: an error frame, or what became of the connection.

    `refused` is true when the server certainly broadcast nothing.
    """

    code: str
    text: str
    refused: bool = False


def compose(nick: str, text: str) -> str:
    """The text that everybody gets: `<nick> text`."""
    # Half of a surrogate pair cannot be written as UTF-8: the server would refuse it.
    return LONE_SURROGATE.sub("\ufffd", f"<{nick}> {text}")


def fragments(message: str) -> list[str]:
    """The message as one WebSocket message, in as many frames as it needs."""
    body = json.dumps({"action": "sendMessage", "message": message}, ensure_ascii=False)
    return [body[start : start + FRAGMENT] for start in range(0, len(body), FRAGMENT)]


def excess(message: str) -> int:
    """Bytes by which a message is longer than API Gateway takes; 0 when it fits."""
    return max(0, sum(len(one.encode()) for one in fragments(message)) - MESSAGE_LIMIT)


def spoken(frame: str, *, own: bool = False) -> Message:
    """The message in a broadcast; one that is not `<nick> text` has no author."""
    found = SPOKEN.fullmatch(frame)
    if found and _units(found[1]) <= NICK_LIMIT:
        return Message(found[1], found[2], own)
    return Message(None, frame, own)


def notice_in(frame: str) -> Notice | None:
    """The error that a frame carries, if it looks like one: our handler's `error`, or API Gateway's own sentence."""
    if not frame.startswith("{") or len(frame) > 4096:
        return None
    try:
        body = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    code, text = body.get("error"), body.get("message")
    if not isinstance(text, str) or not isinstance(body.get("requestId"), str):
        return None
    if isinstance(code, str):
        # An incomplete broadcast reached some; for every other code nothing was broadcast.
        return Notice(code, text, refused=code != "Incomplete")
    if isinstance(body.get("connectionId"), str):
        return Notice(text, text, refused=text in REFUSALS)
    return None


def checked_nick(nick: str) -> str:
    """The name, fit to travel as `<name>`. Raises UsageError when it is not."""
    nick = nick.strip()
    if not nick or visible(nick) != nick or re.search("[<>\n]", nick) or _units(nick) > NICK_LIMIT:
        why = f"a name has 1 to {NICK_LIMIT} characters, no < or >, and nothing invisible"
        raise UsageError("not-a-name", f"{visible(nick, limit=40)!r} cannot be a name", why, "For example: --nick yu")
    return nick


def cleaned_nick(name: str) -> str:
    """A name like this one that can be used, such as for a login name; `me` when nothing is left of it."""
    kept = "".join(one for one in name if one not in "<>" and visible(one) == one).strip()
    while _units(kept) > NICK_LIMIT:
        kept = kept[:-1]
    return kept.strip() or "me"


def shown(text: str, limit: int | None = None) -> str:
    """A message's text as it is safe to print: hidden characters written out, each further line indented.

    Longer than `limit` characters, it is cut off and says so.
    """
    rest = len(text) - limit if limit else 0
    lines = (text[:limit] if rest > 0 else text).split("\n")
    more = f" … and {rest} more characters" if rest > 0 else ""
    return "\n    ".join(visible(line.replace("\t", "  ")) for line in lines) + more


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
