"""Commands that use the chat that runs: who is there, and where it is."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from .. import completion
from ..command import Yes, command
from ..errors import FAILED, UsageError
from ..extras import require
from ..session import Session

app = typer.Typer()
NEEDED_TO_CONNECT = ("chat", "websockets")
"""The extra, and the package of it, that a smoke test needs."""
SMOKE_LOG_SECONDS = 120
"""How far back the logs are searched for why a smoke test failed."""
IDS = "Connection ids, or unique beginnings of them."
TO = "One connection's id, or a unique beginning of it."
URL_OF = "An HTTP API's name; without it, the WebSocket URL."
PAGE_OF = "An HTTP API's name; without it, the chat page's."


@command(app)
def status(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh until Ctrl-C; mark who came and went.")] = False,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask API Gateway about each connection.")] = True,
    limit: Annotated[int | None, typer.Option(min=0, help="List at most this many connections.")] = None,
) -> int:
    """Show the stack's health and its live connections. Exit 1 when the stack does not exist here.

    Example: [bold]chatops status --watch[/bold]
    """
    from ..ops.watch import Watch
    from ..render import status as shown

    session.prepare()
    session.head()
    stack = Watch(session.stack, probe=probe, limit=limit)
    now = stack.look()
    if watch and now.exists:
        shown.watch(session.output, session.where, now, stack.looks())
    shown.show(session.output, session.where, now)
    return FAILED if now.trouble else 0


@command(app)
def prune(session: Session) -> None:
    """Delete the rows of connections that are gone, and only those.

    Example: [bold]chatops prune[/bold]
    """
    from ..ops import connections, ownership

    session.head()
    table, management = ownership.owned_chat(session.stack)
    found = connections.probe(management, connections.rows(session.aws, table))
    session.interrupt.so_far = "Some rows may be deleted already: run `chatops prune` again for the rest."
    deleted, young, kept = connections.prune(session.aws, table, found)
    live = sum(one.is_live is True for one in found)
    text = f"Deleted {deleted} stale rows; {live} connections are live."
    if young:
        text += f" {young} rows are too young to tell: run it again in half a minute."
    if kept:
        text += f" Kept {kept} items that do not prove to be rows of closed connections."
    session.output.result({"deleted": deleted, "live": live, "too_young": young, "kept": kept}, text)


@command(app)
def kick(
    session: Session,
    ids: Annotated[list[str] | None, typer.Argument(help=IDS, autocompletion=completion.connection_ids)] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Close every connection.")] = False,
    idle: Annotated[str | None, typer.Option(help="Close those idle for at least this long, such as 5m.")] = None,
    yes: Yes = False,
) -> int:
    """Close connections: by id, those that are idle, or all.

    Example: [bold]chatops kick --idle 5m[/bold]
    """
    from ..ops import connections, ownership
    from ..times import seconds

    if sum((bool(ids), everyone, idle is not None)) != 1:
        raise UsageError(
            "whom-to-kick",
            "Whom to kick is not clear",
            "one of ids, --idle and --all is needed, and no two of them together",
            "`chatops status` lists the ids. For example: chatops kick --idle 5m",
        )
    idle_seconds = None if idle is None else seconds(idle)
    session.head()
    table, management = ownership.owned_chat(session.stack)
    found = list(connections.rows(session.aws, table))
    chosen = connections.named(found, ids) if ids else connections.probe(management, found)
    if idle_seconds is not None:
        chosen = connections.idle_for(chosen, idle_seconds)
    chosen = [one for one in chosen if one.is_live is not False]
    if ids:
        session.output.say(f"Closing {len(chosen)} connection{'s' if len(chosen) > 1 else ''} …", "dim")
    elif chosen and not session.may(f"Close {len(chosen)} connections?", yes=yes, unattended=False):
        session.output.say("Nothing was changed.")
        return FAILED
    session.interrupt.so_far = "Some connections may be closed already: `chatops status` lists those that are left."
    tally = connections.kick(management, chosen)
    text = f"Closed {tally.done} connections; {tally.gone} were gone already."
    session.output.result({"kicked": tally.done, "gone": tally.gone, "failed": tally.failed}, text)
    code = session.output.failures(tally)
    connections.drain(session.aws, management, tally.reached)
    return code


@command(app)
def send(
    session: Session,
    message: Annotated[str, typer.Argument(help="The text, posted exactly as it is.")],
    to: Annotated[str | None, typer.Option(help=TO, autocompletion=completion.connection_ids)] = None,
) -> int:
    """Post a message to everyone, or to one, without a WebSocket.

    Example: [bold]chatops send "The chat restarts in five minutes."[/bold]
    """
    from ..ops import connections, ownership

    session.head()
    table, management = ownership.owned_chat(session.stack)
    found = list(connections.rows(session.aws, table))
    chosen = connections.named(found, [to]) if to is not None else found
    session.interrupt.so_far = "Some may have got the message already: sent again, it reaches them twice."
    tally = connections.send(management, chosen, message)
    text = f"Sent to {tally.done} connections." + (f" {tally.gone} were gone: `chatops prune`." if tally.gone else "")
    text = session.output.advised(text)
    session.output.result({"sent": tally.done, "gone": tally.gone, "failed": tally.failed}, text)
    return session.output.failures(tally) or (FAILED if to is not None and not tally.done else 0)


@command(app)
def smoke(
    session: Session,
    clients: Annotated[int, typer.Option(min=2, max=500, help="How many clients connect.")] = 2,
) -> int:
    """Prove that the chat works: real clients connect, talk and leave. Everybody in the chat sees them talk.

    Example: [bold]chatops smoke --clients 5[/bold]
    """
    require(*NEEDED_TO_CONNECT)
    session.head()
    return smoke_test(session, clients)


@command(app)
def url(
    session: Session,
    name: Annotated[str | None, typer.Argument(help=URL_OF, autocompletion=completion.http_apis)] = None,
) -> None:
    """Print one URL, alone on a line.

    Example: [bold]wscat -c "$(chatops url)"[/bold]
    """
    from ..ops import addresses

    addresses.named(session.stack, name)
    session.head()
    found = addresses.url(session.stack, name)
    session.output.document({"url": found}) if session.options.as_json else session.output.line(found)


@command(app, "open")
def open_page(
    session: Session,
    name: Annotated[str | None, typer.Argument(help=PAGE_OF, autocompletion=completion.http_apis)] = None,
) -> int:
    """Open the chat page in the browser, and print its URL. A closed chat's holds an invite for five minutes.

    Example: [bold]chatops open --local[/bold]
    """
    import webbrowser

    from ..ops import access, addresses

    addresses.named(session.stack, name or addresses.page(session.config))
    session.head()
    found = access.page_url(session.stack, name)
    session.output.document({"url": found}) if session.options.as_json else session.output.line(found)
    has_invite = "#" in found
    if has_invite:
        session.note("This URL holds an invite: for five minutes it lets in anyone who has it.")
    if webbrowser.open(found if has_invite else f"{found}/"):
        return 0
    session.note("No browser could be started here; open the URL above yourself.")
    return FAILED


def smoke_test(session: Session, clients: int = 2, *, settles: float = 0.0) -> int:
    """Runs the smoke test against the session's stack and tells its report; gives the exit code.

    A run that fails is made again for `settles` seconds: so long a change may take to be true everywhere.
    """
    require(*NEEDED_TO_CONNECT)
    from ..ops import access, addresses, ownership, smoke
    from ..ops.doctor import WHAT_RUNS, examine
    from ..ops.doctor.finding import Severity
    from ..ops.own_rows import OwnRows
    from ..render.smoke import show

    session.interrupt.so_far = "The clients of the smoke test have left the chat."
    address, ends = addresses.url(session.stack), time.monotonic() + settles
    table, management = ownership.owned_chat(session.stack)
    pause = 2.0
    while True:
        own = OwnRows(session.aws, table, management)
        report = smoke.run(lambda: access.signed_websocket_url(session.stack, address), own, clients)
        if report.ok or time.monotonic() >= ends:
            break
        session.note(f"Not yet ({report.checks[-1].name}): what was changed may take a minute to be so everywhere.")
        # A run that is refused ends at once; everybody in the chat sees each.
        pause = min(pause * 1.5, 10.0)
        session.aws.pause(pause)
    if not report.ok:
        found = examine(lambda: session.stack, since=SMOKE_LOG_SECONDS, checks=WHAT_RUNS)
        report.cause = next(iter(found.of(Severity.ERROR)), None)
    show(session.output, report)
    return 0 if report.ok else FAILED
