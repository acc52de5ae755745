"""Metrics as small plots with numbers beside them."""

from __future__ import annotations

import pytest

from chatops.render.metrics import BARS, number, plot


def test_a_plot_shows_nothing_measured_zero_a_little_and_the_highest() -> None:
    assert plot([None, 0, 1, 1000, 500]) == f"·{BARS[0]}{BARS[1]}{BARS[-1]}{BARS[4]}"
    assert plot([None, None]) == "··"
    assert plot([0, 0]) == BARS[0] * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.41, "0.4"), (7, "7"), (9.97, "10"), (9999, "9999"), (12345, "12k"), (3.4e6, "3.4M"), (34e6, "34M")],
)
def test_a_number_takes_four_characters_at_most(value: float, text: str) -> None:
    assert number(value) == text
    assert len(number(value)) <= 4
