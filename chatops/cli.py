"""The command line: puts the families of commands together. The only place that exits, but for a second Ctrl-C."""

from __future__ import annotations

import io
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
    if sys.stdout is None:
        sys.stderr.write("stdout is closed: chatops has nowhere to write its output.\n")
        sys.exit(FAILED)
    for stream in (sys.stdout, sys.stderr):
        # A character that the encoding lacks, such as a check mark in cp949, becomes a question mark.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and would print a traceback there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        # On a broken pipe (`chatops logs | head`) end quietly, as every filter does.
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"The output could not be written: {error.strerror or error}\n")
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
