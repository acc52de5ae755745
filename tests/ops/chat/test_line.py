"""How long things may take on a connection, and two of them side by side."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from chatops.ops.chat.line import Line, Overlap, Times


def test_delays_grow_are_scattered_and_end_at_the_longest() -> None:
    times = Times(first_delay=1, longest_delay=30)
    drawn = {failures: [times.delay(failures) for _ in range(300)] for failures in (0, 1, 2, 4, 100)}
    for failures, longest in ((0, 1), (1, 1), (2, 2), (4, 8), (100, 30)):
        assert 0.25 <= min(drawn[failures]) <= 0.25 + longest / 10
        assert 0.9 * longest <= max(drawn[failures]) <= longest


def test_while_two_connections_bring_the_same_broadcasts_each_counts_once() -> None:
    overlap, old, new = Overlap(), Line(None, 0), Line(None, 0)
    brought = [(old, "a"), (new, "a"), (new, "b"), (new, "a"), (old, "b"), (old, "a"), (old, "c"), (old, "a")]
    assert [frame for line, frame in brought if overlap.accepts(line, frame)] == ["a", "b", "a", "c", "a"]


TIMES = Times(heartbeat=120, answer=10)


def test_a_ping_is_due_after_a_heartbeat_and_sooner_in_doubt() -> None:
    line = Line(None, 0)
    assert not line.needs_ping(119, TIMES, in_doubt=False)
    assert line.needs_ping(1, TIMES, in_doubt=False)
    line.heard()
    assert not line.needs_ping(9, TIMES, in_doubt=True)
    assert line.needs_ping(1, TIMES, in_doubt=True)
    assert line.pings == 2


def test_a_ping_that_goes_unanswered_ends_the_line_and_any_frame_answers_it() -> None:
    line = Line(None, 0)
    assert line.needs_ping(120, TIMES, in_doubt=False)
    assert not line.needs_ping(9, TIMES, in_doubt=True), "one question at a time"
    line.heard()
    assert not line.needs_ping(9, TIMES, in_doubt=False)
    line = Line(None, 0)
    assert line.needs_ping(120, TIMES, in_doubt=False)
    with pytest.raises(asyncio.TimeoutError):
        line.needs_ping(10, TIMES, in_doubt=False)


def test_who_waits_for_an_answer_does_not_ask_again_however_often_it_asks() -> None:
    line, often = Line(None, 0), Times(heartbeat=5, answer=10)
    assert line.needs_ping(5, often, in_doubt=False)
    assert not line.needs_ping(6, often, in_doubt=False)


def test_who_doubts_asks_at_the_next_opportunity_but_waits_for_an_answer_that_is_due() -> None:
    line = Line(None, 0)
    line.doubt(TIMES)
    assert line.needs_ping(0, TIMES, in_doubt=False)
    line.doubt(TIMES)
    assert not line.needs_ping(1, TIMES, in_doubt=False)


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (1001, "Going away", "1001 Going away"),
        (1009, "", "1009"),
        (1006, "", "without a word"),
        (None, "", "without a word"),
    ],
)
def test_the_end_of_a_line_is_told_as_the_other_side_told_it(code: int | None, reason: str, told: str) -> None:
    line = Line(SimpleNamespace(close_code=code, close_reason=reason), 0)
    assert line.epitaph == told
    line.is_asked = True
    assert line.epitaph == "it fell silent"
