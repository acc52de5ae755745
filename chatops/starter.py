"""The files that a chat of one's own starts from: the default config and the handlers, to be changed."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

from .config import shipped
from .errors import UsageError


def write(directory: Path, *, force: bool = False) -> list[Path]:
    """Writes them, and gives those that were written: see `put`."""
    handlers = sorted(one for one in shipped("handlers").iterdir() if one.is_file())
    wanted = {"config.yaml": shipped("config.yaml"), **{f"handlers/{one.name}": one for one in handlers}}
    return put(directory, {name: source.read_bytes() for name, source in wanted.items()}, force=force)


def put(directory: Path, wanted: Mapping[str, bytes], *, force: bool = False) -> list[Path]:
    """Writes files into a directory, and gives those that were written; one that is there and the same is left.

    Raises UsageError, before it writes anything, for files that are there and differ, unless `force` says to overwrite.
    """
    files = {directory / name: data for name, data in wanted.items()}
    differing = [to for to, data in files.items() if to.exists() and not _holds(to, data)]
    if differing and not force:
        raise UsageError(
            "files-differ",
            "Files that are there already differ from those to be written",
            ", ".join(map(str, differing)),
            "Nothing was written. Choose another directory, or overwrite them with --force.",
        )
    written = [to for to in files if not to.exists() or to in differing]
    for to in written:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(files[to])
    return written


def _holds(path: Path, data: bytes) -> bool:
    """Whether a file has these bytes. Raises OSError for a directory, a named pipe or a device of that name."""
    if not path.is_file():
        raise OSError(errno.EEXIST, "exists, and is not a regular file", str(path))
    return path.stat().st_size == len(data) and path.read_bytes() == data
