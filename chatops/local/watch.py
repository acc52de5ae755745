"""Waits for files to change: a look at their times now and then is enough for a dozen of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

INTERVAL = 0.25
"""Seconds between two looks."""

Stamp = dict[Path, tuple[int, int] | None]


def stamp(files: Iterable[Path]) -> Stamp:
    """When each file was last written and how large it is; nothing for one that is not there."""
    return {file: _one(file) for file in files}


def wait_for_change(before: Stamp, pause: Callable[[float], None]) -> list[Path]:
    """Returns once a file differs from what it was, and no longer changes, with those that do."""
    while True:
        now = stamp(before)
        pause(INTERVAL)
        # An editor empties a file before it fills it: what still changes is not saved yet.
        changed = [file for file, one in stamp(before).items() if one == now[file] != before[file]]
        if changed:
            return changed


def _one(file: Path) -> tuple[int, int] | None:
    try:
        now = file.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size
