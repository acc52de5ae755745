from __future__ import annotations

from chatops.local.front.throttle import Limit, Throttles


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_let_through_and_no_more() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html"""
    throttles = Throttles(Clock())
    assert [throttles.allows(Limit(1, 3), "api", "stage", "route") for _ in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_tokens_come_back_at_the_rate_and_never_more_than_the_burst() -> None:
    clock = Clock()
    throttles, limit = Throttles(clock), Limit(2, 3)
    while throttles.allows(limit, "route"):
        pass
    clock.now += 0.5
    assert [throttles.allows(limit, "route") for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [throttles.allows(limit, "route") for _ in range(4)] == [True, True, True, False]


def test_every_route_has_a_bucket_of_its_own() -> None:
    throttles = Throttles(Clock())
    assert throttles.allows(Limit(1, 1), "a")
    assert throttles.allows(Limit(1, 1), "b")
    assert not throttles.allows(Limit(1, 1), "a")


def test_a_limit_that_changes_starts_with_a_full_bucket() -> None:
    throttles = Throttles(Clock())
    assert throttles.allows(Limit(1, 1), "a")
    assert throttles.allows(Limit(1, 2), "a")


def test_a_limit_of_nothing_lets_nothing_through_and_no_limit_everything() -> None:
    throttles = Throttles(Clock())
    assert not throttles.allows(Limit(0, 0), "a")
    assert all(throttles.allows(None, "b") for _ in range(10_000))
