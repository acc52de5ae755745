"""What would be done, property by property, and why it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..deploy.plan import Action, Plan
from ..documents.changes import blocked_document, plan_document
from ..text import visible
from .output import Output
from .steps import CHANGING, step_text


def show(
    output: Output,
    where: Mapping[str, Any],
    plan: Plan,
    outside_files: Sequence[str] = (),
    *,
    refusal: BaseException | None = None,
) -> None:
    """Every step that is not to keep things as they are, how many there are of each kind, and why `up` would stop.

    `outside_files` are those from outside the config's folder that go into the functions' zips.
    """
    if output.as_json:
        output.document(plan_document(where, plan, outside_files, refusal=refusal))
        return
    show_outside_files(output, outside_files)
    for step in plan.steps:
        if step.action is not Action.KEEP:
            output.out.print(step_text(step, output.advised))
    counts = {action: len(plan.of(action)) for action in Action}
    told = [f"{count} to {action.value}" for action, count in counts.items() if count and action in CHANGING]
    if counts[Action.BLOCKED]:
        told.append(f"{counts[Action.BLOCKED]} blocked")
    same = f"{counts[Action.KEEP]} unchanged"
    output.out.print(Text("In sync: " + same if plan.in_sync else ", ".join([*told, same])))
    if refusal:
        output.say("`up` would stop before any change:", "bold red")
        output.error(refusal)


def deletions(output: Output, plan: Plan) -> None:
    """Everything that a plan deletes, before the question whether it may."""
    output.say("To be deleted:", "bold")
    for one in plan.deletions:
        output.say(f"  - {visible(one)}", "red")


def show_outside_files(output: Output, outside_files: Sequence[str]) -> None:
    """List the files from outside the config's folder that are uploaded, for a person to check, on stderr."""
    if outside_files and not output.as_json:
        output.say(f"Files from outside the config's folder, uploaded to Lambda ({len(outside_files)}):", "yellow")
        for one in outside_files:
            output.say(f"  {visible(one)}", "yellow")


def blocked(output: Output, plan: Plan) -> None:
    """Why a plan cannot be carried out."""
    for step in plan.of(Action.BLOCKED):
        if output.as_json:
            output.document(blocked_document(step))
        else:
            output.err.print(step_text(step, output.advised))
    if not output.as_json:
        output.say("No changes were made.", "bold")
