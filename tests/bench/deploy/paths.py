"""The critical path: how long the longest chain of what must follow one another takes, computed from what AWS takes.

Nothing else can be faster than it, however much is done at the same time: neither the start of a process, nor what a
tool computes, nor how often it asks are in it.
"""

from __future__ import annotations

from tests.faults.proxy import Weather

FIRST_UP = (
    "who am I",
    "which APIs are there",
    "what do they hold",
    "create the role",
    "(until the role can be assumed)",
    "create the function",
    "(until the function is Active)",
    "see that it is",
    "let the API in, and integrate",
    "create the route",
    "deploy",
    "create the stage",
    "look again",
)
DOWN = (
    "who am I",
    "what is there",
    "is it ours",
    "delete the table",
    "(until the table is gone)",
    "see that it is",
    "is anything left by its tag",
    "is any of it by its name",
)


def first_up(weather: Weather) -> float:
    """Seconds that a first up takes at least."""
    return _calls(FIRST_UP) * weather.latency + weather.role_assumable + weather.function_active


def down(weather: Weather) -> float:
    """Seconds that a down takes at least."""
    return _calls(DOWN) * weather.latency + weather.table_gone


def _calls(steps: tuple[str, ...]) -> int:
    return sum(not one.startswith("(") for one in steps)
