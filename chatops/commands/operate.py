"""Commands that use the chat that runs: who is there, and where it is."""

from __future__ import annotations

from typing import Annotated

import typer

from ..command import command
from ..errors import FAILED
from ..session import Session

app = typer.Typer()


@command(app)
def status(
    session: Session,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask API Gateway about each connection.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="List at most this many connections.")] = None,
) -> None:
    """Show the stack's health and its live connections.

    Example: [bold]chatops status --json[/bold]
    """
    from ..ops import connections
    from ..stack import outputs

    session.head()
    plan, table = session.stack.plan_up(), session.config.table
    listed = list(connections.rows(session.aws, table.name, table.key))
    total, listed = len(listed), listed[:limit]
    api = plan.live.get(session.stack.websocket.name)
    if probe and api:
        listed = connections.probe(session.aws, listed, api.outputs["connections_url"])
    session.output.status(session.where, plan, outputs(session.stack, plan.live), listed, total)


@command(app)
def url(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="An HTTP API's name; without it, the WebSocket URL.")] = None,
) -> None:
    """Print one URL, alone on a line.

    Example: [bold]wscat -c "$(chatops url)"[/bold]
    """
    found = session.stack.url(name)
    session.output.document({"url": found}) if session.options.as_json else session.output.line(found)


@command(app, "open")
def open_page(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="An HTTP API's name; without it, the chat page's.")] = None,
) -> int:
    """Open the chat page in the browser, and print its URL.

    Example: [bold]chatops open --local[/bold]
    """
    import webbrowser

    found = session.stack.url(name or session.stack.page)
    session.output.document({"url": found}) if session.options.as_json else session.output.line(found)
    if webbrowser.open(f"{found}/"):
        return 0
    session.note("No browser could be started here; open the URL above yourself.")
    return FAILED
