"""Two people at once: at the end there is one consistent stack, or none."""

from __future__ import annotations

from typing import Any

import pytest

from .bench import SMALL, Bench
from .proxy import CLEAR, Call, Fault, Kind, Weather
from .test_kill_points import unlike

SLOW = Weather(latency=0.03)
"""Slow enough for two to be under way at the same time."""


@pytest.fixture
def file(bench: Bench) -> str:
    return bench.write(SMALL)


def both(bench: Bench, *commands: tuple[str, str], faults: tuple[Fault, ...] = ()) -> tuple[list[Any], list[Call]]:
    """Two commands at the same time, each a verb and a config, in processes of their own; and what they asked."""
    bench.weather(SLOW, *faults)
    running = [bench.start(verb, "--yes", config=file) for verb, file in commands]
    ended = [one.end() for one in running]
    trace = bench.proxy.trace
    bench.weather(CLEAR)
    for one in ended:
        assert one.code in (0, 1), one
        assert "Traceback" not in one.err
        assert one.code == 0 or one.last.get("failed") or one.last["event"] in ("error", "summary"), one
    return ended, trace


@pytest.mark.slow
@pytest.mark.parametrize("attempt", [1, *(pytest.param(one, marks=pytest.mark.exhaustive) for one in (2, 3))])
def test_two_first_up_at_once_leave_exactly_one_stack(bench: Bench, file: str, attempt: int) -> None:
    bench.up(file)
    expected = bench.inventory()
    bench.reset()
    # Each one's first API is held up until the other, too, has seen that there is none.
    late = Fault(Kind.DELAYED, label="apigatewayv2.CreateApi websocket-api", times=2, seconds=6.0)
    _, trace = both(bench, ("up", file), ("up", file), faults=(late,))
    made = [call for call in trace if call.request.label == late.label and call.status < 300]
    assert len(made) == 2, "they did not meet"
    again = bench.up(file)
    assert sorted(one["Name"] for one in bench.apis()) == ["page", "websocket-api"], again
    assert unlike(bench, expected, file) == []


@pytest.mark.exhaustive
def test_two_up_over_the_same_change_leave_what_one_leaves(bench: Bench, file: str) -> None:
    changed = bench.write(
        SMALL.replace("send: {", "send: {memory: 512, timeout: 20, ").replace("sendMessage", "say"), "b"
    )
    bench.up(changed)
    expected = bench.inventory()
    bench.reset()
    bench.up(file)
    both(bench, ("up", changed), ("up", changed))
    bench.up(changed)
    assert unlike(bench, expected, changed) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("last", ["one", "other"])
def test_two_up_of_different_configs_leave_what_the_last_one_asks_for(bench: Bench, file: str, last: str) -> None:
    routes = SMALL.replace("$connect: connect, sendMessage: send", "$connect: send, say: connect")
    files = {"one": file, "other": bench.write(routes.replace("page:", "home:"), "other.yaml")}
    bench.up(files[last])
    expected = bench.inventory()
    bench.reset()
    both(bench, ("up", file), ("up", files["other"]))
    bench.up(files[last])
    assert unlike(bench, expected, files[last]) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", ["up", "down"])
def test_up_against_down_ends_with_all_or_nothing_after_either_is_run_again(
    bench: Bench, file: str, first: str
) -> None:
    bench.up(file)
    expected = bench.inventory()
    both(bench, *((verb, file) for verb in (("up", "down") if first == "up" else ("down", "up"))))
    if first == "up":
        bench.up(file)
        assert unlike(bench, expected, file) == []
    bench.down(file)
    assert bench.names() == []


@pytest.mark.exhaustive
def test_down_against_a_first_up_ends_with_nothing_after_down_is_run_again(bench: Bench, file: str) -> None:
    both(bench, ("up", file), ("down", file))
    bench.down(file)
    assert bench.names() == []


def test_two_down_at_once_both_end_well_and_leave_nothing(bench: Bench, file: str) -> None:
    bench.up(file)
    ended, _ = both(bench, ("down", file), ("down", file))
    assert [one.code for one in ended] == [0, 0], "\n".join(map(str, ended))
    assert bench.names() == []


@pytest.mark.exhaustive
def test_two_lost_create_replies_in_a_row_leave_one_api(bench: Bench, file: str) -> None:
    bench.up(file)
    expected = bench.inventory()
    bench.reset()
    bench.weather(CLEAR, Fault(Kind.LOST_REPLY, label="apigatewayv2.CreateApi websocket-api", times=2))
    bench.run("up", "--yes", config=file)
    assert len(bench.proxy.broken) == 2
    bench.weather(CLEAR)
    bench.up(file)
    assert unlike(bench, expected, file) == []
