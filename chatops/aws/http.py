"""Requests that are made by hand, such as those to @connections, with the limits and reports of botocore's clients."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ConnectionError, ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from .attempts import CONNECT_SECONDS, RETRY_SECONDS
from .in_flight import CallsInFlight

READ_SECONDS = 10.0
"""How long an answer may take: such a request is retried a few times, and ends within a minute."""


class HttpSession(URLLib3Session):  # type: ignore[misc]
    """A pool of connections to one server. Once the server has not answered for RETRY_SECONDS, every request fails."""

    def __init__(self, calls: CallsInFlight, name: str, **options: Any) -> None:
        super().__init__(timeout=(CONNECT_SECONDS, READ_SECONDS), **options)
        self._calls, self._name = calls, name
        self._silent_since: float | None = None
        self._lock = threading.Lock()

    def send(self, request: Any) -> Any:
        """Return the answer. Raise ConnectionError instead of asking a server that does not answer once more."""
        host = urlsplit(request.url).hostname
        began = time.monotonic()
        with self._lock:
            silent_since = self._silent_since
        if silent_since is not None and began - silent_since >= RETRY_SECONDS:
            raise ConnectionError(error=f"{host} has not answered for {RETRY_SECONDS:.0f} seconds")
        try:
            with self._calls.waiting(f"Waiting for {host} ({self._name})"):
                answer = super().send(request)
        except (ConnectTimeoutError, ReadTimeoutError):
            with self._lock:
                self._silent_since = min(began, self._silent_since or began)
            raise
        with self._lock:
            self._silent_since = None
        return answer
