"""Plans, what became of them, and what happened on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..deploy import events
from ..deploy.apply import Outcome
from ..deploy.plan import Action, Plan, Step
from ..errors import explain
from . import Document


def event_document(event: events.Event) -> Document:
    """One thing that happened to one resource during an apply."""
    name = {
        events.Started: "started",
        events.Progressed: "progress",
        events.Finished: "finished",
        events.Failed: "failed",
        events.Skipped: "skipped",
    }[type(event)]
    document: Document = {"event": name, "resource": event.resource, "action": event.action.value}
    if isinstance(event, events.Progressed):
        document["text"] = event.text
    elif isinstance(event, events.Finished):
        document["seconds"] = round(event.seconds, 2)
        if event.action in (Action.UPDATE, Action.ADOPT):
            document["paths"] = list(event.paths)
        if event.reason:
            document["reason"] = event.reason
    elif isinstance(event, events.Failed):
        told = explain(event.error)
        document |= {"code": told.code, "what": told.what, "why": told.why, "hint": told.hint}
    return document


def summary_document(where: Mapping[str, Any], outcome: Outcome, outputs: Mapping[str, Any]) -> Document:
    """How an apply ended."""
    return {
        "event": "summary",
        **where,
        "created": outcome.names(Action.CREATE),
        "updated": outcome.names(Action.UPDATE),
        "adopted": outcome.names(Action.ADOPT),
        "deleted": outcome.names(Action.DELETE),
        "unchanged": outcome.names(Action.KEEP),
        "failed": sorted(outcome.failed),
        "skipped": sorted(outcome.skipped),
        "seconds": round(outcome.seconds, 2),
        "outputs": outputs,
    }


def step_document(step: Step) -> Document:
    """What would be done to one resource."""
    changes = [{"path": one.path, "before": one.before, "after": one.after} for one in step.shown]
    document: Document = {"resource": step.name, "action": step.action.value, "changes": changes}
    if step.removes:
        document["deletes"] = list(step.removes)
    if step.reason:
        document["reason"] = step.reason
    if step.hint:
        document["hint"] = step.hint
    if step.code:
        document["code"] = step.code
    return document


def blocked_document(step: Step) -> Document:
    """Why a step stops `up`, as an error."""
    why = {"code": step.code, "what": f"{step.name} is blocked", "why": step.reason, "hint": step.hint}
    return {"event": "error", "resource": step.name, **why}


def plan_document(
    where: Mapping[str, Any],
    plan: Plan,
    outside_files: Sequence[str] = (),
    *,
    refusal: BaseException | None = None,
) -> Document:
    """What `up` would do, and the files from outside the config's folder that it would send.

    `refused` says why it would stop before all of it.
    """
    steps = [step_document(step) for step in plan.steps]
    document = {**where, "in_sync": plan.in_sync, "steps": steps, "outside_files": list(outside_files)}
    if refusal:
        told = explain(refusal)
        document["refused"] = {"code": told.code, "what": told.what, "why": told.why, "hint": told.hint}
    return document
