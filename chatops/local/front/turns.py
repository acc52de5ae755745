"""How many functions run at the same time.

On AWS a thousand do. Here each is a process that takes a second of a core to start and some 50 MB to keep, and an
event that waits for a warm one is served sooner than one that starts another. So few run at first. One more is allowed
whenever somebody waits, none has ended for two seconds, and the machine is not busy: functions that wait for something,
and not for a core. When nobody waits any more, it is few again.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

CORES = os.cpu_count() or 1
FIRST = CORES + 2
PATIENCE = 2.0


def is_machine_busy() -> bool:
    """Whether twice as many processes want a core as there are cores; unknown, so no, on Windows."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 2 * CORES


class Turns:
    """`async with` it to run. First come, first served; `most` at once at most."""

    def __init__(
        self,
        most: int,
        first: int = FIRST,
        patience: float = PATIENCE,
        is_busy: Callable[[], bool] = is_machine_busy,
    ) -> None:
        self._most = most
        self._first = self._allowed = min(first, most)
        self._patience = patience
        self._is_busy = is_busy
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._impatience: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        if self._running < self._allowed:
            self._running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._impatience is None:
            self._be_patient()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()
        if self._waiting:
            self._be_patient()
        else:
            self._allowed = max(self._first, self._running)

    def _leave(self) -> None:
        self._running -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._running < self._allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)

    def _be_patient(self) -> None:
        if self._impatience:
            self._impatience.cancel()
        self._impatience = asyncio.get_running_loop().call_later(self._patience, self._lose_patience)

    def _lose_patience(self) -> None:
        self._impatience = None
        if not self._waiting:
            return
        if self._allowed < self._most and not self._is_busy():
            self._allowed += 1
            self._let_in()
        self._be_patient()
