"""One WebSocket connection of the chat's client, how long things may take on it, and two of them side by side."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

ABNORMAL = 1006
"""What stands for WebSocket's close code where none came."""


@dataclass(frozen=True)
class Times:
    """All in seconds."""

    opening: float = 20.0
    """For a handshake, which waits for the connect function."""
    heartbeat: float = 120.0
    """Between pings. The handler answers them; nobody promises that API Gateway answers WebSocket's own pings."""
    answer: float = 10.0
    """For any sign of life after a ping."""
    renewal: float = 100 * 60.0
    """Age at which a connection is replaced, plus up to a tenth, so that not all clients do it at once."""
    overlap: float = 30.0
    """For which the old connection is still heard: a broadcast may have begun before the fresh one was known."""
    settled: float = 20.0
    """Life after which a connection shows that the server is well, and the delays begin anew."""
    first_delay: float = 1.0
    longest_delay: float = 30.0

    def delay(self, failures: int) -> float:
        """The time to wait after so many failures in a row.

        Exponential, with full jitter, so that clients that lost the server together do not come back together.
        """
        ceiling = min(self.longest_delay, self.first_delay * 2 ** min(max(failures - 1, 0), 10))
        return random.uniform(self.first_delay / 4, max(self.first_delay / 4, ceiling))  # noqa: S311


@dataclass(eq=False)
class Line:
    """One WebSocket connection. `renew_at` is in seconds of the epoch."""

    socket: Any
    renew_at: float
    reading: asyncio.Task[None] = field(init=False)
    since_ping: float = 0.0
    is_asked: bool = False
    """Whether nothing was heard since the last ping."""
    pings: int = 0
    """Pings whose own answer is due."""

    def heard(self) -> None:
        """To be called for every frame: whatever it is, the other end lives."""
        self.is_asked = False

    def doubt(self, times: Times) -> None:
        """Asks for a sign of life at the next opportunity."""
        self.since_ping = max(self.since_ping, times.heartbeat) if not self.is_asked else self.since_ping

    def needs_ping(self, step: float, times: Times, *, in_doubt: bool) -> bool:
        """Takes the seconds since the last call. Raises TimeoutError when a ping went unanswered for too long."""
        self.since_ping += step
        if self.is_asked and self.since_ping >= times.answer:
            raise asyncio.TimeoutError
        due = times.answer if in_doubt else times.heartbeat
        if self.is_asked or self.since_ping < due:
            return False
        self.since_ping, self.is_asked = 0.0, True
        self.pings += 1
        return True

    @property
    def epitaph(self) -> str:
        """How it ended."""
        if self.is_asked:
            return "it fell silent"
        code, reason = self.socket.close_code, self.socket.close_reason
        return f"{code} {reason or ''}".strip() if code not in (None, ABNORMAL) else "without a word"


class Overlap:
    """Tells what is new while two connections bring the same broadcasts, and one of them perhaps a broadcast more.

    Frames carry no id, so a text counts as often as the connection that brought it most often.
    """

    def __init__(self) -> None:
        self._brought: defaultdict[Line, Counter[str]] = defaultdict(Counter)
        self._accepted: Counter[str] = Counter()

    def accepts(self, line: Line, frame: str) -> bool:
        """Whether this frame on this line is new."""
        self._brought[line][frame] += 1
        if self._brought[line][frame] <= self._accepted[frame]:
            return False
        self._accepted[frame] += 1
        return True
