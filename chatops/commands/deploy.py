"""Commands that change what runs on AWS: up, plan, down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ..command import Yes, command
from ..errors import FAILED, INTERRUPTED, NOT_IN_SYNC, ChatopsError, UsageError
from ..extras import require
from ..session import Session
from .operate import NEEDED_TO_CONNECT, smoke_test

if TYPE_CHECKING:
    from ..deploy.apply import Outcome
    from ..deploy.plan import Plan
    from ..local.watch import Stamp

app = typer.Typer()
Watch = Annotated[bool, typer.Option("--watch", help="With --local: deploy again whenever a handler is saved.")]
OPEN = "It is open to everyone who has its URL. To close it: `auth: iam` under websocket: in the config, and `up`."
DOES_NOT_WORK = "Everything is there, and the chat does not work: see above."
SETTLES = 60.0
"""Seconds that a new or changed policy may take to be true everywhere.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""
NOT_LOOKED_AT = "Whether something is left was not seen: run `chatops down` again, and it looks."
ADOPT = "Take over what exists under our names and was not created by chatops."


@command(app)
def up(
    session: Session,
    adopt: Annotated[bool, typer.Option("--adopt", help=ADOPT)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, change nothing.")] = False,
    yes: Yes = False,
    watch: Watch = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="Prove at the end that the chat works.")] = False,
) -> int:
    """Create the chat, or update and repair it. A second run changes nothing.

    Example: [bold]chatops up --region ap-northeast-2[/bold]
    """
    if watch and not session.options.local:
        raise UsageError(
            "watch-is-local", "--watch is for the local AWS", "on AWS every save would be a deployment", "Add --local."
        )
    if smoke:
        require(*NEEDED_TO_CONNECT)
    session.prepare()
    session.head()
    from .. import plans
    from ..deploy.plan import Action
    from ..local.watch import stamp
    from ..render.plan import blocked, show, show_outside_files

    _note_runtimes(session)
    before = stamp(session.stack.files) if watch else None
    plan = plans.up(session.stack, adopt=adopt)
    refusal = plans.refusal(session.stack, plan)
    if dry_run:
        show(session.output, session.where, plan, session.stack.outside_files, refusal=refusal)
        return 0
    if refusal:
        raise refusal
    show_outside_files(session.output, session.stack.outside_files)
    if plan.of(Action.BLOCKED):
        blocked(session.output, plan)
        return FAILED
    if not _is_confirmed(session, plan, yes=yes):
        session.output.say("No changes were made.")
        return FAILED
    settles = 0.0 if plan.in_sync or _is_on_local_aws(session) else SETTLES
    code = _apply(session, plan, "up", (lambda: smoke_test(session, settles=settles)) if smoke else None)
    return follow(session, before) if watch and not code else code


@command(app)
def plan(
    session: Session,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 when something would change.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help=ADOPT)] = False,
) -> int:
    """Show what `up` would do, property by property.

    Example: [bold]chatops plan --check[/bold]
    """
    session.prepare()
    session.head()
    from .. import plans
    from ..render.plan import show

    _note_runtimes(session)
    plan = plans.up(session.stack, adopt=adopt)
    refusal = plans.refusal(session.stack, plan)
    show(session.output, session.where, plan, session.stack.outside_files, refusal=refusal)
    return NOT_IN_SYNC if check and not plan.in_sync else 0


def _note_runtimes(session: Session) -> None:
    """Say where the Python here differs from that of the functions."""
    from ..handler import unchecked

    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for where in unchecked(session.config, session.stack.packages):
        session.note(f"{where} on Python {here}. The function's runtime is newer, so the file was packed unchecked.")
    if session.options.local:
        from ..local.functions import interpreter

        for runtime in sorted({one.runtime for one in session.config.functions.values()}):
            if runtime != f"python{here}" and interpreter(runtime) == sys.executable:
                session.note(f"The functions of {runtime} run on Python {here}: {runtime} is not on the PATH.")


@command(app)
def down(session: Session, yes: Yes = False) -> int:
    """Delete everything that the stack owns, log groups included, and prove that nothing is left.

    Example: [bold]chatops down --region ap-northeast-2[/bold]
    """
    session.prepare()
    session.head()
    from .. import plans
    from ..deploy.plan import Action
    from ..ops import addresses, roster
    from ..render.plan import show

    plan = plans.down(session.stack)
    doomed = plan.of(Action.DELETE)
    if doomed:
        tables = plans.tables(plan)
        told = roster.audience(session.aws, tables, addresses.connections_among(session.stack, plan.live))
        if told:
            session.note(f"{told[0].upper()}{told[1:]}: whoever is in the chat is cut off.")
        if not (yes or session.options.local or session.options.as_json):
            show(session.output, session.where, plan)
        cut = " while people are connected" if told else ""
        question = f"Delete these {len(doomed)} resources{cut}?"
        if not session.may(question, yes=yes, unattended=False, deletes=plan.deletions):
            session.output.say("No changes were made.")
            return FAILED
    return _apply(session, plan, "down")


