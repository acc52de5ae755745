"""Commands for the local AWS."""

from __future__ import annotations

import typer

from ..command import command
from ..session import Session

app = typer.Typer(help="The local AWS: the same stack on this machine, without an account.", no_args_is_help=True)


@command(app)
def start(session: Session) -> None:
    """Start the local AWS, where it is not running.

    Example: [bold]chatops local start[/bold]
    """
    from ..local import server

    server.ensure(session.note)
    session.output.local(server.status())


@command(app)
def stop(session: Session) -> None:
    """Stop the local AWS that chatops started; its stacks go with it.

    Example: [bold]chatops local stop[/bold]
    """
    from ..local import server

    ended = server.stop()
    session.note(f"Stopped the local AWS (pid {ended.pid})." if ended else "No local AWS of ours was running.")
    if session.options.as_json:
        session.output.local(server.status())


@command(app, "status")
def local_status(session: Session) -> None:
    """Tell whether the local AWS runs, where, and where its log is.

    Example: [bold]chatops local status --json[/bold]
    """
    from ..local import server

    session.output.local(server.status())
