"""Thread pools for the main thread, in which Ctrl-C is raised wherever it is."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

NOTICE_SECONDS = 0.2
_numbers = itertools.count(1)


def result_of(future: Future[T]) -> T:
    """Return the result of a future, or raise its error, without missing Ctrl-C.

    A signal that arrives just before the main thread blocks is handled when the thread wakes up, so it never blocks
    for long: https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers
    """
    while not future.done():
        wait([future], timeout=NOTICE_SECONDS)
    return future.result()


@contextmanager
def thread_pool(workers: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool that is left once all of its threads have ended. After Ctrl-C, what has not begun is not begun.

    An executor by itself does not wait for a thread in whose start Ctrl-C was raised: it counts it only afterwards.
    """
    prefix = f"{name}-{next(_numbers)}"
    executor = ThreadPoolExecutor(workers, thread_name_prefix=prefix)
    try:
        yield executor
    except KeyboardInterrupt:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        executor.shutdown()
        for thread in threading.enumerate():
            if thread.name.startswith(f"{prefix}_"):
                thread.join()
