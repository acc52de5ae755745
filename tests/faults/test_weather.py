"""Bad days: calls fail at random, AWS is slow, its reads lag. The next run on a good day ends right."""

from __future__ import annotations

import pytest

from ..forked import Finished
from ..sizes import every
from .bench import SMALL, Bench
from .proxy import CLEAR, Fault, Kind, Weather
from .test_kill_points import AFTER, unlike

STORM = 0.2
SLOW = Weather(
    scale=0.1,
    role_assumable=8,
    table_active=6,
    table_gone=4,
    function_active=3,
    function_updated=2,
    lag=3,
    api_deletion_every=8,
    rates={"apigatewayv2": (10, 40)},
)
"""All of AWS's slowness at once, ten times as fast."""


def seeds() -> list[object]:
    return [*every(5, range(5)), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(5, 50))]


def told_truly(finished: Finished) -> None:
    """A run ended well, or failed with exit 1 and what failed; never with a traceback."""
    assert finished.code in (0, 1), finished
    assert "Traceback" not in finished.err, finished
    assert "chatops made a mistake" not in finished.out + finished.err, finished
    assert not (finished.code and finished.last["event"] == "summary" and not finished.last["failed"]), finished


def not_in_sync(bench: Bench, file: str) -> set[str]:
    """The resources that the plan would change."""
    plan = bench.must("plan", config=file).last
    return {one["resource"] for one in plan["steps"] if one["action"] != "keep"}


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.slow
def test_when_a_fifth_of_all_calls_fails_a_run_ends_truly_and_the_next_ends_right(bench: Bench, seed: int) -> None:
    before, after = bench.write(SMALL, "before.yaml"), bench.write(AFTER, "after.yaml")
    for file in (before, after):
        bench.weather(Weather(failures=STORM, seed=seed))
        stormy = bench.run("up", "--yes", config=file)
        assert bench.proxy.broken
        bench.weather(CLEAR)
        told_truly(stormy)
        if stormy.last["event"] == "summary":
            left = {*stormy.last["skipped"], *stormy.last["failed"]}
            assert not_in_sync(bench, file) <= left, stormy
        bench.up(file)
        assert bench.run("plan", "--check", config=file).code == 0
    bench.weather(Weather(failures=STORM, seed=seed + 1000))
    stormy = bench.run("down", "--yes", config=after)
    bench.weather(CLEAR)
    told_truly(stormy)
    if stormy.code == 0:
        assert bench.names() == []
    if stormy.last["event"] == "summary":
        told = {one.partition(".")[2] for one in (*stormy.last["skipped"], *stormy.last["failed"])}
        assert set(bench.names()) <= told, stormy
    bench.down(after)
    assert bench.names() == []


@pytest.mark.slow
def test_where_aws_is_slow_everything_is_waited_for(bench: Bench) -> None:
    before, after = bench.write(SMALL, "before.yaml"), bench.write(AFTER, "after.yaml")
    bench.up(after)
    expected = bench.inventory()
    bench.reset()
    bench.weather(SLOW)
    for file in (before, after):
        finished = bench.run("up", "--yes", config=file)
        assert finished.code == 0, finished
    refused = "".join(one.refused for one in bench.proxy.trace)
    assert "cannot be assumed" in refused
    bench.weather(CLEAR)
    assert unlike(bench, expected, after) == []
    bench.weather(SLOW)
    finished = bench.run("down", "--yes", config=after)
    assert finished.code == 0, finished
    assert [one for one in bench.proxy.trace if one.request.operation == "DeleteApi" and one.status == 429]
    told = [one["text"] for one in finished.documents if one["event"] == "progress"]
    assert [one for one in told if "deletions" in one and " s left)" in one], "how long it waits is not shown"
    assert bench.names() == []


@pytest.mark.exhaustive
def test_one_call_that_is_denied_costs_only_what_needs_it_and_is_listed(bench: Bench) -> None:
    file = bench.write(SMALL)
    bench.weather(CLEAR, Fault(Kind.DENIED, label="iam.CreateRole send-ap-northeast-2", times=99))
    finished = bench.run("up", "--yes", config=file)
    assert finished.code == 1
    assert finished.last["failed"] == ["role.send-ap-northeast-2"]
    assert sorted(finished.last["skipped"]) == ["function.send", "stage.websocket-api"]
    assert "function.connect" in finished.last["created"]
    bench.weather(CLEAR)
    bench.up(file)
    assert bench.run("plan", "--check", config=file).code == 0
