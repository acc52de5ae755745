"""The samples that `make test` takes of parametrized and property tests; `make test-all` runs all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest


def examples(full: int) -> int:
    """Return how many examples a property test runs: `full` in CI and in `make test-all`, else a tenth."""
    is_full = os.environ.get("CI") == "true" or "FULL_EXAMPLES" in os.environ
    return full if is_full else max(10, full // 10)


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """Return the parameters of a test: every `step`-th runs in `make test`, and the others are marked `slow`."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*one, marks=pytest.mark.slow if at % step else ()) for at, one in enumerate(values)]
