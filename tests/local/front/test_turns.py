from __future__ import annotations

import asyncio

import pytest

from chatops.local.front.turns import Turns


def peak(turns: Turns, jobs: int, seconds: float) -> int:
    """How many of some jobs ran at the same time."""
    running = most = 0

    async def job() -> None:
        nonlocal running, most
        async with turns:
            running += 1
            most = max(most, running)
            await asyncio.sleep(seconds)
            running -= 1

    async def all_jobs() -> None:
        await asyncio.gather(*(job() for _ in range(jobs)))

    asyncio.run(all_jobs())
    return most


def test_short_jobs_wait_for_each_other() -> None:
    assert peak(Turns(64, first=3, patience=5), 100, 0.001) == 3


def test_one_more_runs_each_time_that_none_ends_for_long() -> None:
    assert 4 <= peak(Turns(64, 2, 0.05, lambda: False), 20, 0.3) < 20


def test_no_more_run_while_the_machine_is_busy() -> None:
    assert peak(Turns(64, 2, 0.02, lambda: True), 8, 0.1) == 2


def test_they_are_few_again_when_nobody_waits() -> None:
    turns = Turns(64, 2, 0.05, lambda: False)
    assert peak(turns, 12, 0.3) > 2
    assert peak(turns, 50, 0.001) == 2


def test_never_more_than_the_most_run() -> None:
    assert peak(Turns(4, 2, 0.01, lambda: False), 12, 0.1) == 4


def test_they_run_in_the_order_in_which_they_came() -> None:
    order = []

    async def job(number: int, turns: Turns) -> None:
        async with turns:
            order.append(number)
            await asyncio.sleep(0)

    async def all_jobs() -> None:
        turns = Turns(64, first=1, patience=5)
        await asyncio.gather(*(job(number, turns) for number in range(5)))

    asyncio.run(all_jobs())
    assert order == [0, 1, 2, 3, 4]


def test_a_job_that_is_cancelled_gives_its_turn_away() -> None:
    async def scenario() -> None:
        turns = Turns(64, first=1, patience=5)
        async with turns:
            waiting = [asyncio.create_task(turns.__aenter__()) for _ in range(2)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting[0]
        await asyncio.wait_for(waiting[1], 1)

    asyncio.run(scenario())


def test_a_job_that_fails_gives_its_turn_back() -> None:
    async def scenario() -> None:
        turns = Turns(64, first=1, patience=5)
        with pytest.raises(ZeroDivisionError):
            async with turns:
                raise ZeroDivisionError
        async with turns:
            return

    asyncio.run(asyncio.wait_for(scenario(), 1))
