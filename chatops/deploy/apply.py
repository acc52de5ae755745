"""Carries out a plan: every step in its turn, each looked at again before it counts as done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .events import Emit, Failed, Finished, Progressed, Skipped, Started
from .plan import Action, Plan, Step, differences
from .resource import PLACEHOLDER, Blocked, Change, Live, Look, Properties, Resource, listen, sharing
from .walk import reverse, walk

SETTLE = 30.0
"""Seconds that a change may take to show in what AWS says. Its reads can lag behind its writes."""
CAUGHT_UP = 5.0
"""Seconds after which what still differs in something new is somebody else's work rather than a read that lags."""


class NotConverged(Exception):
    """A step was carried out, and yet the resource is not what it should be. Carries the paths that differ."""

    def __init__(self, resource: str, paths: Iterable[str]) -> None:
        self.paths = tuple(paths)
        super().__init__(f"{resource} did not converge: {', '.join(self.paths)}")


class Stopped(Exception):
    """A step was carried out, and the run was stopped before that showed."""


class UnknownValue(Exception):
    """A step needed a value that is not known: a mistake in the order of the resources."""


@dataclass
class Outcome:
    """What became of each resource, by name, and the live state at the end."""

    done: dict[str, Action] = field(default_factory=dict)
    failed: dict[str, BaseException] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    live: dict[str, Live | None] = field(default_factory=dict)
    seconds: float = 0.0

    def names(self, action: Action) -> list[str]:
        """The resources that this action was done to, sorted."""
        return sorted(name for name, done in self.done.items() if done is action)


def apply(plan: Plan, aws: Any, emit: Emit, stop: threading.Event, settle: float = SETTLE) -> Outcome:
    """Carries out every step of the plan, in parallel where the dependencies allow.

    Deletions run against the dependencies, all else along them and first; when that fails, nothing is deleted.
    A failed step ends only what depends on it. After `stop` is set, steps under way end and no other starts.
    """
    began = time.monotonic()
    outcome = Outcome(live=dict(plan.live))

    def look(resource: Resource) -> Live | None:
        return outcome.live.get(resource.name)

    def visit(step: Step) -> None:
        started = time.monotonic()
        if step.action is Action.BLOCKED:
            raise Blocked(step.code, step.reason or "it is blocked", step.hint or "")
        if step.action is not Action.KEEP:
            emit(Started(step.name, step.action))
            listen(lambda text: emit(Progressed(step.name, step.action, text)))
            outcome.live[step.name] = _carry_out(step, aws, look, stop, settle)
        outcome.done[step.name] = step.action
        paths = tuple(change.path for change in step.changes)
        emit(Finished(step.name, step.action, time.monotonic() - started, paths, step.reason))

    deletes = [step for step in plan.steps if step.action is Action.DELETE]
    for steps in ([step for step in plan.steps if step.action is not Action.DELETE], deletes):
        by_name = {step.name: step for step in steps}
        graph = {step.name: {need.name for need in step.resource.dependencies} for step in steps}
        if steps is deletes:
            graph = reverse(graph)

        def guarded(name: str, by_name: dict[str, Step] = by_name) -> None:
            try:
                visit(by_name[name])
            except BaseException as error:
                emit(Failed(name, by_name[name].action, error))
                raise

        if outcome.failed:
            stop = threading.Event()
            stop.set()
        visits = walk(graph, guarded, stop)
        outcome.failed |= visits.failed
        outcome.skipped += visits.skipped
        for name in visits.skipped:
            emit(Skipped(name, by_name[name].action))
    outcome.seconds = time.monotonic() - began
    return outcome


def _carry_out(step: Step, aws: Any, look: Look, stop: threading.Event, settle: float) -> Live | None:
    resource = step.resource
    if step.action is Action.DELETE:
        resource.delete(aws, look)
        return _settled(step, None, aws, look, stop, settle)
    desired = resource.desired(aws, look)
    _refuse_unknown(step.name, desired)
    if step.action is Action.CREATE:
        resource.create(aws, desired, look)
        live, left = _shown(step, desired, aws, look, stop, min(settle, CAUGHT_UP))
        if not left:
            return live
        # Created by somebody else in the same moment: what differs is changed, as in any other run.
        changes = differences(live.properties, desired) if live and live.owner == resource.stack else []
    else:
        if step.action is Action.ADOPT:
            resource.tag(aws, look)
        live = look(resource)
        changes = differences(live.properties if live else {}, desired)
    if changes:
        resource.update(aws, changes, desired, look)
    return _settled(step, desired, aws, look, stop, settle)


def _settled(
    step: Step, desired: Properties | None, aws: Any, look: Look, stop: threading.Event, settle: float
) -> Live | None:
    """Looks until AWS shows what was done, and gives what it shows."""
    live, left = _shown(step, desired, aws, look, stop, settle)
    if not left:
        return live
    if stop.is_set():
        raise Stopped(step.name)
    raise NotConverged(step.name, (change.path for change in left))


def _shown(
    step: Step, desired: Properties | None, aws: Any, look: Look, stop: threading.Event, limit: float
) -> tuple[Live | None, list[Change]]:
    """What AWS shows, and what of it is still different after `limit` seconds, or when the run is stopped.

    A deletion has ended when nothing is left that the stack owns: names need not be unique.
    """
    deadline, pause = time.monotonic() + limit, 0.1
    while True:
        live = _owned_rest(step.resource, aws, look) if desired is None else step.resource.observe(aws, look)
        left = _still_different(step.resource, live, desired)
        if not left or stop.is_set() or time.monotonic() >= deadline:
            return live, left
        stop.wait(pause)
        pause = min(pause * 2, 2.0)


def _owned_rest(resource: Resource, aws: Any, look: Look) -> Live | None:
    """Return what is left of a resource and is the stack's own."""
    try:
        with sharing(glance=True):
            live = resource.observe(aws, look)
    except Blocked:
        # Only what is not the stack's is ambiguous.
        return None
    return live if live and live.owner == resource.stack else None


def _still_different(resource: Resource, live: Live | None, desired: Properties | None) -> list[Change]:
    if desired is None:
        return [Change("existence", "exists", None)] if live else []
    if live is None:
        return [Change("existence", None, "exists")]
    if live.owner != resource.stack:
        return [Change("ownership tag", live.owner, resource.stack)]
    return differences(live.properties, desired)


def _refuse_unknown(name: str, value: Any) -> None:
    if isinstance(value, str) and PLACEHOLDER in value:
        raise UnknownValue(f"{name} was to be sent a value that is not known yet")
    if isinstance(value, dict):
        for one in (*value.keys(), *value.values()):
            _refuse_unknown(name, one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _refuse_unknown(name, one)
