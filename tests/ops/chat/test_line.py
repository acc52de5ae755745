"""How long things may take on a connection, and two of them side by side."""

from __future__ import annotations

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
