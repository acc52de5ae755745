"""How many examples property tests try: all of them in CI, a tenth elsewhere."""

from __future__ import annotations

import os


def examples(full: int) -> int:
    """The number of examples, which is `full` in CI."""
    return full if os.environ.get("CI") == "true" else max(10, full // 10)
