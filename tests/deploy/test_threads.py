"""Thread pools end with all of their threads, also when Ctrl-C comes in the midst of a start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from chatops.deploy import threads
from chatops.deploy.threads import result_of, thread_pool


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """Set after a moment."""
    event = threading.Event()
    timer = threading.Timer(0.2, event.set)
    timer.start()
    yield event
    timer.join()


@pytest.fixture
def _interrupted_start(go_on: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises KeyboardInterrupt in the next start of a thread, which runs all the same."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", start)
        start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)


@pytest.mark.usefixtures("_interrupted_start")
def test_a_thread_whose_start_was_interrupted_is_waited_for(go_on: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        go_on.wait(30)
        ended.set()

    with pytest.raises(KeyboardInterrupt), thread_pool(2, "test") as pool:
        pool.submit(work)
    assert ended.is_set()


def test_after_ctrl_c_what_has_not_begun_is_not_begun(go_on: threading.Event) -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        go_on.wait(30)

    with pytest.raises(KeyboardInterrupt), thread_pool(1, "test") as pool:
        for number in range(5):
            pool.submit(work, number)
        raise KeyboardInterrupt
    assert begun in ([], [0])


def test_an_error_cancels_nothing() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="ours"), thread_pool(1, "test") as pool:
        for number in range(5):
            pool.submit(done.append, number)
        raise ValueError("ours")
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("error", [ValueError("ours"), TimeoutError("of the work itself")])
def test_the_result_or_the_error_of_a_future_is_given(go_on: threading.Event, error: Exception) -> None:
    def fail() -> None:
        go_on.wait(30)
        raise error

    with thread_pool(2, "test") as pool:
        assert result_of(pool.submit(lambda: go_on.wait(30))) is True
        with pytest.raises(type(error), match=str(error)):
            result_of(pool.submit(fail))


def test_a_signal_just_before_the_wait_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread blocks without a limit, whatever becomes of the signal."""
    limits: list[float | None] = []
    future: Future[str] = Future()

    def wait(_: object, timeout: float | None = None) -> None:
        limits.append(timeout)
        if len(limits) == 3:
            future.set_result("done")

    monkeypatch.setattr(threads, "wait", wait)
    assert result_of(future) == "done"
    assert limits == [threads.NOTICE_SECONDS] * 3
