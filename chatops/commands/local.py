"""Commands for the local AWS."""

from __future__ import annotations

import typer

from ..command import command
from ..session import Session
from .deploy import Watch, follow

app = typer.Typer(help="The local AWS: the same stack on this machine, without an account.", no_args_is_help=True)


@command(app)
def start(session: Session, watch: Watch = False) -> int:
    """Start the local AWS, where it is not running.

    Example: [bold]chatops local start[/bold]
    """
    from ..local import server

    server.ensure(session.as_local().region, session.note)
    session.output.local(server.remembered())
    return follow(session.as_local()) if watch else 0


@command(app)
def stop(session: Session) -> None:
    """Stop the local AWS that chatops started; its stacks go with it.

    Example: [bold]chatops local stop[/bold]
    """
    from ..local import server

    ended = ", ".join(str(one.pid) for one in server.stop())
    session.note(f"Stopped the local AWS (pid {ended})." if ended else "No local AWS of ours was running.")
    if session.options.as_json:
        session.output.local(server.remembered())


@command(app)
def status(session: Session) -> None:
    """Tell whether the local AWS runs, where, and where its log is.

    Example: [bold]chatops local status --json[/bold]
    """
    from ..local import server

    session.output.local(server.remembered())
