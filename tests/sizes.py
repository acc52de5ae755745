"""What `make test` leaves out of many cases: `make test-all` tries every parameter, and every example."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest


def examples(full: int) -> int:
    """The number of examples of a property test that has `full` where nothing is left out."""
    is_full = os.environ.get("CI") == "true" or "FULL_EXAMPLES" in os.environ
    return full if is_full else max(10, full // 10)


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """The parameters of a test. Those but the first of this many are slow."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*one, marks=pytest.mark.slow if at % step else ()) for at, one in enumerate(values)]
