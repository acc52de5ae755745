"""What the functions wrote to their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..times import iso
from . import Document

if TYPE_CHECKING:
    from ..ops.logs import Line


def line_document(line: Line) -> Document:
    """One log event."""
    known = {"connection_id": line.connection_id, "request_id": line.request_id}
    told = {"time": iso(line.time), "function": line.function, "message": line.message}
    return told | {key: value for key, value in known.items() if value}
