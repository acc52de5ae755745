from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from chatops.local.process import HOST, Process, free_port, start


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A process that answers."""
    port = free_port(0)
    running = start(
        "http.server",
        ["--bind", HOST, str(port)],
        url=f"http://{HOST}:{port}",
        health="/",
        log=tmp_path / "log",
        home=tmp_path,
        temporary=tmp_path,
        remember=lambda _: None,
    )
    yield running
    running.end()


def test_a_step_of_the_clock_makes_no_other_process_of_it(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux counts from the boot: when a process began moves with the clock."""
    assert process.find()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 0.0)
    assert process.find()
    assert process.answers(5)


def test_a_process_with_the_pid_and_another_command_is_another(process: Process) -> None:
    assert replace(process, module="chatops.local.front").find() is None
    assert replace(process, arguments=["--bind", HOST, "1"]).find() is None


def test_one_that_ended_does_not_answer_and_nobody_waits_for_it(process: Process) -> None:
    assert process.end()
    assert not process.answers(60)
    assert not process.end()
