"""The stack's resources as far as AWS shows them: what it refuses to show does not hide the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...aws import Aws, Interrupted
from ...deploy.plan import Action, Plan, Step, plan_up
from ...deploy.resource import PLACEHOLDER, Blocked, Live, Resource, sharing
from ...deploy.walk import WORKERS, in_order
from ...errors import explain
from .finding import Finding, unchecked

if TYPE_CHECKING:
    from ...stack import Stack


class Unseen(Blocked):
    """AWS did not show a resource, or one without which it cannot be told."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason), "")
        self.reason = reason


@dataclass(frozen=True)
class Observation:
    """What `up` would do, as far as that can be told, and a finding for all that cannot."""

    plan: Plan
    unseen: tuple[Finding, ...]


def observe(stack: Stack) -> Observation:
    """Every resource of the stack, and what is left over of its earlier configs."""
    resources = stack.resources
    with sharing():
        (leftovers, unseen), seen = stack.aws.together(
            lambda: _leftovers(stack), lambda: _observe(resources, stack.aws)
        )
        seen |= _observe(leftovers, stack.aws)
    hidden = {name: one for name, one in seen.items() if isinstance(one, Unseen)}
    plan = plan_up(resources, leftovers, seen, stack.aws)
    steps = [_judged(step) if hidden else step for step in plan.steps if step.name not in hidden]
    return Observation(Plan(tuple(steps), plan.live), (*unseen, *_told(hidden)))


def _leftovers(stack: Stack) -> tuple[list[Resource], list[Finding]]:
    try:
        return stack.leftovers(), []
    except Interrupted:
        raise
    except Exception as reason:
        return [], [unchecked("What earlier configs left behind", reason)]


def _observe(resources: Sequence[Resource], aws: Aws) -> dict[str, Live | Blocked | None]:
    by_name = {one.name: one for one in resources}
    order = in_order({one.name: [need.name for need in one.dependencies] for one in resources})
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="observe") as pool:
        futures: dict[str, Future[Live | Blocked | None]] = {}

        def look(resource: Resource) -> Live | None:
            seen = futures[resource.name].result()
            if isinstance(seen, Unseen):
                raise seen
            return None if isinstance(seen, Blocked) else seen

        def see(resource: Resource) -> Live | Blocked | None:
            try:
                return resource.observe(aws, look)
            except Blocked as blocked:
                return blocked
            except Interrupted:
                raise
            except Exception as reason:
                return Unseen(reason)

        # Those looked at were submitted earlier and the pool is first in, first out: no deadlock.
        for name in order:
            futures[name] = pool.submit(copy_context().run, see, by_name[name])
        return {name: future.result() for name, future in futures.items()}


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
