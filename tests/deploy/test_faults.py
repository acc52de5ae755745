"""A fault before and after every single write, and then the same run again: it ends where it should have ended.

A fault comes in two kinds: the whole process dies, or one call fails and all else goes on. Either way there is no
state but the cloud's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chatops.deploy.plan import Plan
from chatops.deploy.resource import Resource

from .fake_cloud import OURS, Cloud, Thing, down, run, up


def chat(size: int = 1, *, web: bool = False) -> list[Resource]:
    """A stack in the shape of ours: two roots, a role that needs both, a function, and what leads to it."""
    table = Thing(OURS, "table", {"size": 1, "lifetime": size})
    api = Thing(OURS, "api", {"selection": "action"})
    log = Thing(OURS, "log", {"days": size})
    role = Thing(OURS, "role", {"allow": [f"write {size}"]}, {"api": api}, (table, log))
    function = Thing(OURS, "function", {"memory": 128 * size}, needs=(role, log))
    stage = Thing(OURS, "stage", {"routes": {"$connect": "function", "more": size}}, {"api": api}, (function,))
    return [table, api, log, role, function, stage, *([Thing(OURS, "web", {"page": size})] if web else [])]


def _bring_up(cloud: Cloud) -> Plan:
    return up(cloud, chat(), [Thing(OURS, "web")])


def _change(cloud: Cloud) -> Plan:
    return up(cloud, chat(2), [Thing(OURS, "web")])


def _take_down(cloud: Cloud) -> Plan:
    return down(cloud, chat(web=True))


def _empty() -> Cloud:
    return Cloud()


def _deployed() -> Cloud:
    cloud = Cloud()
    outcome, _ = run(up(cloud, chat(web=True)), cloud)
    assert not outcome.failed
    cloud.writes.clear()
    return cloud


def _foreign() -> Cloud:
    cloud = _deployed()
    for thing in cloud.things.values():
        thing.owner = None
        thing.properties["size" if "size" in thing.properties else "extra"] = 7
    return cloud


def _adopt(cloud: Cloud) -> Plan:
    return up(cloud, chat(web=True), adopt=True)


Run = tuple[str, Callable[[], Cloud], Callable[[Cloud], Plan]]
RUNS: list[Run] = [
    ("up", _empty, _bring_up),
    ("change", _deployed, _change),
    ("down", _deployed, _take_down),
    ("adopt", _foreign, _adopt),
]


def _every_fault() -> Iterator[object]:
    for name, start, plan in RUNS:
        cloud = start()
        outcome, _ = run(plan(cloud), cloud)
        assert not outcome.failed
        for label in sorted(cloud.writes):
            for moment in ("before", "after"):
                for kills in (True, False):
                    end = "killed" if kills else "failed"
                    yield pytest.param(start, plan, label, moment, kills, id=f"{name}-{end} {moment} {label}")


def _as_it_should_be(start: Callable[[], Cloud], plan: Callable[[Cloud], Plan]) -> object:
    cloud = start()
    run(plan(cloud), cloud)
    return cloud.things


@pytest.mark.parametrize(("start", "plan", "label", "moment", "kills"), list(_every_fault()))
def test_a_run_with_a_fault_is_finished_by_the_next(
    start: Callable[[], Cloud], plan: Callable[[Cloud], Plan], label: str, moment: str, kills: bool
) -> None:
    cloud = start()
    with cloud.fault(label, moment, kills=kills):
        outcome, _ = run(plan(cloud), cloud)
        assert outcome.failed, f"no fault at {label!r}"
        assert set(outcome.done) | set(outcome.failed) | set(outcome.skipped) == set(outcome.live)
    again, _ = run(plan(cloud), cloud)
    assert not again.failed and not again.skipped
    assert cloud.things == _as_it_should_be(start, plan)
    assert plan(cloud).in_sync


def test_there_is_a_fault_for_every_write_of_every_kind_of_run() -> None:
    verbs: dict[str, set[str]] = {}
    for name, start, plan in RUNS:
        cloud = start()
        run(plan(cloud), cloud)
        verbs[name] = {label.split()[0] for label in cloud.writes}
        assert len(cloud.writes) >= 6, "a run of six resources makes six writes at least"
    assert verbs == {
        "up": {"create", "set"},
        "change": {"set", "empty", "delete"},
        "down": {"empty", "delete"},
        "adopt": {"tag", "set"},
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_one_failed_call_costs_only_what_needs_it(moment: str) -> None:
    cloud = Cloud()
    with cloud.fault("create thing.role", moment, kills=False):
        outcome, _ = run(_bring_up(cloud), cloud)
    assert list(outcome.failed) == ["thing.role"]
    assert sorted(outcome.skipped) == ["thing.function", "thing.stage"]
    assert {"thing.table", "thing.api", "thing.log"} <= set(outcome.done)


def test_two_faults_in_a_row_are_finished_by_the_third_run() -> None:
    cloud = Cloud()
    with cloud.fault("set thing.table:size", "after", kills=True):
        run(_bring_up(cloud), cloud)
    with cloud.fault("create thing.stage", "after", kills=True):
        run(_bring_up(cloud), cloud)
    outcome, _ = run(_bring_up(cloud), cloud)
    assert not outcome.failed
    assert cloud.things == _as_it_should_be(_empty, _bring_up)


def test_a_run_that_was_killed_can_be_taken_down_at_once() -> None:
    cloud = Cloud()
    with cloud.fault("create thing.function", "after", kills=True):
        run(_bring_up(cloud), cloud)
    outcome, _ = run(_take_down(cloud), cloud)
    assert not outcome.failed
    assert cloud.things == {}
