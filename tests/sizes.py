"""How many examples property tests try: all of them in CI and in `make test-all`, a tenth in `make test`."""

from __future__ import annotations

import os


def examples(full: int) -> int:
    """The number of examples of a property test that has `full` where nothing is left out."""
    is_full = os.environ.get("CI") == "true" or "FULL_EXAMPLES" in os.environ
    return full if is_full else max(10, full // 10)
