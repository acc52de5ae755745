"""Which files are read, and that the file that was checked is the file that is read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from chatops.config import files
from chatops.config.files import FileTooLarge, MissingFile, OutsideFile, UnusableFile, check, is_usable, read


@pytest.fixture
def root(folder: Path) -> Path:
    """The folder whose files may be read; a secret lies beside it."""
    (folder / "secret").write_text("secret")
    (folder / "root" / "sub").mkdir(parents=True)
    (folder / "root" / "sub" / "file").write_text("data")
    return folder / "root"


def test_a_file_is_read_whole(root: Path) -> None:
    one = read(root / "sub" / "file", [root], limit=4)
    assert (one.data, one.real) == (b"data", root / "sub" / "file")


def test_symlinks_inside_the_root_are_followed(root: Path) -> None:
    (root / "link").symlink_to("sub/file")
    (root / "folder").symlink_to("sub")
    for name in ("link", "folder/file", "sub/../link"):
        assert read(root / name, [root], limit=99).data == b"data"


def leads_outside(root: Path) -> dict[str, Path]:
    (root / "link").symlink_to("../secret")
    (root / "absolute").symlink_to(root.parent / "secret")
    (root / "chain").symlink_to("link")
    (root / "folder").symlink_to("..")
    names = ("link", "absolute", "chain", "folder/secret", "../secret", "sub/../../secret")
    return {name: root / name for name in names} | {"as it is": root.parent / "secret"}


def test_what_leads_outside_the_roots_is_refused_with_where_it_leads(root: Path) -> None:
    for name, path in leads_outside(root).items():
        with pytest.raises(OutsideFile, match="is outside the config's folder") as raised:
            read(path, [root], limit=99)
        assert ("secret" in raised.value.reason) == (name != "as it is")


def test_a_folder_whose_name_begins_as_the_roots_does_is_outside(root: Path) -> None:
    (root.parent / "rooted").write_text("x")
    with pytest.raises(OutsideFile):
        check(root.parent / "rooted", [root])


def test_a_root_may_be_a_single_file(root: Path) -> None:
    assert read(root.parent / "secret", [root, root.parent / "secret"], limit=99).data == b"secret"
    (root.parent / "other").write_text("")
    assert not is_usable(root.parent / "other", [root, root.parent / "secret"])


SPECIAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "a fifo": (os.mkfifo, "is a pipe, not a regular file"),
    "a directory": (Path.mkdir, "is a directory, not a regular file"),
    "a loop": (lambda path: path.symlink_to(path.name), "is a symlink loop, not a regular file"),
    "endless zeros": (lambda path: path.symlink_to("/dev/zero"), "is a device, not a regular file"),
    "a terminal": (lambda path: path.symlink_to("/dev/tty"), "is a device, not a regular file"),
    "the environment": (lambda path: path.symlink_to("/proc/self/environ"), "is a file of the kernel"),
    "the memory": (lambda path: path.symlink_to("/proc/self/mem"), "is a file of the kernel"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "does not exist"),
    "nothing": (lambda path: None, "does not exist"),
}


@pytest.mark.parametrize(("make", "told"), SPECIAL.values(), ids=SPECIAL)
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_what_is_no_regular_file_is_refused_at_once(root: Path, make: Callable[[Path], object], told: str) -> None:
    make(root / "it")
    with pytest.raises(UnusableFile) as raised:
        read(root / "it", limit=99)
    assert raised.value.reason.startswith(told)


def test_a_socket_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("it")
        with pytest.raises(UnusableFile, match="is a socket"):
            read(root / "it", limit=99)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_a_pipe_that_only_a_descriptor_leads_to_is_refused_as_one(root: Path) -> None:
    reads, writes = os.pipe()
    (root / "it").symlink_to(f"/dev/fd/{reads}")
    with pytest.raises(UnusableFile, match="is a pipe"):
        read(root / "it", limit=99)
    os.close(reads)
    os.close(writes)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_a_deleted_file_that_a_descriptor_leads_to_is_missing(root: Path) -> None:
    with (root / "sub" / "file").open() as file:
        (root / "sub" / "file").unlink()
        with pytest.raises(MissingFile):
            read(Path(f"/dev/fd/{file.fileno()}"), limit=99)


@pytest.mark.parametrize("name", ["a" * 300, "/".join(["a" * 200] * 30), "a\0b", "\ud800"])
def test_a_name_that_no_file_can_have_is_missing(root: Path, name: str) -> None:
    with pytest.raises(MissingFile):
        check(root / name)


def test_an_unreadable_file_is_refused_with_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_open", refused)
    with pytest.raises(UnusableFile, match="cannot be read: Permission denied"):
        read(root / "sub" / "file", [root], limit=99)


def test_a_file_above_the_limit_is_never_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(2**40)
    monkeypatch.setattr(files, "_open", lambda real: pytest.fail("opened"))
    with pytest.raises(FileTooLarge, match=r"has 1048576\.0 MB; the limit is 1\.0 MB"):
        read(root / "huge", limit=2**20)


def test_a_file_that_grows_after_the_check_is_read_no_further_than_the_limit(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_opening(monkeypatch, lambda: (root / "sub" / "file").write_bytes(b"x" * 100))
    with pytest.raises(FileTooLarge):
        read(root / "sub" / "file", [root], limit=99)


def before_opening(patch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Changes something between the check of a file and its opening."""
    opens = files._open

    def late(real: Path) -> int:
        change()
        return opens(real)

    patch.setattr(files, "_open", late)


def test_a_file_that_becomes_a_symlink_after_the_check_is_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap() -> None:
        (root / "sub" / "file").unlink()
        (root / "sub" / "file").symlink_to("../../secret")

    before_opening(monkeypatch, swap)
    with pytest.raises(UnusableFile):
        read(root / "sub" / "file", [root], limit=99)


def test_a_folder_that_becomes_a_symlink_after_the_check_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root.parent / "other").mkdir()
    (root.parent / "other" / "file").write_text("secret")

    def swap() -> None:
        (root / "sub").rename(root / "old")
        (root / "sub").symlink_to("../other")

    before_opening(monkeypatch, swap)
    with pytest.raises(UnusableFile):
        read(root / "sub" / "file", [root], limit=99)


def test_a_file_that_becomes_a_fifo_after_the_check_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap() -> None:
        (root / "sub" / "file").unlink()
        os.mkfifo(root / "sub" / "file")

    before_opening(monkeypatch, swap)
    with pytest.raises(UnusableFile, match="is a pipe"):
        read(root / "sub" / "file", [root], limit=99)


def test_reading_leaves_no_descriptor_open(root: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    os.mkfifo(root / "fifo")
    for name in ("sub/file", "fifo", "../secret"):
        is_usable(root / name, [root])
        with suppress(UnusableFile):
            read(root / name, [root], limit=1)
    assert len(list(Path("/dev/fd").iterdir())) == before
