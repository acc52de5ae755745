"""Files that change, and those that are being saved."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chatops.local.watch import INTERVAL, stamp, wait_for_change


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("config.yaml", "connect.py")]
    for one in made:
        one.write_text("one")
    return made


def meanwhile(*happenings: Callable[[], object]) -> Callable[[float], None]:
    """A pause in which one thing after the other happens; it is a mistake to wait once more."""
    left = list(happenings)

    def pause(seconds: float) -> None:
        assert seconds == INTERVAL
        left.pop(0)()

    return pause


def nothing() -> None: ...


def test_a_file_that_was_written_is_told_once_it_no_longer_changes(files: list[Path]) -> None:
    config, connect = files
    before = stamp(files)
    pause = meanwhile(nothing, lambda: connect.write_text(""), lambda: connect.write_text("saved"), nothing)
    assert wait_for_change(before, pause) == [connect]
    assert stamp([config])[config] == before[config]


def test_a_file_that_goes_and_one_that_comes_are_changes(files: list[Path], tmp_path: Path) -> None:
    config, new = files[0], tmp_path / "new.py"
    before = stamp([*files, new])

    def change() -> None:
        config.unlink()
        new.write_text("x")

    assert wait_for_change(before, meanwhile(change, nothing)) == [config, new]


def test_a_file_that_is_as_it_was_again_has_not_changed(files: list[Path]) -> None:
    config, connect = files
    before = stamp(files)
    times = config.stat().st_atime_ns, config.stat().st_mtime_ns

    def undo() -> None:
        config.write_text("one")
        os.utime(config, ns=times)

    pause = meanwhile(lambda: config.write_text("other"), undo, lambda: connect.write_text("saved"), nothing)
    assert wait_for_change(before, pause) == [connect]
