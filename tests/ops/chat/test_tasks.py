"""Tasks that end together, limits that lose nothing, and blocking calls that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from chatops.ops.chat.tasks import first_of, in_thread, within

NEVER = 3600.0


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_when_one_ends_the_others_are_ended_and_have_cleaned_up() -> None:
    async def scene() -> list[str]:
        said: list[str] = []

        async def long() -> None:
            try:
                await asyncio.sleep(NEVER)
            finally:
                await asyncio.sleep(0)
                said.append("cleaned up")

        async def short() -> None:
            await asyncio.sleep(0)
            said.append("ended")

        await first_of(long(), short())
        return list(said)

    assert run(scene()) == ["ended", "cleaned up"]


def test_the_error_of_the_first_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run(first_of(asyncio.sleep(NEVER), fail()))


def test_what_is_cancelled_from_outside_ends_all_of_them() -> None:
    async def scene() -> bool:
        ended, begun = asyncio.Event(), asyncio.Event()

        async def long() -> None:
            begun.set()
            try:
                await asyncio.sleep(NEVER)
            finally:
                ended.set()

        task = asyncio.create_task(first_of(long()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended.is_set()

    assert run(scene())


def test_what_takes_too_long_is_ended_and_what_does_not_gives_its_result() -> None:
    async def scene() -> None:
        slow = asyncio.ensure_future(asyncio.sleep(NEVER))
        with pytest.raises(asyncio.TimeoutError):
            await within(0, slow)
        await asyncio.wait({slow})
        assert slow.cancelled()
        assert await within(NEVER, asyncio.sleep(0, "done")) == "done"

    run(scene())


def test_a_cancellation_that_comes_together_with_the_result_is_not_swallowed() -> None:
    """asyncio.wait_for of Python 3.10 and 3.11 gives the result, and goes on for ever."""

    async def scene() -> None:
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(NEVER, result))
        await asyncio.sleep(0)
        result.set_result("done")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(scene())


def test_what_a_blocking_call_gives_or_raises_comes_out_of_its_thread() -> None:
    assert run(in_thread(threading.current_thread)) is not threading.main_thread()

    def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run(in_thread(fail))


def test_nobody_waits_for_a_blocking_call_when_the_program_ends_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", broken.append)
    begun, go_on = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def block() -> None:
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(20)

    async def leave() -> None:
        task = asyncio.create_task(in_thread(block))
        while not begun.is_set():
            await asyncio.sleep(0)
        task.cancel()

    run(leave())
    (thread,) = threads
    assert thread.is_alive() and thread.daemon
    go_on.set()
    thread.join(20)
    assert not thread.is_alive()
    assert broken == [], "its answer, for which no loop is left, hurts nobody"
