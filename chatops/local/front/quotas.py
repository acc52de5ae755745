"""What API Gateway allows, in bytes and seconds.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FRAME = 32 * 1024
MESSAGE = 128 * 1024
REQUEST_BODY = 10 * 1024 * 1024
"""The largest HTTP request that API Gateway reads at all."""

OUTBOUND = 512 * 1024
"""How much may wait for a client that reads slowly before posting to it is refused. AWS names no number."""


@dataclass(frozen=True)
class Quotas:
    """The waits that end in something, in seconds."""

    idle: float = 600.0
    life: float = 7200.0

    def scaled(self, by: float) -> Quotas:
        """The same waits on a clock that makes them `by` times as long: 0.01 turns ten minutes into six seconds."""
        return replace(self, idle=self.idle * by, life=self.life * by)
