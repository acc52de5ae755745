"""A cloud in memory and a resource on it: small, and as unkind as AWS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chatops.deploy.apply import Outcome, apply
from chatops.deploy.events import Event
from chatops.deploy.plan import Plan, observe, plan_down, plan_up
from chatops.deploy.resource import Change, Live, Look, Properties, Resource, output, progress

OURS = "chat"


class Fault(Exception):
    """The call did not go through, or its answer was lost."""


@dataclass
class Record:
    """One thing in the cloud."""

    owner: str | None
    properties: dict[str, Any] = field(default_factory=dict)


class Cloud:
    """Things by name. Every write has a label; one can be made to fail, and everything after it too."""

    def __init__(self) -> None:
        self.things: dict[str, Record] = {}
        self.writes: list[str] = []
        self.lag: dict[str, int] = {}
        self._old: dict[str, Record | None] = {}
        self._fault: tuple[str, str] | None = None
        self._kills = False
        self._is_dead = False
        self._lock = threading.Lock()

    def put(self, name: str, owner: str | None = OURS, **properties: Any) -> None:
        """Something that is there already; nobody's write."""
        self.things[name] = Record(owner, properties)

    @contextmanager
    def fault(self, label: str, moment: str, *, kills: bool) -> Iterator[None]:
        """Makes one write fail before it is done, or after; `kills`: whoever makes it never gets another answer."""
        self._fault, self._kills = (label, moment), kills
        yield
        self._fault, self._is_dead = None, False

    def write(self, label: str, do: Callable[[], object]) -> None:
        """Does one thing that changes the cloud."""
        with self._lock:
            self._live_or_die()
            if self._fault == (label, "before"):
                self._fail()
            self.writes.append(label)
            name = label.partition(" ")[2].partition(":")[0]
            self._old.setdefault(name, deepcopy(self.things.get(name)))
            do()
            if self._fault == (label, "after"):
                self._fail()

    def read(self, name: str) -> Record | None:
        """One thing, or what it was before it was first written while reads lag."""
        with self._lock:
            self._live_or_die()
            if self.lag.get(name, 0) > 0 and name in self._old:
                self.lag[name] -= 1
                return deepcopy(self._old[name])
            return deepcopy(self.things.get(name))

    def _live_or_die(self) -> None:
        if self._is_dead:
            raise Fault("the process is dead")

    def _fail(self) -> None:
        self._is_dead = self._kills
        raise Fault("the call failed")


@dataclass(frozen=True, eq=False)
class Thing(Resource):
    """Something with properties; `reads` are those whose value is the id of another thing."""

    label: str
    wants: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, Resource] = field(default_factory=dict)
    needs: tuple[Resource, ...] = ()

    kind: ClassVar[str] = "thing"
    fixed: ClassVar[Mapping[str, str]] = {"key": "Make another one."}

    @property
    def title(self) -> str:
        return self.label

    def desired(self, aws: Cloud, look: Look) -> Properties:
        return {**self.wants, **{key: output(look, one, "id") for key, one in self.reads.items()}}

    def observe(self, aws: Cloud, look: Look) -> Live | None:
        found = aws.read(self.name)
        return Live(found.properties, {"id": f"id-of-{self.label}"}, found.owner) if found else None

    def create(self, aws: Cloud, desired: Properties, look: Look) -> None:
        if self.name in aws.things:
            return
        aws.write(f"create {self.name}", lambda: aws.put(self.name, self.stack))
        for key in desired:
            self.set(aws, key, desired)

    def update(self, aws: Cloud, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        for key in dict.fromkeys(change.path.split(".")[0] for change in changes):
            self.set(aws, key, desired)

    def delete(self, aws: Cloud, look: Look) -> None:
        if self.name in aws.things:
            aws.write(f"empty {self.name}", aws.things[self.name].properties.clear)
            aws.write(f"delete {self.name}", lambda: aws.things.pop(self.name))

    def tag(self, aws: Cloud, look: Look) -> None:
        aws.write(f"tag {self.name}", lambda: setattr(aws.things[self.name], "owner", self.stack))

    def set(self, aws: Cloud, key: str, desired: Properties) -> None:
        """Makes one property what it should be, gone included."""
        properties = aws.things[self.name].properties

        def do() -> None:
            properties.pop(key, None)
            properties.update({key: desired[key]} if key in desired else {})

        progress(f"setting {key}")
        aws.write(f"set {self.name}:{key}", do)


class Instant(threading.Event):
    """A stop event on which nobody waits: time flies."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def up(cloud: Cloud, resources: Sequence[Resource], leftovers: Sequence[Resource] = (), *, adopt: bool = False) -> Plan:
    """The plan that makes the cloud equal to the resources."""
    return plan_up(resources, leftovers, observe([*resources, *leftovers], cloud), cloud, adopt=adopt)


def down(cloud: Cloud, resources: Sequence[Resource]) -> Plan:
    """The plan that deletes the resources."""
    return plan_down(resources, observe(resources, cloud))


def run(
    plan: Plan, cloud: Cloud, *, stop: threading.Event | None = None, settle: float = 0
) -> tuple[Outcome, list[Event]]:
    """Applies a plan; gives how it ended and all that was told."""
    told: list[Event] = []
    outcome = apply(plan, cloud, told.append, stop or Instant(), settle)
    return outcome, told


def actions(plan: Plan) -> dict[str, str]:
    """What a plan does to each resource, by title and in its order."""
    return {step.resource.title: step.action.value for step in plan.steps}
