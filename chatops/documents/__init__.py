"""What `--json` prints: plain documents made from plans, events and connections. Their shape is a promise."""

from __future__ import annotations

from typing import Any

from ..errors import explain

Document = dict[str, Any]


def error_document(error: BaseException) -> Document:
    """An error: its code, what happened, why, and what to do next."""
    told = explain(error)
    return {"event": "error", "code": told.code, "what": told.what, "why": told.why, "hint": told.hint}
