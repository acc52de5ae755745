"""What the doctor says: findings, each with its severity, its cause, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ...errors import explain


class Severity(str, Enum):
    """How bad it is; the value is its name in JSON. Only an error makes the doctor fail."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OK = "ok"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what is so, why it matters or how it came, and what to do."""

    severity: Severity
    what: str
    why: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found, worst first; `where` are the stack, account and region, as far as they are known."""

    findings: tuple[Finding, ...]
    where: dict[str, str] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """True when nothing is broken; warnings do not count."""
        return not self.of(Severity.ERROR)

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [one for one in self.findings if one.severity is severity]


def error(what: str, why: str = "", hint: str = "") -> Finding:
    """The chat does not work, or a part of it."""
    return Finding(Severity.ERROR, what, why, hint)


def warning(what: str, why: str = "", hint: str = "") -> Finding:
    """The chat works, and soon may not, or not for everyone."""
    return Finding(Severity.WARNING, what, why, hint)


def info(what: str, why: str = "", hint: str = "") -> Finding:
    """Good to know, or a check that could not be made."""
    return Finding(Severity.INFO, what, why, hint)


def ok(what: str, why: str = "") -> Finding:
    """Looked at, and fine."""
    return Finding(Severity.OK, what, why)


def unchecked(what: str, reason: Exception) -> Finding:
    """A check that AWS, or the local AWS, did not let us make. A mistake of ours is a warning, not a shrug."""
    told = explain(reason)
    why = f"{told.what}: {told.why}"
    if told.is_ours:
        return warning(f"{what} could not be checked", why, told.hint)
    return info(f"{what} could not be checked", why, "" if "AccessDenied" not in why else told.hint)
