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
PROBE_SECONDS = 5.0
"""How long requests to a silent server fail at once, until one of them is sent again."""


class HttpSession(URLLib3Session):  # type: ignore[misc]
    """A pool of connections to one server.

    Once the server has not answered for RETRY_SECONDS, requests fail at once, except one every PROBE_SECONDS: when
    that one gets an answer, all are sent again.
    """

    def __init__(self, calls: CallsInFlight, name: str, **options: Any) -> None:
        super().__init__(timeout=(CONNECT_SECONDS, READ_SECONDS), **options)
        self._calls, self._name = calls, name
        self._silent_since: float | None = None
        self._answered_at = self._probe_at = 0.0
        self._lock = threading.Lock()

    def send(self, request: Any) -> Any:
        """Return the answer. Raise ConnectionError, without sending, while the server is silent and no probe is due."""
        host = urlsplit(request.url).hostname
        began = time.monotonic()
        with self._lock:
            silent_seconds = 0.0 if self._silent_since is None else began - self._silent_since
            if self._silent_since is not None and silent_seconds >= RETRY_SECONDS:
                if began < self._probe_at:
                    raise ConnectionError(error=f"{host} has not answered for {silent_seconds:.0f} seconds")
                # Nothing else is sent while the probe waits.
                self._probe_at = began + CONNECT_SECONDS + READ_SECONDS + PROBE_SECONDS
        try:
            with self._calls.waiting(f"Waiting for {host} ({self._name})"):
                answer = super().send(request)
        except (ConnectTimeoutError, ReadTimeoutError):
            with self._lock:
                began = max(began, self._answered_at)
                self._silent_since = began if self._silent_since is None else min(began, self._silent_since)
                self._probe_at = time.monotonic() + PROBE_SECONDS
            raise
        except Exception:
            # A server that refuses or resets connections is not silent.
            self._end_silence()
            raise
        except BaseException:
            with self._lock:
                self._probe_at = 0.0
            raise
        self._end_silence()
        return answer

    def _end_silence(self) -> None:
        with self._lock:
            self._silent_since, self._answered_at = None, time.monotonic()
