"""Throttling: the token bucket of a route.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """What a stage allows one route: requests per second, and how many at once."""

    rate: float
    burst: float


class Throttles:
    """One bucket for each route of each stage. A limit that changes starts with a full bucket."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, ...], tuple[Limit, float, float]] = {}

    def allows(self, limit: Limit | None, *route: str) -> bool:
        """Takes a token from the route's bucket, if there is one; a route without a limit always goes on."""
        if limit is None:
            return True
        now = self._clock()
        known, tokens, since = self._buckets.get(route, (limit, limit.burst, now))
        if known != limit:
            tokens, since = limit.burst, now
        tokens = min(limit.burst, tokens + (now - since) * limit.rate)
        allowed = tokens >= 1
        self._buckets[route] = (limit, tokens - allowed, now)
        return allowed
