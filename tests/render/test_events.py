"""The lines of an apply in a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyte
import pytest
from rich.console import Console

from chatops.deploy.events import Finished, Progressed, Started
from chatops.deploy.plan import Action
from chatops.render.events import live_board


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_no_line_is_lost_when_many_things_end_at_once() -> None:
    written, names = io.StringIO(), [f"function.f{number}" for number in range(100)]
    console = Console(file=written, force_terminal=True, width=80, height=200, legacy_windows=False)

    with live_board(console) as take, ThreadPoolExecutor(24) as pool:

        def run(name: str) -> None:
            take(Started(name, Action.CREATE))
            take(Progressed(name, Action.CREATE, "waiting"))
            take(Finished(name, Action.CREATE, 0.1))

        list(pool.map(run, names))
    screen = pyte.Screen(80, 200)
    pyte.Stream(screen).feed(written.getvalue().replace("\n", "\r\n"))
    shown = {line.split()[1] for line in screen.display if line.startswith("+ ")}
    assert shown == set(names)
