"""The stack's resources as far as AWS shows them: what it refuses to show does not hide the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ... import leftovers
from ...aws import Interrupted
from ...deploy import plan as engine
from ...deploy.plan import Action, Plan, Step, plan_up
from ...deploy.resource import PLACEHOLDER, Resource, Unseen, sharing
from ...errors import explain
from .finding import Finding, unchecked

if TYPE_CHECKING:
    from ...stack import Stack


@dataclass(frozen=True)
class Observation:
    """What `up` would do, as far as that can be told, and a finding for all that cannot."""

    plan: Plan
    unseen: tuple[Finding, ...]


def observe(stack: Stack) -> Observation:
    """Every resource of the stack, and what is left over of its earlier configs."""
    resources = stack.resources
    with sharing():
        (left, unseen), seen = stack.aws.together(
            lambda: _leftovers(stack), lambda: engine.observe(resources, stack.aws, hide=_hidden)
        )
        seen |= engine.observe(left, stack.aws, hide=_hidden)
    hidden = {name: one for name, one in seen.items() if isinstance(one, Unseen)}
    plan = plan_up(resources, left, seen, stack.aws)
    steps = [_judged(step) if hidden else step for step in plan.steps if step.name not in hidden]
    return Observation(Plan(tuple(steps), plan.live), (*unseen, *_told(hidden)))


def _leftovers(stack: Stack) -> tuple[list[Resource], list[Finding]]:
    try:
        return leftovers.find(stack), []
    except Interrupted:
        raise
    except Exception as reason:
        return [], [unchecked("What earlier configs left behind", reason)]


def _hidden(reason: Exception) -> Unseen:
    if isinstance(reason, Interrupted):
        raise reason
    return Unseen(reason)


def _told(hidden: Mapping[str, Unseen]) -> list[Finding]:
    """One finding for all that AWS refused for the same reason."""
    by_reason: dict[str, list[str]] = {}
    for name, one in hidden.items():
        by_reason.setdefault(explain(one.reason).what, []).append(name)
    return [unchecked(", ".join(names), hidden[names[0]].reason) for names in by_reason.values()]


def _judged(step: Step) -> Step:
    """The step without the differences that only what was not seen could settle, such as the id of an API."""
    changes = tuple(one for one in step.changes if PLACEHOLDER not in json.dumps(one.after, default=str))
    if step.action is Action.UPDATE and not changes:
        return replace(step, action=Action.KEEP, changes=())
    return replace(step, changes=changes)
