"""Times and durations as they are written and read."""

from __future__ import annotations

from datetime import datetime, timezone

from .errors import UsageError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def iso(then: datetime, precision: str = "milliseconds") -> str:
    """A time in ISO 8601 and UTC, such as 2024-05-01T12:00:00.000Z."""
    return then.astimezone(timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


def duration(seconds: int | None) -> str:
    """Seconds as a person says them: 5s, 3m07s, 1h59m."""
    if seconds is None:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds % 60:02}s" if minutes else f"{seconds}s"


def seconds(duration: str) -> int:
    """A duration such as 30s, 10m, 2h or 1d in seconds. Raises UsageError for anything else."""
    number, unit = duration[:-1], duration[-1:]
    if not number.isascii() or not number.isdigit() or unit not in UNITS or len(number) > 6:
        raise UsageError(
            "no-duration",
            f"{duration!r} is no duration",
            "a duration is a whole number and s, m, h or d",
            "For example: 10m",
        )
    return int(number) * UNITS[unit]
