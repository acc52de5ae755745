"""Ctrl-C and SIGTERM: the first lets the calls in flight end, the next one ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import INTERRUPTED

ONE_PRESS = 1.0
"""Seconds within which a second signal is the same press: `timeout`, make and npm pass on what we got already."""
SHORT = 0.5
"""Seconds that need no word about what is waited for."""
WAITING = "\nStopping: calls in flight end first. Ctrl-C once more ends at once."


class Interrupt:
    """What a signal does to one run: sets `stop`, and raises KeyboardInterrupt, or not; the next one ends the process.

    `say` tells a person, and `leave` readies the terminal for the end. `so_far` is what is true for who interrupts now.
    """

    so_far = "Nothing was changed."

    def __init__(self, stop: threading.Event, say: Callable[[str], None], leave: Callable[[], None]) -> None:
        self._stop, self._say, self._make_ready = stop, say, leave
        self._pressed_at: float | None = None
        self._terminal: Terminal | None = None
        self._ended = threading.Event()

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within it the first signal raises KeyboardInterrupt; out of asyncio.run where a loop runs."""
        self._terminal = Terminal()
        try:
            with self._handling(_interrupt):
                yield
        finally:
            self._ended.set()
            self._terminal.restore()

    @contextmanager
    def letting_end(self) -> Iterator[None]:
        """Within it the first signal raises nothing: whoever works looks at `stop`."""
        with self._handling(lambda: None):
            yield

    @contextmanager
    def _handling(self, go_on: Callable[[], None]) -> Iterator[None]:
        def handle(*_: Any) -> None:
            now = time.monotonic()
            if self._pressed_at is None:
                self._pressed_at = now
                _elsewhere(self._begin)
                go_on()
            elif now - self._pressed_at > ONE_PRESS:
                _elsewhere(self._leave).join(SHORT)
                os._exit(INTERRUPTED)

        before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _begin(self) -> None:
        self._stop.set()
        if not self._ended.wait(SHORT):
            self._say(WAITING)

    def _leave(self) -> None:
        self._say(f"\nEnded at once. {self.so_far}")
        self._make_ready()
        if self._terminal:
            self._terminal.restore()


class Terminal:
    """The settings of the terminal that this process is controlled by, such as whether it echoes what is typed.

    A thread that asks for the code of an MFA device turns the echo off, and may not end before the process does.
    """

    def __init__(self) -> None:
        self._settings = self._read()

    def restore(self) -> None:
        """Set them as they were, if they differ and this process is in the foreground: else it would be stopped."""
        now = self._read()
        if self._settings is None or now is None or now == self._settings:
            return
        import termios

        with suppress(OSError, termios.error), Path("/dev/tty").open("rb", buffering=0) as terminal:
            if os.tcgetpgrp(terminal.fileno()) == os.getpgrp():
                termios.tcsetattr(terminal, termios.TCSANOW, self._settings)

    @staticmethod
    def _read() -> list[Any] | None:
        try:
            import termios
        except ImportError:  # Windows
            return None
        with suppress(OSError, termios.error), Path("/dev/tty").open("rb", buffering=0) as terminal:
            return termios.tcgetattr(terminal)
        return None


def _elsewhere(work: Callable[[], None]) -> threading.Thread:
    # A handler runs in the midst of the main thread, which may hold the lock that the work needs.
    thread = threading.Thread(target=work, name="interrupt", daemon=True)
    thread.start()
    return thread


def _interrupt() -> None:
    asyncio = sys.modules.get("asyncio")  # who has a loop has imported it, and nobody else pays for it
    try:
        loop = asyncio.get_running_loop() if asyncio else None
    except RuntimeError:
        loop = None
    if loop is None:
        raise KeyboardInterrupt
    # In its turn: in the middle of what a loop does, a raise may lose a callback, and with it a task that never ends.
    loop.call_soon_threadsafe(_raise)


def _raise() -> None:
    raise KeyboardInterrupt
