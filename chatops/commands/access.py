"""Commands about who may do what: invite, policy."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from ..command import command
from ..session import Session

app = typer.Typer()
TEMPORARY = (
    "These credentials are temporary: the invite ends with them, however long it was asked for. "
    "For a longer one use a profile of an IAM user."
)
UNCERTAIN = (
    "It is certain for five minutes only: API Gateway was seen to take no signature for longer, whatever it says. "
    "Where that happens, print an invite when its holder is about to come."
)


class Group(str, Enum):
    """A group of commands: see `ops.policy.GROUPS`."""

    DEPLOY = "deploy"
    OBSERVE = "observe"
    OPERATE = "operate"
    DIAGNOSE = "diagnose"


@command(app)
def invite(
    session: Session,
    expires: Annotated[str, typer.Option(help="How long it lets people in: 10m, 1h, 7d at most.")] = "1h",
) -> None:
    """Print a URL that lets its holder into a closed chat until it expires.

    Example: [bold]wscat -c "$(chatops invite --expires 1h)"[/bold]
    """
    from ..ops import access
    from ..times import iso, seconds

    asked = access.lasting(seconds(expires))
    session.head()
    made = access.invite(session.stack, asked)
    ends, certain = (iso(one, "seconds") for one in (made.expires_at, made.certain_until))
    if session.options.as_json:
        told = {"url": made.url, "page": made.page, "expires_at": ends, "certain_until": certain}
        session.output.document(told)
        return
    session.output.line(made.url)
    session.note(f"It lets its holder in until {ends}; who is in by then stays for up to two hours.")
    if certain != ends:
        session.note(UNCERTAIN)
    if made.page:
        session.output.say(f"The same for the page: {made.page}")
    if made.is_temporary:
        session.note(TEMPORARY)


@command(app)
def policy(
    session: Session,
    group: Annotated[Group | None, typer.Option("--for", help="Only for these commands; without it, for all.")] = None,
) -> None:
    """Print the least IAM policy that an operator of this stack needs.

    Example: [bold]chatops policy --for observe > observer.json[/bold]
    """
    import json

    from ..ops.policy import GROUPS, policy

    session.head()
    groups = [group.value] if group else list(GROUPS)
    document = policy(session.stack, groups)
    if session.options.as_json:
        session.output.document(document)
        return
    session.output.line(json.dumps(document, indent=2))
    for one in groups:
        session.note(f"{one}: {GROUPS[one]}")
