"""The files that a config names: which of them may be read, and their bytes, read once.

What is read may be sent to AWS or printed in an error. So only regular files are read, only below the folders that the
config allows, and the file that was checked is the file that is read.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..text import visible

KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symlink loop",
}
PSEUDO = ("/proc", "/sys")
"""File systems of the kernel: what they call regular files are its answers, such as a process's environment."""
DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
FILE = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    FILE |= getattr(os, _flag, 0)


class UnusableFile(Exception):
    """A file that is not read; `reason` completes a sentence that begins with the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path, self.reason = path, reason


class MissingFile(UnusableFile):
    """A file that does not exist."""


class OutsideFile(UnusableFile):
    """A file that lies below none of the allowed folders."""


class FileTooLarge(UnusableFile):
    """A file with more bytes than its use allows."""


@dataclass(frozen=True)
class File:
    """A file as it was read: the path it was named by, the path without symlinks, and the bytes."""

    path: Path
    real: Path
    data: bytes


def check(path: Path, roots: Sequence[Path] | None = None) -> tuple[Path, int]:
    """Return a file's path without symlinks, and its size. `roots` are resolved folders and files; None allows all.

    Raises UnusableFile unless it is a regular file below one of the roots.
    """
    try:
        real = Path(os.path.realpath(path))
        # What /dev/stdin leads to may have no path of its own: a pipe is known by following it alone.
        found = real.lstat() if os.path.lexists(real) else path.stat()
        if stat.S_ISREG(found.st_mode):
            found = real.lstat()
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    _require_regular(path, real, found)
    if roots is not None and not any(real.is_relative_to(root) for root in roots):
        leads = "" if real == path.absolute() else f" (it resolves to {visible(str(real))})"
        raise OutsideFile(
            path, f"is outside the config's folder{leads}; move it there, or list it under outside_files in the config"
        )
    return real, found.st_size


def is_usable(path: Path, roots: Sequence[Path] | None = None) -> bool:
    """Return whether `check` finds nothing wrong with a file."""
    try:
        check(path, roots)
    except UnusableFile:
        return False
    return True


def read(path: Path, roots: Sequence[Path] | None = None, *, limit: int) -> File:
    """Return the file as it is now. Raises UnusableFile as `check` does, and FileTooLarge above `limit` bytes."""
    real, size = check(path, roots)
    if size <= limit:
        try:
            descriptor = _open(real)
            with os.fdopen(descriptor, "rb") as file:
                _require_regular(path, real, os.fstat(descriptor))
                data = file.read(limit + 1)
        except OSError as error:
            raise _unusable(path, error) from None
        if len(data) <= limit:
            return File(path, real, data)
        size = len(data)
    raise FileTooLarge(path, f"has {megabytes(size)}; the limit is {megabytes(limit)}")


def megabytes(size: int) -> str:
    """A size in words, in units of 1,048,576 bytes as AWS's limits are."""
    return f"{size / 2**20:.1f} MB"


def _open(real: Path) -> int:
    """Open a path without following a symlink in any of its parts: one may have been put there since the check."""
    if os.open not in os.supports_dir_fd:
        return os.open(real, FILE)
    folder = os.open(real.anchor, DIRECTORY)
    try:
        for part in real.parts[1:-1]:
            inner = os.open(part, DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(real.name, FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _require_regular(path: Path, real: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "a special file")
        raise UnusableFile(path, f"is {kind}, not a regular file")
    if found.st_dev in _pseudo_devices() or any(real.is_relative_to(root) for root in PSEUDO):
        raise UnusableFile(path, "is a file of the kernel, not a regular file")


@cache
def _pseudo_devices() -> frozenset[int]:
    return frozenset(os.stat(root).st_dev for root in PSEUDO if os.path.ismount(root))  # noqa: PTH116


def _unusable(path: Path, error: OSError | ValueError) -> UnusableFile:
    # ValueError: a path that no system call takes.
    if isinstance(error, (FileNotFoundError, NotADirectoryError, ValueError)) or error.errno == errno.ENAMETOOLONG:
        return MissingFile(path, "does not exist")
    return UnusableFile(path, f"cannot be read: {error.strerror or error}")