def _is_confirmed(session: Session, plan: Plan, *, yes: bool) -> bool:
    """Whether `up` may carry out the plan: asks before a first creation, and before it deletes anything."""
    from .. import plans
    from ..render.plan import deletions

    if plan.deletions:
        if not (session.options.local or session.options.as_json):
            deletions(session.output, plan)
        question = f"Delete {'this' if len(plan.deletions) == 1 else f'these {len(plan.deletions)}'}?"
        return session.may(question, yes=yes, unattended=False, deletes=plan.deletions)
    if plans.is_there(session.stack, plan):
        return True
    return session.may("Nothing of this stack exists here yet. Create it?", yes=yes, unattended=True)


def follow(session: Session, before: Stamp | None = None) -> int:
    """Deploys again whenever the config or a handler is saved, until Ctrl-C. A mistake in them is told, and waited for.

    Connections are kept: only the functions change. `before` is what the files were when the stack was last planned:
    what was saved since is deployed too. Without it nothing was planned yet, and that comes first. A config file stays
    the one in use while it is away, as it is for a moment when some editors save it: the built-in defaults never are.
    """
    from .. import plans
    from ..deploy.plan import Action
    from ..local.watch import stamp, wait_for_change
    from ..render.plan import blocked, show_outside_files

    is_planned = before is not None
    shown = session.where
    listed = session.stack.outside_files if is_planned else []
    file = None if session.config.is_built_in else session.config.file
    before = stamp(session.stack.files) | (before or {})
    session.note(f"Watching {len(before)} files; Ctrl-C ends it.")
    while True:
        if is_planned:
            changed = wait_for_change(before, session.aws.pause)
            before = stamp(before)
            if file and before.get(file, ()) is None:
                session.note(f"{file} is not there: waiting until it is back.")
                continue
            session.note("Saved: " + ", ".join(one.name for one in changed))
            session = session.again(file)
        is_planned = True
        try:
            before = stamp(session.stack.files) | before
            file = file or (None if session.config.is_built_in else session.config.file)
            if session.where != shown:
                shown = session.where
                session.head()
            if session.stack.outside_files != listed:
                listed = session.stack.outside_files
                show_outside_files(session.output, listed)
            plan = plans.up(session.stack)
            refusal = plans.refusal(session.stack, plan)
            if refusal:
                raise refusal
        except ChatopsError as error:
            session.output.error(error)
            continue
        if plan.of(Action.BLOCKED):
            blocked(session.output, plan)
        elif not plan.in_sync and _apply(session, plan, "up") == INTERRUPTED:
            return INTERRUPTED


def _apply(session: Session, plan: Plan, verb: str, prove: Callable[[], int] | None = None) -> int:
    """Carries the plan out, proves what came of it, and tells the summary, which stands last."""
    from ..deploy.apply import apply
    from ..ops import addresses
    from ..ops.access import is_closed
    from ..ops.cost import sentence
    from ..render import summary

    session.interrupt.so_far = f"Some of it may be done: run `chatops {verb}` again to continue."
    with session.stoppable():
        with session.output.watching() as emit:
            outcome = apply(plan, session.aws, emit, session.stop)
        urls = addresses.outputs(session.stack, outcome.live)

        uploaded = {"outside_files": session.stack.outside_files} if verb == "up" else {}

        def tell(next_step: str, **more: str) -> None:
            summary.show(session.output, {**session.where, **more, **uploaded}, outcome, urls, next_step)

        if session.stop.is_set():
            tell(f"Stopped. Run `chatops {verb}` again to continue.")
            return INTERRUPTED
        if outcome.failed:
            tell(f"Mend what failed, then run `chatops {verb}` again.")
            return FAILED
        if verb == "down":
            return _prove_gone(session, plan, outcome, tell)
    session.interrupt.so_far = "The stack is up."
    closed = is_closed(session.stack)
    address = '"$(chatops invite)"' if closed else urls["websocket_url"]
    hint = f'Try it: wscat -c {address}   then  {{"action":"sendMessage", "message":"Hello! bs~"}}'
    code = _proved(session, prove) if prove else 0
    tell(DOES_NOT_WORK if code else hint, auth=session.config.websocket.auth)
    if not (session.options.as_json or _is_on_local_aws(session)):
        if not closed:
            session.note(OPEN)
        session.output.say(sentence(session.config))
    return code


def _is_on_local_aws(session: Session) -> bool:
    """Whether the stack is on the local AWS, by --local or as the endpoint that `chatops local env` names."""
    return session.options.local or session.aws.front_url is not None


def _proved(session: Session, prove: Callable[[], int]) -> int:
    try:
        return prove()
    except Exception as error:
        return session.output.error(error).exit_code


def _prove_gone(session: Session, plan: Plan, outcome: Outcome, tell: Callable[[str], None]) -> int:
    """Looks for what is left, tells the summary, and gives the exit code."""
    from .. import plans
    from ..deploy.apply import NotConverged
    from ..deploy.plan import Action

    try:
        remains = plans.remains(session.stack, [step.resource for step in plan.of(Action.DELETE)])
    except Exception:
        tell(NOT_LOOKED_AT)
        raise
    if not remains:
        tell("Looked again: nothing of this stack is left.")
        return 0
    for name in remains:
        outcome.done.pop(name, None)
        outcome.failed[name] = NotConverged(name, ["existence"])
    tell(f"Looked again, and this is back or still there: {', '.join(remains)}. Run `chatops down` again.")
    return FAILED
