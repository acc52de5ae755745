"""Commands that listen to what goes on: the chat itself, and the functions' logs."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import completion
from ..command import command
from ..errors import INTERRUPTED, UsageError
from ..extras import require
from ..session import Session

app = typer.Typer()
FUNCTION = "Only this function's; may be given more than once."
SINCE = "How far back, such as 30s, 10m, 2h or 1d; else 10m, with --connection 2h."
CONNECTION = "The story of this connection: its id, or a unique beginning of it."


@command(app)
def chat(
    session: Session,
    nick: Annotated[str | None, typer.Option("--nick", "-n", help="Your name; else your login name.")] = None,
) -> int:
    """Chat in the terminal. With a pipe as input, send its lines, wait for each to come back, and leave.

    Example: [bold]echo "Deployed." | chatops chat --nick ci[/bold]
    """
    require("chat", "websockets", "prompt_toolkit")
    from ..ops.chat.run import run
    from ..ops.chat.wire import checked_nick

    if nick is not None:
        checked_nick(nick)
    session.head()
    try:
        return run(session, nick)
    except KeyboardInterrupt:
        return INTERRUPTED


@command(app)
def logs(
    session: Session,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    since: Annotated[str | None, typer.Option(help=SINCE)] = None,
    function: Annotated[list[str] | None, typer.Option(help=FUNCTION, autocompletion=completion.functions)] = None,
    connection: Annotated[str | None, typer.Option(help=CONNECTION, autocompletion=completion.connection_ids)] = None,
    grep: Annotated[str | None, typer.Option(help="Only lines with this text, in any case.")] = None,
) -> int:
    """Show the logs of all functions, merged by time.

    Example: [bold]chatops logs -f --connection L0SM9[/bold]
    """
    from ..ops import ownership
    from ..ops.logs import Logs
    from ..render.logs import LogBook
    from ..resources.log_group import PREFIX
    from ..times import seconds

    since = since or ("2h" if connection else "10m")
    names = [one.name for one in session.config.functions.values()]
    chosen = list(dict.fromkeys(_function(session, one) for one in function or ())) or names
    book = LogBook(session.output, names, chosen)
    ago = seconds(since)
    session.head()
    owners = ownership.owned_logs(session.stack, chosen)
    for name in owners.foreign:
        session.note(f"The log group {PREFIX}{name} does not belong to this stack; it is left out.")
    found = Logs(session.aws, owners.own, ago, connection, grep)
    try:
        if not book.show(found.history()):
            session.note(f"There is no such line in the last {since}.")
        if follow:
            book.show(found.follow(session.note))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _function(session: Session, name: str) -> str:
    """The name on AWS of the function that is called so there, or in the config."""
    from ..config.reader import question

    functions = session.config.functions
    for key, one in functions.items():
        if name in (key, one.name):
            return one.name
    near = question(name, functions) or "Give one of these names."
    raise UsageError(
        "no-such-function",
        f"The config has no function {name!r}",
        f"it has: {', '.join(functions) or 'none'}",
        near,
    )
