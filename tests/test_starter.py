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
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_file_is_an_error_and_neither_read_nor_written(
    tmp_path: Path, make: Callable[[Path], object], force: bool
) -> None:
    make(tmp_path / "config.yaml")
    with pytest.raises(OSError, match="not a regular file"):
        write(tmp_path, force=force)
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def tree(folder: Path) -> dict[str, str]:
    """Every path below a folder, with what a symlink leads to."""
    return {str(one.relative_to(folder)): (one.is_symlink() and str(one.readlink())) or "" for one in folder.rglob("*")}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("link", "to"),
    [
        ("config.yaml", "../outside.yaml"),
        ("config.yaml", "../existing.yaml"),
        ("handlers", ".."),
        ("handlers", "../nowhere"),
        ("handlers/send.py", "../../existing.yaml"),
    ],
)
def test_a_symlink_below_the_directory_is_refused_before_anything_is_written(
    tmp_path: Path, link: str, to: str, force: bool
) -> None:
    (tmp_path / "existing.yaml").write_text("stack: mine\n")
    (tmp_path / "a" / link).parent.mkdir(parents=True)
    (tmp_path / "a" / link).symlink_to(to)
    before = tree(tmp_path)
    with pytest.raises(UsageError) as raised:
        write(tmp_path / "a", force=force)
    assert raised.value.code == "symlink-in-directory"
    assert str(tmp_path / "a" / link) in raised.value.why
    assert tree(tmp_path) == before
    assert (tmp_path / "existing.yaml").read_text() == "stack: mine\n"


def test_the_directory_itself_may_be_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to("real")
    assert write(tmp_path / "named")
    assert (tmp_path / "real" / "handlers" / "send.py").is_file()


def test_a_symlink_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.setattr("chatops.starter._links", lambda *_: iter(()))
    (tmp_path / "a" / "config.yaml").symlink_to("../outside.yaml")
    with pytest.raises(OSError):
        write(tmp_path / "a", force=True)
    assert not (tmp_path / "outside.yaml").exists()
