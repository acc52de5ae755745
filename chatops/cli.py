"""The command line: every command parses, calls and renders. The only place that exits."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .errors import FAILED, INTERRUPTED, NOT_IN_SYNC, UsageError, explain
from .session import Options, Session

app = typer.Typer(
    name="chatops",
    help="A serverless real-time chat on AWS: create it, repair it, operate it, tear it down.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
local = typer.Typer(help="The local AWS: the same stack on this machine, without an account.", no_args_is_help=True)
app.add_typer(local, name="local")

COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="CHATOPS_CONFIG", help="Config file. [./config.yaml, else the default]"),
    ],
    "region": Annotated[str | None, typer.Option("--region", "-r", help="AWS region, such as ap-northeast-2.")],
    "profile": Annotated[str | None, typer.Option("--profile", help="Profile of the AWS CLI.")],
    "endpoint_url": Annotated[str | None, typer.Option("--endpoint-url", help="Talk to this instead of AWS.")],
    "local": Annotated[
        bool, typer.Option("--local", envvar="CHATOPS_LOCAL", help="Use the local AWS; started when it is not running.")
    ],
    "as_json": Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")],
}
DEFAULTS = {"local": False, "as_json": False, "debug": False}


def command(group: typer.Typer, name: str | None = None) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Registers a command that takes a Session first; it gets the common options, and its errors are told in words.

    The function gives the exit code; nothing is 0.
    """

    def register(function: Callable[..., int | None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            session = Session(Options(**{key: given.pop(key) for key in COMMON}))
            raise typer.Exit(_guarded(lambda: function(session, **given), session))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        common = [
            inspect.Parameter(key, keyword, default=DEFAULTS.get(key), annotation=kind) for key, kind in COMMON.items()
        ]
        parameters = [*(one.replace(kind=keyword) for one in own), *common]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__doc__, run.__name__ = function.__doc__, function.__name__
        group.command(name)(run)
        return run

    return register


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ADOPT = "Take over what exists under our names and was not created by chatops."


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        sys.stdout.write(f"chatops {__version__}\n")
        raise typer.Exit


@command(app)
def up(
    session: Session,
    adopt: Annotated[bool, typer.Option("--adopt", help=ADOPT)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, change nothing.")] = False,
    yes: Yes = False,
) -> int:
    """Create the chat, or update and repair it. A second run changes nothing.

    Example: [bold]chatops up --region ap-northeast-2[/bold]
    """
    from .deploy.plan import Action

    session.head()
    plan = session.stack.plan_up(adopt=adopt)
    if dry_run:
        session.output.plan(session.where, plan)
        return 0
    if plan.of(Action.BLOCKED):
        session.output.blocked(plan)
        return FAILED
    is_new = not any(plan.live.values())
    if is_new and not session.may("Nothing of this stack exists here yet. Create it?", yes=yes, unattended=True):
        session.output.say("Nothing was changed.")
        return FAILED
    return _apply(session, plan, "up")


@command(app)
def plan(
    session: Session,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 when something would change.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=ADOPT)] = False,
) -> int:
    """Show what `up` would do, property by property.

    Example: [bold]chatops plan --check[/bold]
    """
    session.head()
    plan = session.stack.plan_up(adopt=adopt)
    session.output.plan(session.where, plan)
    return NOT_IN_SYNC if check and not plan.in_sync else 0


@command(app)
def down(session: Session, yes: Yes = False) -> int:
    """Delete everything that the stack owns, log groups included, and prove that nothing is left.

    Example: [bold]chatops down --region ap-northeast-2[/bold]
    """
    from .deploy.plan import Action

    session.head()
    plan = session.stack.plan_down()
    doomed = plan.of(Action.DELETE)
    if doomed:
        if not (yes or session.options.local or session.options.as_json):
            session.output.plan(session.where, plan)
        if not session.may(f"Delete these {len(doomed)} resources?", yes=yes, unattended=False):
            session.output.say("Nothing was changed.")
            return FAILED
    return _apply(session, plan, "down")


@command(app)
def status(
    session: Session,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask API Gateway about each connection.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="List at most this many connections.")] = None,
) -> None:
    """Show the stack's health and its live connections.

    Example: [bold]chatops status --json[/bold]
    """
    from .ops import connections

    session.head()
    plan, api, config = session.stack.plan_up(), session.stack.live_api(), session.config
    listed = list(connections.rows(session.aws, config.table.name, config.table.key))
    total, listed = len(listed), listed[:limit]
    if probe and api:
        listed = connections.probe(session.aws, listed, api.outputs["connections_url"])
    session.output.status(session.where, plan, api.outputs["websocket_url"] if api else None, listed, total)


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


