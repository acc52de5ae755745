"""How fast calls go out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chatops.aws.rate import RateLimit

from .conftest import Clock


def test_a_burst_goes_out_at_once(clock: Clock) -> None:
    limit = RateLimit(10, 5, stop=clock)
    for _ in range(5):
        limit.wait()
    assert clock.waits == []


def test_after_the_burst_calls_go_out_at_the_rate(clock: Clock) -> None:
    limit = RateLimit(10, 5, stop=clock)
    for _ in range(25):
        limit.wait()
    assert clock.now == pytest.approx(1000 + 20 / 10)
    assert clock.waits == pytest.approx([0.1] * 20)


def test_callers_that_come_at_the_same_moment_are_spread_out(clock: Clock) -> None:
    limit = RateLimit(10, 1, stop=clock)
    owed = []
    for _ in range(4):
        clock.now = 1000.0
        clock.waits.clear()
        limit.wait()
        owed.append(sum(clock.waits))
    assert owed == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_rest_gives_the_burst_back_and_not_more(clock: Clock) -> None:
    limit = RateLimit(10, 5, stop=clock)
    for _ in range(5):
        limit.wait()
    clock.now += 3600
    for _ in range(5):
        limit.wait()
    assert clock.waits == []
    limit.wait()
    assert clock.waits == pytest.approx([0.1])


def test_a_stopped_run_does_not_wait_for_its_turn(clock: Clock) -> None:
    limit = RateLimit(0.001, 1, stop=clock)
    clock.set()
    for _ in range(3):
        limit.wait()
    assert clock.waits == []


def test_threads_share_one_rate(clock: Clock) -> None:
    limit = RateLimit(10, 2, stop=clock)
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(limit.wait) for _ in range(40)]:
            future.result()
    assert len(clock.waits) <= 38
    assert clock.now >= 1000 + 38 / 10 - 0.001
