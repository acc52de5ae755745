"""The files that a chat of one's own starts from: the default config and the handlers, to be changed."""

from __future__ import annotations

from pathlib import Path

from .config import shipped
from .errors import UsageError


def write(directory: Path, *, force: bool = False) -> list[Path]:
    """Writes them, and gives those that were written; one that is there and the same is left.

    Raises UsageError, before it writes anything, for files that are there and differ, unless `force` says to overwrite.
    """
    handlers = sorted(one for one in shipped("handlers").iterdir() if one.is_file())
    wanted = {directory / "config.yaml": shipped("config.yaml")}
    wanted |= {directory / "handlers" / one.name: one for one in handlers}
    differing = [to for to, source in wanted.items() if to.exists() and to.read_bytes() != source.read_bytes()]
    if differing and not force:
        raise UsageError(
            f"{len(differing)} files are there already and differ",
            ", ".join(map(str, differing)),
            "Choose another directory, or overwrite them with --force.",
        )
    written = [to for to in wanted if not to.exists() or to in differing]
    for to in written:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(wanted[to].read_bytes())
    return written
