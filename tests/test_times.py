"""Durations and times as they are written and read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chatops.errors import UsageError
from chatops.times import duration, iso, seconds


@pytest.mark.parametrize(("text", "expected"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("0s", 0)])
def test_a_duration_is_a_number_and_a_unit(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "1.5h", "-1m", "1w", "10 m", "1h30m", "٣m", "²s", "9999999s", "1M"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        seconds(text)
    assert "10m" in raised.value.hint


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, ""), (0, "0s"), (59, "59s"), (187, "3m07s"), (3599, "59m59s"), (7140, "1h59m"), (90_000, "25h00m")],
)
def test_seconds_are_said_as_a_person_says_them(given: int | None, expected: str) -> None:
    assert duration(given) == expected


def test_a_time_is_told_in_utc_wherever_it_was_noted() -> None:
    seoul = datetime(2025, 1, 31, 9, 0, 0, 125_999, timezone(timedelta(hours=9)))
    assert iso(seoul) == "2025-01-31T00:00:00.125Z"
    assert iso(seoul, "seconds") == "2025-01-31T00:00:00Z"
