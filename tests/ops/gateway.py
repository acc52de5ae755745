"""An @connections endpoint whose answers are written down."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

from chatops.aws import Aws

NOON = datetime(2025, 1, 31, 12, tzinfo=timezone.utc)
LIVE = {
    "connectedAt": "2025-01-31T11:00:00.125Z",
    "lastActiveAt": "2025-01-31T11:59:30Z",
    "identity": {"sourceIp": "192.0.2.1", "userAgent": "wscat"},
}


class Quick(Aws):
    """AWS without the waiting."""

    def pause(self, seconds: float) -> None:
        pass


class Gateway:
    """An @connections endpoint whose answers are written down, by connection."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.posted: dict[str, bytes] = {}
        self.headers: list[str] = []
        self._lock = threading.Lock()

    def answer(self, method: str, connection_id: str, body: bytes, authorization: str) -> tuple[int, Any]:
        with self._lock:
            self.asked.append((method, connection_id))
            self.posted[connection_id] = body
            self.headers.append(authorization)
            answers = self.answers.get(connection_id, [(410, None)])
            return answers.pop(0) if len(answers) > 1 else answers[0]
