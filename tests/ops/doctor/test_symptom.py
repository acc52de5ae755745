"""A symptom: told by a regular expression, in whatever somebody saw."""

from __future__ import annotations

import pytest

from chatops.ops.doctor.symptom import Cause, Symptom

FORBIDDEN = Symptom("Forbidden", r"^forbidden$|HTTP 403", (Cause("no route", "chatops up"),))


@pytest.mark.parametrize("text", ["forbidden", "FORBIDDEN", "http 403", "first line\nForbidden\nlast line"])
def test_it_is_seen_in_any_case_and_on_any_line(text: str) -> None:
    assert FORBIDDEN.is_in(text)


@pytest.mark.parametrize("text", ["", "is it forbidden?", "HTTP 40 3"])
def test_what_does_not_show_it_is_something_else(text: str) -> None:
    assert not FORBIDDEN.is_in(text)
