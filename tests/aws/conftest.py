"""A clock of the tests' own, for whoever waits for AWS."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from chatops import aws as aws_module
from chatops.aws import rate as rate_module


class Clock(threading.Event):
    """A stop event and a clock: time passes only while somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            assert len(self.waits) < 1000, "somebody waits for ever"
            self.waits.append(timeout or 0)
            self.now += timeout or 0
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (aws_module, rate_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock
