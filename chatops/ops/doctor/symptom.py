"""What people see when something is broken, and what it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .finding import Severity


@dataclass(frozen=True)
class Cause:
    """Why it happens, and what mends it."""

    why: str
    hint: str


@dataclass(frozen=True)
class Symptom:
    """Something that a client, a function's log or AWS says, told by a regular expression.

    `terms` are words in such a line by which CloudWatch Logs finds it; what has none, no log says.
    """

    name: str
    pattern: str
    causes: tuple[Cause, ...]
    severity: Severity = Severity.ERROR
    terms: tuple[str, ...] = ()

    def is_in(self, text: str) -> bool:
        """Whether the text shows it."""
        return re.search(self.pattern, text, re.IGNORECASE | re.MULTILINE) is not None
