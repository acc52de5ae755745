"""How fast calls may go out."""

from __future__ import annotations

import threading
import time


class RateLimit:
    """A token bucket: lets `burst` calls through at once and `rate` per second after that."""

    def __init__(self, rate: float, burst: float, stop: threading.Event | None = None) -> None:
        self._rate, self._burst, self._stop = rate, burst, stop or threading.Event()
        self._tokens, self._at = burst, time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next call may go out."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            owed = -self._tokens / self._rate
        if owed > 0:
            self._stop.wait(owed)
