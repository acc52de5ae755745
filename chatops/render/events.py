"""The events of an apply, as they happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from ..deploy import events
from ..deploy.plan import Action
from ..errors import Explanation, explain
from ..text import visible
from .steps import LOOKS, explained

EVERY = 10.0
"""Seconds between two lines about what a step waits for, where lines cannot be changed."""
Told = Callable[[Explanation, str], Text]


@contextmanager
def live_board(console: Console, told: Told = explained) -> Iterator[Callable[[events.Event], None]]:
    """Shows events in a terminal while the block lasts; gives the listener that takes them, from any thread."""
    board, ended = Board(told), threading.Event()
    with Live(board, console=console, auto_refresh=False, transient=True) as live:
        board.live = live

        def turn() -> None:
            while not ended.wait(1 / 12):
                board.refresh()

        spinning = threading.Thread(target=turn, name="board", daemon=True)
        spinning.start()
        try:
            yield board.take
        finally:
            ended.set()
            spinning.join()


class Board:
    """The lines of what is under way, below those of what has ended; `told` puts an error into words.

    Rich composes what it writes for where the cursor was, and writes it later: two that write at once would overwrite
    each other's lines. So one writes at a time.
    """

    live: Live

    def __init__(self, told: Told = explained) -> None:
        self._told = told
        self.running: dict[str, tuple[Action, float, str]] = {}
        self._lock, self._writing = threading.Lock(), threading.Lock()

    def refresh(self) -> None:
        """Shows how things are now."""
        with self._writing:
            self.live.refresh()

    def take(self, event: events.Event) -> None:
        """Notes what happened, and writes its line where it has one."""
        with self._lock:
            if isinstance(event, events.Started):
                self.running[event.resource] = (event.action, time.monotonic(), "")
                return
            if isinstance(event, events.Progressed):
                action, began, _ = self.running.get(event.resource, (event.action, time.monotonic(), ""))
                self.running[event.resource] = (action, began, event.text)
                return
            self.running.pop(event.resource, None)
        line = _event_line(event, self._told)
        if line:
            with self._writing:
                self.live.console.print(line)

    def __rich__(self) -> Group:
        with self._lock:
            running = dict(self.running)
        lines = []
        for name, (action, began, text) in running.items():
            symbol, style, _ = LOOKS[action]
            told = Text.assemble(
                (f"{symbol} {visible(name)}", style),
                (f"  {time.monotonic() - began:.0f} s", "dim"),
                (f"  {visible(text)}", "dim"),
            )
            lines.append(Spinner("dots", told))
        return Group(*lines)


class Lines:
    """An event as a line, where it has one. What a step waits for is told now and then, not at each try."""

    def __init__(self, console: Console, told: Told = explained) -> None:
        self._console, self._told = console, told
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, event: events.Event) -> None:
        """Prints what there is to say of an event."""
        now = time.monotonic()
        with self._lock:
            last = self._last.setdefault(event.resource, now)
            if isinstance(event, events.Progressed) and now - last < EVERY:
                return
            self._last[event.resource] = now
        line = _event_line(event, self._told)
        if line:
            self._console.print(line)


def _event_line(event: events.Event, told: Told) -> Text | None:
    symbol, style, word = LOOKS[event.action]
    name = visible(event.resource)
    if isinstance(event, events.Finished):
        if event.action is Action.KEEP:
            return Text(f"{symbol} {name}  {visible(event.reason)}", style="dim") if event.reason else None
        paths = f"  {', '.join(event.paths)}" if event.action in (Action.UPDATE, Action.ADOPT) else ""
        done = (f"{symbol} {name}", style)
        reason = f"  {visible(event.reason)}" if event.reason else ""
        return Text.assemble(done, f"  {word}", (f"  {event.seconds:.1f} s{visible(paths)}{reason}", "dim"))
    if isinstance(event, events.Progressed):
        return Text(f"… {name}  {visible(event.text)}", style="dim")
    if isinstance(event, events.Failed):
        return Text.assemble((f"✗ {name}  failed\n", "bold red"), told(explain(event.error), "    "))
    if isinstance(event, events.Skipped):
        return Text(f"· {name}  skipped", style="dim")
    return None
