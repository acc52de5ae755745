"""Commands that tell what is wrong, where, and how busy it is: metrics, find, doctor."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..command import command
from ..errors import FAILED, NoRegion, UsageError
from ..extras import require
from ..session import Session

if TYPE_CHECKING:
    from ..aws import Aws

app = typer.Typer()

LATE = "CloudWatch shows a minute one or two minutes after it is over."
LOCAL = "The local AWS measures the functions only, and not the API."


@command(app)
def metrics(
    session: Session,
    since: Annotated[str, typer.Option(help="How far back: 30m, 1h, 7d; 30d at most.")] = "1h",
) -> None:
    """Plot connections, messages, errors, latency and throttling, as CloudWatch measured them.

    Example: [bold]chatops metrics --since 6h[/bold]
    """
    from ..ops import addresses, metrics
    from ..render.metrics import show
    from ..times import seconds

    span = seconds(since)
    if not 60 <= span <= metrics.LONGEST:
        raise UsageError(
            "metrics-since",
            f"--since {since} cannot be plotted",
            "it must be from 1m to 30d",
            "For example: --since 1h",
        )
    session.head()
    config, websocket = session.config, session.stack.websocket
    subjects = [metrics.function(one.name) for one in config.functions.values()]
    live, missing = websocket.observe(session.aws, lambda _: None), [websocket.name]
    if live and live.owner == config.stack:
        subjects.insert(0, metrics.websocket(websocket.api, live.outputs["api_id"], websocket.stage))
        missing = []
    note = LOCAL if session.options.local else LATE
    measured = metrics.measure(session.aws, subjects, span)
    if missing and measured.is_empty:
        raise addresses.not_deployed(session.stack, websocket.name)
    show(session.output, session.where, measured, note, missing)


@command(app)
def find(session: Session) -> int:
    """List every region in which this stack exists, or a twin of it that was made by hand.

    Example: [bold]chatops find[/bold]
    """
    from ..ops.find import find
    from ..render.find import show

    aws, meant = _anywhere(session)
    where = {"stack": session.config.stack, "account": aws.account, "config": session.config.origin}
    session.output.head({**where, "region": meant or "any"}, session.place(aws))
    session.output.say("Asking every region of the account …", "dim")
    places = find(aws, session.config)
    show(session.output, {**where, "region": meant}, places)
    return FAILED if all(one.state in ("refused", "disabled") for one in places) else 0


@command(app)
def doctor(
    session: Session,
    since: Annotated[str, typer.Option(help="How far back to read the functions' logs: 10m, 1h, 1d.")] = "1h",
    saw: Annotated[str | None, typer.Option(help="What a client or AWS said; its causes are told too.")] = None,
) -> int:
    """Look for what is broken, and say why and what mends it. Exit 1 when something is.

    Example: [bold]chatops doctor --saw "Internal server error"[/bold]
    """
    from ..ops.doctor import causes_of, examine
    from ..render.doctor import show
    from ..times import seconds

    span = seconds(since)
    if session.options.local:
        # Else the missing package would be one finding among others.
        require("local")
    diagnosis = examine(lambda: session.stack, region_from=_region_from(session), since=span)
    if diagnosis.where:
        session.output.head({**diagnosis.where, "config": session.config.origin}, session.place(session.aws))
    else:
        session.output.head(session.known)
    if saw:
        diagnosis = replace(diagnosis, findings=(*causes_of(saw), *diagnosis.findings))
    show(session.output, diagnosis)
    return 0 if diagnosis.is_ok else FAILED


def _anywhere(session: Session) -> tuple[Aws, str | None]:
    """AWS, and the region that is meant; without one any region of the usual partition does to ask from."""
    try:
        return session.aws, session.aws.region
    except NoRegion:
        return session.other(region="us-east-1").aws, None


def _region_from(session: Session) -> str:
    """Who chose the region."""
    if session.options.region:
        return "--region"
    try:
        if session.config.region:
            return str(session.config.file)
    except UsageError:
        return ""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(name):
            return name
    return "chatops, for the local AWS" if session.options.local else "the AWS profile"
