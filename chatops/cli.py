"""The command line: puts the families of commands together. The only place that exits, but for a second Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from . import __version__, completion
from .commands import access, deploy, diagnose, export, init, local, operate, talk
from .errors import FAILED, UsageError

HELP = """A serverless real-time chat on AWS: create it, repair it, operate it, tear it down.

Example: [bold]chatops up --local[/bold]"""

app = typer.Typer(
    name="chatops",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for family in (init, deploy, operate, talk, diagnose, access, export):
    app.add_typer(family.app)
app.add_typer(local.app, name="local")


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """What stands before any command."""
    if version:
        _tell_version()
        raise typer.Exit


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 failed, 2 wrong usage or config, 3 not in sync, 130 interrupted."""
    # On a broken pipe (`chatops logs | head`) end quietly, as every filter does.
    try:
        _run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _tell_version() -> None:
    sys.stdout.write(f"chatops {__version__}\n")


def _run() -> None:
    if sys.argv[1:] == ["--version"]:
        # Told at once: what Typer loads to read options takes longer than all else.
        _tell_version()
        return
    if completion.is_asked_for():
        completion.prepare()
    if "--json" not in sys.argv:
        app()
    # Typer carries its own click or uses the installed one; its errors are told by their common ancestor.
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        sys.exit(app(standalone_mode=False))
    except usage_error as error:
        why = {"event": "error", "code": "wrong-usage", "what": "Wrong usage", "why": error.format_message()}
        sys.stdout.write(json.dumps({**why, "hint": "Add --help to see what the command takes."}) + "\n")
        sys.exit(UsageError.exit_code)
