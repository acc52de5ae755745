"""What `chatops init` writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chatops.config import load
from chatops.errors import UsageError
from chatops.starter import write


def test_what_is_written_is_the_default_stack(tmp_path: Path) -> None:
    written = write(tmp_path / "chat")
    assert {"config.yaml", "send.py", "connect.py", "disconnect.py", "page.html"} <= {one.name for one in written}
    own, default = load(tmp_path / "chat" / "config.yaml"), load()
    assert own.functions.keys() == default.functions.keys()
    assert own.websocket == default.websocket
    assert all(one.source.is_relative_to(tmp_path) for one in own.functions.values())


def test_a_second_time_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert write(tmp_path) == []


def test_a_changed_file_is_never_overwritten_without_force(tmp_path: Path) -> None:
    write(tmp_path)
    config, handler = tmp_path / "config.yaml", tmp_path / "handlers" / "send.py"
    config.write_text("stack: mine\n")
    handler.unlink()
    with pytest.raises(UsageError, match="differ"):
        write(tmp_path)
    assert config.read_text() == "stack: mine\n"
    assert not handler.exists(), "nothing is half-done"
    assert set(write(tmp_path, force=True)) == {config, handler}
    assert config.read_text() != "stack: mine\n"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_an_error_and_neither_read_nor_written(
    tmp_path: Path, make: Callable[[Path], object], force: bool
) -> None:
    make(tmp_path / "config.yaml")
    with pytest.raises(OSError, match="not a regular file"):
        write(tmp_path, force=force)
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]
