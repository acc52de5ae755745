"""What happens in the chat, in words: for a terminal, for a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from ...text import visible
from ..connections import Connection
from .client import Item
from .outbox import Unconfirmed
from .wire import Message, shown

OURS = ("", "Connected", "Disconnected")
"""The codes of notices that did not travel."""
SENTENCES = {
    "Forbidden": "The server does not accept such messages (Forbidden).",
    "Internal server error": "The server had a problem; `chatops logs` may tell which.",
    "Endpoint request timed out": "The server did not finish in time; some may not have got the message.",
    "Too Many Requests": "Messages come too fast for the server.",
    "Limit Exceeded": "Messages come too fast for the server.",
    "MessageTooLarge": "The message is too large for the server.",
    "Incomplete": "The server did not reach everybody.",
    "TableUnreadable": "The server could not find out who is connected; nobody got the message.",
}
"""Errors in words of our own: anybody in the chat can send what looks like an error, and it must not speak for us."""
HELP = """\
/who         who is connected
/nick NAME   change your name
/quit        leave; so do Ctrl-D and Ctrl-C
//text       say "/text"
Everything else is said to everybody. Up and Down bring back what you wrote."""


def name(author: str) -> str:
    """A stranger's name as it is shown."""
    return visible(author).strip() or "?"


def plain(item: Item, limit: int | None = None) -> str:
    """An item as one line, with further lines indented."""
    if isinstance(item, Message):
        text = shown(item.text, limit)
        return text if item.author is None else f"<{name(item.author)}> {text}"
    if isinstance(item, Unconfirmed):
        return f"Not confirmed ({item.why}): {shown(item.message, limit)}"
    if item.code in OURS:
        return shown(item.text, limit)
    return SENTENCES.get(item.code) or f"The server reported an error ({visible(item.code, limit=40)})."


def roll(connections: Iterable[Connection], rows: int) -> str:
    """Who is connected, a line each; `rows` is how many stand in the table."""
    now = datetime.now(timezone.utc)
    live = [one for one in connections if one.is_live]
    lines = [f"{len(live)} connected"]
    for one in live:
        minutes, seconds = divmod(one.age_seconds(now) or 0, 60)
        client = visible(one.user_agent or "", limit=30)
        address = visible(one.source_ip or "")
        lines.append(f"{minutes:3}m{seconds:02}s  {visible(one.connection_id):<18}{address:<16}{client}")
    return "\n".join(lines)
