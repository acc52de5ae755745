"""Commands that change what runs on AWS: up, plan, down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..command import Yes, command
from ..errors import FAILED, INTERRUPTED, NOT_IN_SYNC, ChatopsError, UsageError
from ..extras import require
from ..session import Session
from .operate import NEEDED_TO_CONNECT, smoke_test

if TYPE_CHECKING:
    from ..local.watch import Stamp

app = typer.Typer()
Watch = Annotated[bool, typer.Option("--watch", help="With --local: deploy again whenever a handler is saved.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")]
OPEN = "It is open to everyone who has its URL. To close it: `auth: iam` under websocket: in the config, and `up`."
DOES_NOT_WORK = "Everything is there, and the chat does not work: see above."
DEPLOY_EXPORT = """\
To deploy it, where no chatops stack of these names exists (`chatops down`, or another prefix):
  aws s3 cp --recursive {directory}/code s3://BUCKET/
  aws cloudformation deploy --template-file {directory}/template.yaml --stack-name NAME \\
    --capabilities CAPABILITY_NAMED_IAM --parameter-overrides CodeBucket=BUCKET"""
SETTLES = 60.0
"""Seconds that a new or changed policy may take to be true everywhere.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""
SOME_FILES = "Some files may be written already: the same command with --force writes them all."
NOT_LOOKED_AT = "Whether something is left was not seen: run `chatops down` again, and it looks."
ADOPT = "Take over what exists under our names and was not created by chatops."


@command(app, options=("as_json", "debug"))
def init(
    session: Session,
    directory: Annotated[Path, typer.Argument(help="Where to write; made when it does not exist.")] = Path(),
    force: Force = False,
) -> None:
    """Write config.yaml and handlers/ to start from.

    Example: [bold]chatops init my-chat[/bold]
    """
    from ..starter import write

    session.interrupt.so_far = SOME_FILES
    written = write(directory, force=force)
    text = "\n".join(map(str, written)) or f"{directory} has everything already."
    session.output.result({"written": [str(one) for one in written]}, text)


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
    from ..deploy.plan import Action
    from ..local.watch import stamp

    if watch and not session.options.local:
        raise UsageError(
            "watch-is-local", "--watch is for the local AWS", "on AWS every save would be a deployment", "Add --local."
        )
    if smoke:
        require(*NEEDED_TO_CONNECT)
    session.prepare()
    session.head()
    before = stamp(session.stack.files) if watch else None
    plan = session.stack.plan_up(adopt=adopt)
    if dry_run:
        session.output.plan(session.where, plan)
        return 0
    if plan.of(Action.BLOCKED):
        session.output.blocked(plan)
        return FAILED
    is_new = not session.stack.is_in(plan)
    if is_new and not session.may("Nothing of this stack exists here yet. Create it?", yes=yes, unattended=True):
        session.output.say("Nothing was changed.")
        return FAILED
    settles = 0.0 if plan.in_sync or session.options.local else SETTLES
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
    plan = session.stack.plan_up(adopt=adopt)
    session.output.plan(session.where, plan)
    return NOT_IN_SYNC if check and not plan.in_sync else 0


@command(app)
def down(session: Session, yes: Yes = False) -> int:
    """Delete everything that the stack owns, log groups included, and prove that nothing is left.

    Example: [bold]chatops down --region ap-northeast-2[/bold]
    """
    from ..deploy.plan import Action
    from ..ops import roster

    session.prepare()
    session.head()
    plan = session.stack.plan_down()
    doomed = plan.of(Action.DELETE)
    if doomed:
        tables = session.stack.tables(plan)
        told = roster.audience(session.aws, tables, session.stack.connections_url(plan.live))
        if told:
            session.note(f"{told[0].upper()}{told[1:]}: whoever is in the chat is cut off.")
        if not (yes or session.options.local or session.options.as_json):
            session.output.plan(session.where, plan)
        cut = " while people are connected" if told else ""
        if not session.may(f"Delete these {len(doomed)} resources{cut}?", yes=yes, unattended=False):
            session.output.say("Nothing was changed.")
            return FAILED
    return _apply(session, plan, "down")


