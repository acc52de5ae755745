"""What happens during an apply, told to whoever draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .plan import Action


@dataclass(frozen=True)
class Started:
    """A step has begun."""

    resource: str
    action: Action


@dataclass(frozen=True)
class Progressed:
    """What a step waits for."""

    resource: str
    action: Action
    text: str


@dataclass(frozen=True)
class Finished:
    """`paths` are the properties that were changed; `seconds` is how long it took."""

    resource: str
    action: Action
    seconds: float
    paths: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Failed:
    """A step has failed; what depends on it is skipped."""

    resource: str
    action: Action
    error: BaseException


@dataclass(frozen=True)
class Skipped:
    """Not tried, because something that it needs failed or the run was stopped."""

    resource: str
    action: Action


Event = Started | Progressed | Finished | Failed | Skipped
Emit = Callable[[Event], None]