@command(local)
def start(session: Session) -> None:
    """Start the local AWS, where it is not running.

    Example: [bold]chatops local start[/bold]
    """
    from .local import server

    server.ensure(session.note)
    session.output.local(server.status())


@command(local)
def stop(session: Session) -> None:
    """Stop the local AWS that chatops started; its stacks go with it.

    Example: [bold]chatops local stop[/bold]
    """
    from .local import server

    ended = server.stop()
    session.note(f"Stopped the local AWS (pid {ended.pid})." if ended else "No local AWS of ours was running.")
    if session.options.as_json:
        session.output.local(server.status())


@command(local, "status")
def local_status(session: Session) -> None:
    """Tell whether the local AWS runs, where, and where its log is.

    Example: [bold]chatops local status --json[/bold]
    """
    from .local import server

    session.output.local(server.status())


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 failed, 2 wrong usage or config, 3 not in sync, 130 interrupted."""
    # On a broken pipe (`chatops logs | head`) end quietly, as every filter does.
    try:
        _run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _run() -> None:
    if "--json" not in sys.argv:
        app()
    # Typer carries its own click or uses the installed one; its errors are told by their common ancestor.
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        sys.exit(app(standalone_mode=False))
    except usage_error as error:
        why = {"event": "error", "what": "Wrong usage", "why": error.format_message(), "hint": "See --help."}
        sys.stdout.write(json.dumps(why) + "\n")
        sys.exit(UsageError.exit_code)


def _apply(session: Session, plan: Any, verb: str) -> int:
    from .deploy.apply import apply
    from .stack import outputs

    with session.stoppable(), session.output.watching() as emit:
        outcome = apply(plan, session.aws, emit, session.stop)
    urls = outputs(session.stack, outcome.live)
    if session.stop.is_set():
        session.output.summary(session.where, outcome, urls, f"Stopped. Run `chatops {verb}` again to continue.")
        return INTERRUPTED
    if outcome.failed:
        session.output.summary(session.where, outcome, urls, f"Mend what failed, then run `chatops {verb}` again.")
        return FAILED
    if verb == "down":
        return _prove_gone(session, outcome, urls)
    hint = f'Try it: wscat -c {urls["websocket_url"]}   then  {{"action":"sendMessage", "message":"Hello! bs~"}}'
    session.output.summary(session.where, outcome, urls, hint)
    return 0


def _prove_gone(session: Session, outcome: Any, urls: dict[str, Any]) -> int:
    remains = session.stack.remains()
    if not remains:
        session.output.summary(session.where, outcome, urls, "Looked again: nothing of this stack is left.")
        return 0
    hint = f"Looked again, and this is back or still there: {', '.join(remains)}. Run `chatops down` again."
    session.output.summary(session.where, outcome, urls, hint)
    return FAILED


def _guarded(run: Callable[[], int | None], session: Session) -> int:
    try:
        return run() or 0
    except (typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        session.note("Interrupted; nothing was under way.")
        return INTERRUPTED
    except Exception as error:
        told = explain(error)
        if session.options.debug and told.is_ours:
            import traceback

            sys.stderr.write("".join(traceback.format_exception(error)))
        session.output.error(error)
        return told.exit_code
