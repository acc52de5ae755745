"""What happens in the chat."""

from __future__ import annotations

from datetime import datetime, timezone

from ..ops.chat.client import Item
from ..ops.chat.wire import Message, Notice
from ..times import iso
from . import Document


def item_document(item: Item) -> Document:
    """What happened in the chat, with the time at which it arrived here."""
    now = iso(datetime.now(timezone.utc))
    if isinstance(item, Message):
        return {"event": "message", "time": now, "author": item.author, "text": item.text, "own": item.own}
    if isinstance(item, Notice):
        return {"event": "notice", "time": now, "code": item.code, "text": item.text}
    return {"event": "unconfirmed", "time": now, "message": item.message, "why": item.why}
