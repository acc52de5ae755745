"""Commands for the local AWS."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from ..command import command
from ..errors import UsageError
from ..session import Session
from .deploy import Watch, follow

HELP = """The local AWS: the same stack on this machine, without an account.

Example: [bold]chatops local start[/bold]"""

app = typer.Typer(help=HELP, no_args_is_help=True)

OWN = ("local", "as_json", "debug")
"""The common options that mean something here; --local is what these commands are about, and changes nothing."""


@command(app, options=("config", "region", *OWN))
def start(
    session: Session,
    watch: Watch = False,
    time_scale: Annotated[
        float, typer.Option("--time-scale", help="0.01 makes ten idle minutes six seconds, and two hours 72.")
    ] = 1.0,
    drop_disconnects: Annotated[
        bool, typer.Option("--drop-disconnects", help="Never call $disconnect, as AWS sometimes does not.")
    ] = False,
) -> int:
    """Start the local AWS, where it is not running. With --watch, deploy the stack to it, and again at every save.

    Example: [bold]chatops local start[/bold]
    """
    from ..local import server
    from ..render.local import show

    if not 0 < time_scale < math.inf:
        raise UsageError(
            "time-scale",
            f"--time-scale {time_scale} is no scale of time",
            "it must be a number above 0",
            "For example: --time-scale 0.01",
        )
    session.interrupt.so_far = "The local AWS may be running: `chatops local status` tells."
    local = session.other(local=True)
    server.ensure(local.region, session.note, server.front_options(time_scale, drop_disconnects))
    show(session.output, server.remembered())
    if not watch:
        return 0
    local.head()
    return follow(local)


@command(app, options=("config", "region", *OWN))
def env(session: Session) -> None:
    """Print the export lines with which the AWS CLI, an SDK or another tool uses the local AWS.

    Example: [bold]eval "$(chatops local env)"[/bold]
    """
    import shlex

    from ..local import server

    local = session.other(local=True)
    variables = server.variables(local.region)
    if session.options.as_json:
        session.output.document(variables)
        return
    for name, value in variables.items():
        session.output.line(f"export {name}={shlex.quote(value)}")
    session.output.line(f"unset {' '.join(server.CONFLICTING_VARIABLES)}")


@command(app, options=OWN)
def stop(session: Session) -> None:
    """Stop the local AWS that chatops started; its stacks go with it.

    Example: [bold]chatops local stop[/bold]
    """
    from ..local import server
    from ..render.local import show

    session.interrupt.so_far = "The local AWS may be running still: `chatops local status` tells."
    for one in server.remembered().crashed:
        session.note(f"{one.module} (pid {one.pid}) had ended by itself; why may be at the end of {one.log}.")
    ended = ", ".join(str(one.pid) for one in server.stop(session.note))
    session.note(f"Stopped the local AWS (pid {ended})." if ended else "No local AWS of ours was running.")
    if session.options.as_json:
        show(session.output, server.remembered())


@command(app, options=OWN)
def status(session: Session) -> None:
    """Tell whether the local AWS runs, where, and where its log is.

    Example: [bold]chatops local status --json[/bold]
    """
    from ..local import server
    from ..render.local import show

    show(session.output, server.remembered())
    if pids := ", ".join(map(str, server.unrecorded())):
        session.note(
            f"The state file does not name running processes of the local AWS (pid {pids}). "
            "`chatops local stop` ends them."
        )
