"""What AWS refuses for a while is asked for again, and whoever watches is told of the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ..deploy.resource import progress

LIMIT = 90.0
"""Seconds for which a call is made again."""

LONGER = {"DeleteApi"}
"""Operations that are refused for longer than that: who makes them waits for them."""

BEGAN = "chatops_refused_since"


def pause_after(waited: float) -> float:
    """How long to wait before the next try, in seconds: ever longer."""
    return min(max(0.6, waited / 20), 3.0)


def countdown(waited: float, limit: float) -> str:
    """How long a call has been refused, and for how long it will still be made again."""
    return f"({waited:.0f} s, {max(limit - waited, 0):.0f} s left)"


class Patience:
    """Decides for a client whether a refused call is made again, before botocore does: it would wait in silence.

    `passes` says whether a refusal passes by itself; `pause` waits.
    """

    def __init__(self, service: str, passes: Callable[[ClientError], bool], pause: Callable[[float], None]) -> None:
        self._service, self._passes, self._pause = service, passes, pause

    def __call__(self, response: Any, operation: Any, request_dict: Any, **_: Any) -> float | None:
        """Gives 0 to make the call again now, and nothing to leave the decision to botocore. Raises the refusal."""
        if response is None or response[0].status_code < 400:
            return None
        error = ClientError(response[1], operation.name)
        if not self._passes(error):
            return None
        waited = time.monotonic() - request_dict["context"].setdefault(BEGAN, time.monotonic())
        if waited >= LIMIT or operation.name in LONGER:
            raise error
        progress(f"{self._service} does not take {operation.name} now; trying again {countdown(waited, LIMIT)}")
        self._pause(pause_after(waited))
        return 0.0
