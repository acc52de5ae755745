"""What the engine asks of a resource: say what you should be and what you are, in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from threading import Lock
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

Properties = Mapping[str, Any]
"""What a resource is or should be: nested mappings of plain JSON values."""

PLACEHOLDER = "(known after apply)"
"""Stands for a value that does not exist yet, such as the id of an API that is still to be created."""


@dataclass(frozen=True)
class Live:
    """A resource as it exists now.

    `properties` use the words of `Resource.desired`; `outputs` are the values that others need (ids, URLs);
    `owner` is the stack in its ownership tag, or nothing when it carries none. `note` is what a deletion says of
    something else with the same name, which it leaves alone. `facts` are what else `Resource.deletions` has to know.
    `is_hearsay` says that `owner` is what a listing says, which lags: enough to leave the resource as it is.
    """

    properties: Properties
    outputs: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    note: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_hearsay: bool = False


@dataclass(frozen=True)
class Change:
    """One difference: the property's path, and its value before and after; None where there is none."""

    path: str
    before: Any
    after: Any


class Blocked(Exception):
    """A resource can be neither used nor changed as it is; a person decides. Carries a code, why, and what to do."""

    def __init__(self, code: str, why: str, hint: str) -> None:
        super().__init__(why)
        self.code, self.why, self.hint = code, why, hint


class Unseen(Blocked):
    """A resource was not shown, or one without which it cannot be told. Carries the error that kept it from us."""

    def __init__(self, reason: Exception) -> None:
        super().__init__("unseen", str(reason), "")
        self.reason = reason


Look = Callable[["Resource"], "Live | None"]
"""Gives the live state of another resource, or nothing while it does not exist."""


@dataclass(frozen=True, eq=False)
class Resource(ABC):
    """One AWS thing whose name we choose. Fields that hold other resources are its dependencies."""

    stack: str

    kind: ClassVar[str]
    fixed: ClassVar[Mapping[str, str]] = {}
    """Top-level properties that AWS cannot change in place, each with what to do instead."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The name that AWS knows it by, unique within its kind."""

    @property
    def name(self) -> str:
        """Its address in plans, events and errors: `kind.title`."""
        return f"{self.kind}.{self.title}"

    @property
    def dependencies(self) -> tuple[Resource, ...]:
        """Every resource that a field holds, directly or in a tuple or mapping."""
        return tuple(found for one in fields(self) for found in _resources_in(getattr(self, one.name)))

    def shows(self, path: str) -> bool:
        """Whether the value at this path may be shown to whoever reads a plan. What may be a secret may not."""
        return True

    @abstractmethod
    def desired(self, aws: Any, look: Look) -> Properties:
        """What it should be. Values that nobody knows yet contain `PLACEHOLDER`."""

    @abstractmethod
    def observe(self, aws: Any, look: Look) -> Live | None:
        """What it is, or nothing when it does not exist. Raises `Blocked` when that cannot be told."""

    @abstractmethod
    def create(self, aws: Any, desired: Properties, look: Look) -> None:
        """Creates it with its ownership tag. When it already exists: leaves it, and returns."""

    @abstractmethod
    def update(self, aws: Any, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        """Makes the changes in place, and no others."""

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        """Return what an update or an adoption (`seen` has no owner) deletes, each in a few words and without values.

        A deletion removes something with a name of its own that a person can have made (a route, a stage, an API of the
        same name, a policy, an integration), data (log events beyond a shorter retention, items of an adopted table
        that expire from now on), or the code and the environment variables of an adopted function. Everything else is
        an ordinary change, which the plan shows: a setting that gets another value or none (limits, permission
        statements, the code of the stack's own functions), and what an interrupted run of chatops leaves behind (an
        integration without a route to a function of the stack, a deployment that no stage serves).
        """
        return []

    @abstractmethod
    def delete(self, aws: Any, look: Look) -> None:
        """Deletes it. When it is already gone: returns."""

    @abstractmethod
    def tag(self, aws: Any, look: Look) -> None:
        """Puts the ownership tag on one that exists."""


def output(look: Look, resource: Resource, key: str) -> str:
    """One output of another resource, or the placeholder while it does not exist."""
    live = look(resource)
    return live.outputs[key] if live else PLACEHOLDER


_shared: ContextVar[dict[str, Future[Any]] | None] = ContextVar("shared", default=None)
_sharing = Lock()


_hearsay: ContextVar[bool] = ContextVar("hearsay", default=False)
_glance: ContextVar[bool] = ContextVar("glance", default=False)


@contextmanager
def sharing(*, hearsay: bool = False, glance: bool = False) -> Iterator[None]:
    """Within it, what several resources need is read once: see `once`. Nothing may be changed meanwhile.

    With `hearsay` a resource may believe a listing of many things about itself, and says so: `Live.is_hearsay`. That is
    enough to keep it as it is; what may be changed or deleted is asked itself. With `glance` it tells whether it exists
    and whose it is, and may leave out properties that take more calls: that is enough to delete it.
    """
    tokens = _shared.set({}), _hearsay.set(hearsay), _glance.set(glance)
    try:
        yield
    finally:
        _shared.reset(tokens[0])
        _hearsay.reset(tokens[1])
        _glance.reset(tokens[2])


def is_hearsay_enough() -> bool:
    """Whether what is observed now will be neither changed nor deleted before it is asked itself."""
    return _hearsay.get()


def is_glance_enough() -> bool:
    """Whether only existence and ownership are asked for."""
    return _glance.get()


def once(key: str, read: Callable[[], T]) -> T:
    """What `read` gives, and while reads are shared the same to everybody who asks by this key."""
    shared = _shared.get()
    if shared is None:
        return read()
    with _sharing:
        is_first = key not in shared
        future = shared.setdefault(key, Future())
    if is_first:
        try:
            future.set_result(read())
        except BaseException as error:
            future.set_exception(error)
    result: T = future.result()
    return result


_listener: ContextVar[Callable[[str], None]] = ContextVar("listener")


def progress(text: str) -> None:
    """Tells whoever watches the step in hand what it is waiting for."""
    listener = _listener.get(None)
    if listener:
        listener(text)


def listen(listener: Callable[[str], None]) -> None:
    """Sends the progress of the step that runs in this context to `listener`."""
    _listener.set(listener)


def current_listener() -> Callable[[str], None] | None:
    """Return what `progress` would call in this context."""
    return _listener.get(None)


def _resources_in(value: Any) -> Iterator[Resource]:
    if isinstance(value, Resource):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _resources_in(one)
    elif isinstance(value, tuple):
        for one in value:
            yield from _resources_in(one)
