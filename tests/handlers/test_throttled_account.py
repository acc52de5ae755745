"""An account that takes far fewer posts a second than there are connections, in virtual time."""

import asyncio
import random
from typing import Any

import http1
import pytest
from fanout import Found, post_to_all

LATENCY = 0.015


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to whatever comes next."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        selector: Any = vars(self)["_selector"]
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            self._now += timeout or 0
            return select(0)

        selector.select = jump

    def time(self) -> float:
        return self._now


class Account:
    """In the endpoint's place: takes `rate` posts a second, and `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.loop = VirtualTime()
        self.stalled: dict[str, float] = {}
        self._rate = rate
        self._burst = self._tokens = burst
        self._counted_at = 0.0

    def take(self) -> None:
        return None

    def keep(self, http: "Http") -> None:
        pass

    async def addresses(self) -> list[None]:
        return [None]

    async def connect(self, address: None) -> "Http":
        return Http(self)

    def request(self, connection_id: str, message: bytes, message_sha256: str) -> bytes:
        return message

    def takes_a_post(self) -> bool:
        now = self.loop.time()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._rate)
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Http:
    """A connection to it, on which every answer takes as long."""

    is_open = True

    def __init__(self, account: Account) -> None:
        self._account = account

    async def request(self, data: bytes, timeout: float) -> http1.Reply:
        await asyncio.sleep(LATENCY)
        return http1.Reply(200 if self._account.takes_a_post() else 429, b"", is_last=False)


@pytest.mark.parametrize(("connections", "rate", "burst"), [(10_000, 500, 500), (10_000, 500, 1), (20_000, 1000, 500)])
@pytest.mark.slow
def test_an_account_that_is_throttled_loses_nobody(connections: int, rate: float, burst: float) -> None:
    random.seed(5)
    account: Any = Account(rate, burst)

    async def read(found: Found) -> None:
        found([str(number) for number in range(connections)])

    outcome = post_to_all(account, b"Hello", read, seconds=25.2)

    assert (outcome.sent, outcome.failed, outcome.unreached) == (connections, [], 0)
    assert outcome.retried < 2 * connections
    account.loop.close()
