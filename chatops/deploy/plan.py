"""The plan: for each resource, what would be done to it and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from .resource import Blocked, Change, Live, Look, Resource, Unseen
from .threads import result_of, thread_pool
from .walk import WORKERS, in_order

HIDDEN = "(hidden)"
"""Stands for a value that is not shown."""


class Action(str, Enum):
    """What a step does; the value is its name in JSON."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    DELETE = "delete"
    KEEP = "keep"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Step:
    """One resource and what is to be done to it. `reason` and `hint` say why a step is blocked or left alone.

    `code` is the name of the reason for which a step is blocked. `removes` is what an update deletes: see
    `Resource.deletions`.
    """

    resource: Resource
    action: Action
    changes: tuple[Change, ...] = ()
    reason: str | None = None
    hint: str | None = None
    code: str = ""
    removes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def deletions(self) -> tuple[str, ...]:
        """Everything that the step deletes: the resource, or what an update removes from it."""
        if self.action is Action.DELETE:
            return (self.name,)
        return tuple(f"{self.name}: {one}" for one in self.removes)

    @property
    def shown(self) -> tuple[Change, ...]:
        """The changes as they may be told: each path, and the values that are no secrets."""
        return tuple(
            replace(one, before=self._told(one.path, one.before), after=self._told(one.path, one.after))
            for one in self.changes
        )

    def _told(self, path: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._told(f"{path}.{key}", one) for key, one in value.items()}
        return value if value is None or self.resource.shows(path) else HIDDEN


@dataclass(frozen=True)
class Plan:
    """All steps, in dependency order, and the live state that they were made from."""

    steps: tuple[Step, ...]
    live: Mapping[str, Live | None] = field(default_factory=dict)

    def of(self, *actions: Action) -> list[Step]:
        """The steps with one of these actions."""
        return [step for step in self.steps if step.action in actions]

    @property
    def deletions(self) -> list[str]:
        """Everything that the plan deletes, in its order."""
        return [one for step in self.steps for one in step.deletions]

    @property
    def in_sync(self) -> bool:
        return all(step.action is Action.KEEP for step in self.steps)


Observed = Mapping[str, "Live | Blocked | None"]


def observe(
    resources: Sequence[Resource], aws: Any, *, hide: Callable[[Exception], Unseen] | None = None
) -> dict[str, Live | Blocked | None]:
    """The live state of every resource, all read at the same time.

    A resource that cannot be told apart is observed as its `Blocked`. Any other error ends the observation; with
    `hide`, the resource is observed as what that makes of the error, and so is every other that needs to see it.
    """
    by_name = {one.name: one for one in resources}
    order = in_order({one.name: [need.name for need in one.dependencies] for one in resources})
    with thread_pool(WORKERS, "observe") as pool:
        futures: dict[str, Future[Live | None]] = {}

        def look(resource: Resource) -> Live | None:
            # Those looked at were submitted earlier and the pool is first in, first out: no deadlock.
            try:
                return futures[resource.name].result()
            except Unseen:
                raise
            except Blocked:
                return None

        def see(resource: Resource) -> Live | None:
            try:
                return resource.observe(aws, look)
            except Exception as error:
                if hide is None or isinstance(error, Blocked):
                    raise
                raise hide(error) from error

        for name in order:
            futures[name] = pool.submit(copy_context().run, see, by_name[name])
        seen: dict[str, Live | Blocked | None] = {}
        for name, future in futures.items():
            try:
                seen[name] = result_of(future)
            except Blocked as blocked:
                seen[name] = blocked
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return seen


def plan_up(
    resources: Sequence[Resource],
    leftovers: Sequence[Resource],
    observed: Observed,
    aws: Any,
    *,
    adopt: bool = False,
) -> Plan:
    """What makes AWS equal to `resources`, and takes away `leftovers` that this stack owns."""
    live = _live(observed)

    def look(resource: Resource) -> Live | None:
        return live.get(resource.name)

    wanted = [_up_step(one, observed[one.name], look, aws, adopt) for one in _ordered(resources)]
    return Plan((*wanted, *plan_down(leftovers, observed).steps), live)


def plan_down(resources: Sequence[Resource], observed: Observed) -> Plan:
    """What deletes everything that this stack owns, and nothing else."""
    steps = [_down_step(one, observed[one.name]) for one in reversed(_ordered(resources))]
    return Plan(tuple(steps), _live(observed))


def differences(before: Any, after: Any, path: str = "") -> list[Change]:
    """Every path at which two states differ; mappings are compared key by key, everything else whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            change
            for key in (*after, *(key for key in before if key not in after))
            for change in differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if before == after else [Change(path, before, after)]


def _up_step(resource: Resource, seen: Live | Blocked | None, look: Look, aws: Any, adopt: bool) -> Step:
    if isinstance(seen, Blocked):
        return Step(resource, Action.BLOCKED, reason=seen.why, hint=seen.hint, code=seen.code)
    desired = resource.desired(aws, look)
    if seen is None:
        return Step(resource, Action.CREATE, tuple(differences({}, desired)))
    changes = tuple(differences(seen.properties, desired))
    fixed = [change for change in changes if change.path.split(".")[0] in resource.fixed]
    if seen.owner not in (None, resource.stack):
        return Step(
            resource,
            Action.BLOCKED,
            (),
            f"it belongs to the stack {seen.owner!r}, and this config is of the stack {resource.stack!r}",
            "Choose another name or prefix in the config, or delete that stack first with the config that created it: "
            "`chatops down --config OTHER`.",
            "of-another-stack",
        )
    if fixed:
        what = ", ".join(change.path for change in fixed)
        return Step(
            resource,
            Action.BLOCKED,
            changes,
            f"AWS cannot change {what} of one that exists",
            resource.fixed[fixed[0].path.split(".")[0]],
            "cannot-change",
        )
    if seen.owner is None and not adopt:
        return Step(
            resource,
            Action.BLOCKED,
            (),
            "one with this name exists already, and chatops did not create it",
            "Take it over with `chatops up --adopt`, or choose another name or prefix in the config.",
            "not-ours",
        )
    removes = tuple(resource.deletions(seen, desired))
    if seen.owner is None:
        return Step(resource, Action.ADOPT, changes, removes=removes)
    return Step(resource, Action.UPDATE if changes else Action.KEEP, changes, removes=removes)


def _down_step(resource: Resource, seen: Live | Blocked | None) -> Step:
    if seen is None:
        return Step(resource, Action.KEEP)
    if isinstance(seen, Blocked):
        return Step(resource, Action.KEEP, reason=seen.why, hint=seen.hint)
    if seen.owner != resource.stack:
        owner = f"the stack {seen.owner!r}" if seen.owner else "somebody else: it carries no chatops tag"
        return Step(resource, Action.KEEP, reason=f"it belongs to {owner}")
    return Step(resource, Action.DELETE, tuple(differences(seen.properties, {})), reason=seen.note)


def _ordered(resources: Iterable[Resource]) -> list[Resource]:
    by_name = {one.name: one for one in resources}
    return [by_name[name] for name in in_order({n: [d.name for d in r.dependencies] for n, r in by_name.items()})]


def _live(observed: Observed) -> dict[str, Live | None]:
    return {name: None if isinstance(seen, Blocked) else seen for name, seen in observed.items()}