@command(app)
def export(
    session: Session,
    directory: Annotated[Path, typer.Argument(help="Where to write; made when it does not exist.")] = Path("export"),
    force: Force = False,
) -> None:
    """Write the stack as a CloudFormation template, with the zips of its functions, to go on without chatops.

    Example: [bold]chatops export[/bold]
    """
    import shlex

    import yaml

    from ..ops.export import export
    from ..starter import put

    options = session.options
    made = export(session.config, session.aws if options.local or options.endpoint_url else None)
    text = yaml.safe_dump(made.template, sort_keys=False, allow_unicode=True, width=120)
    session.interrupt.so_far = SOME_FILES
    files = {f"code/{name}": read() for name, read in made.code.items()}
    written = put(directory, {"template.yaml": text.encode(), **files}, force=force)
    text = "\n".join(map(str, written)) or f"{directory} has everything already."
    session.output.result({"written": [str(one) for one in written]}, text)
    session.note(DEPLOY_EXPORT.format(directory=shlex.quote(str(directory))))


def follow(session: Session, before: Stamp | None = None) -> int:
    """Deploys again whenever the config or a handler is saved, until Ctrl-C. A mistake in them is told, and waited for.

    Connections are kept: only the functions change. `before` is what the files were when the stack was last planned:
    what was saved since is deployed too. Without it nothing was planned yet, and that comes first.
    """
    from ..deploy.plan import Action
    from ..local.watch import stamp, wait_for_change

    is_planned = before is not None
    before = stamp(session.stack.files) | (before or {})
    session.note(f"Watching {len(before)} files; Ctrl-C ends it.")
    while True:
        if is_planned:
            changed = wait_for_change(before, session.aws.pause)
            before = stamp(before)
            session.note("Saved: " + ", ".join(one.name for one in changed))
            session = session.again()
        is_planned = True
        try:
            before = stamp(session.stack.files) | before
            plan = session.stack.plan_up()
        except ChatopsError as error:
            session.output.error(error)
            continue
        if plan.of(Action.BLOCKED):
            session.output.blocked(plan)
        elif not plan.in_sync and _apply(session, plan, "up") == INTERRUPTED:
            return INTERRUPTED


def _apply(session: Session, plan: Any, verb: str, prove: Callable[[], int] | None = None) -> int:
    """Carries the plan out, proves what came of it, and tells the summary, which stands last."""
    from ..deploy.apply import apply
    from ..ops.access import is_closed
    from ..ops.cost import sentence
    from ..stack import outputs

    session.interrupt.so_far = f"Some of it may be done: run `chatops {verb}` again to continue."
    with session.stoppable():
        with session.output.watching() as emit:
            outcome = apply(plan, session.aws, emit, session.stop)
        urls = outputs(session.stack, outcome.live)
        if session.stop.is_set():
            session.output.summary(session.where, outcome, urls, f"Stopped. Run `chatops {verb}` again to continue.")
            return INTERRUPTED
        if outcome.failed:
            session.output.summary(session.where, outcome, urls, f"Mend what failed, then run `chatops {verb}` again.")
            return FAILED
        if verb == "down":
            return _prove_gone(session, plan, outcome, urls)
    session.interrupt.so_far = "The stack is up."
    closed = is_closed(session.stack)
    address = '"$(chatops invite)"' if closed else urls["websocket_url"]
    hint = f'Try it: wscat -c {address}   then  {{"action":"sendMessage", "message":"Hello! bs~"}}'
    code = _proved(session, prove) if prove else 0
    where = {**session.where, "auth": session.config.websocket.auth}
    session.output.summary(where, outcome, urls, DOES_NOT_WORK if code else hint)
    if not session.options.as_json:
        if not closed:
            session.note(OPEN)
        session.output.say(sentence(session.config))
    return code


def _proved(session: Session, prove: Callable[[], int]) -> int:
    try:
        return prove()
    except Exception as error:
        return session.output.error(error).exit_code


def _prove_gone(session: Session, plan: Any, outcome: Any, urls: dict[str, Any]) -> int:
    from ..deploy.apply import NotConverged
    from ..deploy.plan import Action

    try:
        remains = session.stack.remains([step.resource for step in plan.of(Action.DELETE)])
    except Exception:
        session.output.summary(session.where, outcome, urls, NOT_LOOKED_AT)
        raise
    if not remains:
        session.output.summary(session.where, outcome, urls, "Looked again: nothing of this stack is left.")
        return 0
    for name in remains:
        outcome.done.pop(name, None)
        outcome.failed[name] = NotConverged(name, ["existence"])
    hint = f"Looked again, and this is back or still there: {', '.join(remains)}. Run `chatops down` again."
    session.output.summary(session.where, outcome, urls, hint)
    return FAILED
