"""What happens in the chat, as documents."""

from __future__ import annotations

from chatops.documents.chat import item_document
from chatops.ops.chat.outbox import Unconfirmed
from chatops.ops.chat.wire import Message, Notice


def test_items_are_documents_for_a_program() -> None:
    assert item_document(Message("a", "x\x1b", own=True)).items() >= {
        "event": "message", "author": "a", "text": "x\x1b", "own": True,
    }.items()  # fmt: skip
    assert (
        item_document(Notice("Forbidden", "no")).items()
        >= {"event": "notice", "code": "Forbidden", "text": "no"}.items()
    )
    unconfirmed = item_document(Unconfirmed("<a> x", "why"))
    assert unconfirmed.items() >= {"event": "unconfirmed", "message": "<a> x", "why": "why"}.items()
    assert unconfirmed["time"].endswith("Z")
