"""The command that a chat of one's own starts with: init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..command import command
from ..session import Session

app = typer.Typer()
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")]
SOME_FILES = "Some files may be written already: the same command with --force writes them all."


@command(app, options=("as_json", "debug"))
def init(
    session: Session,
    directory: Annotated[Path, typer.Argument(help="Where to write; made when it does not exist.")] = Path(),
    force: Force = False,
) -> None:
    """Write config.yaml and handlers/ to start from.

    Example: [bold]chatops init my-chat[/bold]
    """
    from ..starter import write

    session.interrupt.so_far = SOME_FILES
    written = write(directory, force=force)
    text = "\n".join(map(str, written)) or f"{directory} has everything already."
    session.output.result({"written": [str(one) for one in written]}, text)
