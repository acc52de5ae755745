"""The files that a chat of one's own starts from: the default config and the handlers, to be changed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from .config import shipped
from .errors import UsageError

FLAGS = os.O_WRONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    FLAGS |= getattr(os, _flag, 0)


def write(directory: Path, *, force: bool = False) -> list[Path]:
    """Writes them, and gives those that were written: see `put`."""
    handlers = sorted(one for one in shipped("handlers").iterdir() if one.is_file())
    wanted = {"config.yaml": shipped("config.yaml"), **{f"handlers/{one.name}": one for one in handlers}}
    return put(directory, {name: source.read_bytes() for name, source in wanted.items()}, force=force)


def put(directory: Path, wanted: Mapping[str, bytes], *, force: bool = False) -> list[Path]:
    """Writes files into a directory, and gives those that were written; one that is there and the same is left.

    Raises UsageError, before it writes anything, for symlinks below the directory, and for files that are there and
    differ, unless `force` says to overwrite.
    """
    links = list(dict.fromkeys(link for name in wanted for link in _links(directory, name)))
    if links:
        raise UsageError(
            "symlink-in-directory",
            "A symlink stands where a file is to be written",
            f"{', '.join(map(str, links))}: what it leads to may lie outside {directory}",
            "Nothing was written. Choose another directory, or remove the symlink.",
        )
    files = {directory / name: data for name, data in wanted.items()}
    differing = [to for to, data in files.items() if os.path.lexists(to) and not _holds(to, data)]
    if differing and not force:
        raise UsageError(
            "files-differ",
            "Files that are there already differ from those to be written",
            ", ".join(map(str, differing)),
            "Nothing was written. Choose another directory, or overwrite them with --force.",
        )
    written = [to for to in files if to in differing or not os.path.lexists(to)]
    for to in written:
        to.parent.mkdir(parents=True, exist_ok=True)
        # A file that is new is made here, and one that was checked is followed nowhere else.
        how = os.O_TRUNC if to in differing else os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(to, FLAGS | how, 0o666), "wb") as file:
            file.write(files[to])
    return written


def _links(directory: Path, name: str) -> Iterator[Path]:
    """The symlinks on the way to a file below a directory; the directory itself may be one, for the user named it."""
    at = directory
    for part in Path(name).parts:
        at /= part
        if at.is_symlink():
            yield at


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file has these bytes. Raises OSError for a directory, a named pipe or a device of that name."""
    if not path.is_file():
        raise OSError(errno.EEXIST, "exists, and is not a regular file", str(path))
    return path.stat().st_size == len(data) and path.read_bytes() == data
