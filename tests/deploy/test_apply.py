"""Carrying out a plan: order, self-check, failure, stopping, ownership."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatops.deploy.apply import NotConverged, UnknownValue
from chatops.deploy.events import Failed, Finished, Progressed, Skipped, Started
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import PLACEHOLDER, Blocked, Change, Live, Look, Properties

from .fake_cloud import OURS, Cloud, Fault, Instant, Record, Thing, actions, down, run, up


@dataclass(frozen=True, eq=False)
class Failing(Thing):
    """One that cannot be created or deleted."""

    def create(self, aws: Cloud, desired: Properties, look: Look) -> None:
        raise Fault(f"no {self.label} today")

    def delete(self, aws: Cloud, look: Look) -> None:
        raise Fault(f"{self.label} stays")


@dataclass(frozen=True, eq=False)
class Deaf(Thing):
    """One that takes every change, and stays as it is."""

    def set(self, aws: Cloud, key: str, desired: Properties) -> None:
        pass

    def delete(self, aws: Cloud, look: Look) -> None:
        pass

    def tag(self, aws: Cloud, look: Look) -> None:
        pass


@dataclass(frozen=True, eq=False)
class Hooked(Thing):
    """One that does something else while it is created."""

    hook: Any = None

    def create(self, aws: Cloud, desired: Properties, look: Look) -> None:
        self.hook()
        super().create(aws, desired, look)


def test_everything_is_created_and_the_second_plan_is_empty() -> None:
    cloud, a = Cloud(), Thing(OURS, "a", {"size": 1})
    resources = [a, Thing(OURS, "b", {"colour": "red"}, {"id": a})]
    outcome, _ = run(up(cloud, resources), cloud)
    assert outcome.done == {"thing.a": Action.CREATE, "thing.b": Action.CREATE}
    assert cloud.things["thing.b"] == Record(OURS, {"colour": "red", "id": "id-of-a"})
    assert up(cloud, resources).in_sync


def test_a_second_run_writes_nothing() -> None:
    cloud = Cloud()
    resources = [Thing(OURS, "a", {"size": 1}), Thing(OURS, "b")]
    run(up(cloud, resources), cloud)
    cloud.writes.clear()
    outcome, _ = run(up(cloud, resources), cloud)
    assert cloud.writes == []
    assert outcome.names(Action.KEEP) == ["thing.a", "thing.b"]


def test_what_others_need_is_created_first() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    b = Thing(OURS, "b", needs=(a,))
    run(up(cloud, [Thing(OURS, "c", needs=(b,)), b, a]), cloud)
    assert cloud.writes == ["create thing.a", "create thing.b", "create thing.c"]


def test_independent_steps_run_at_the_same_time() -> None:
    cloud, meet = Cloud(), threading.Barrier(2, timeout=30)
    outcome, _ = run(up(cloud, [Hooked(OURS, "a", hook=meet.wait), Hooked(OURS, "b", hook=meet.wait)]), cloud)
    assert outcome.names(Action.CREATE) == ["thing.a", "thing.b"]


def test_an_update_makes_the_changes_and_no_others() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1, colour="red", extra=True)
    outcome, told = run(up(cloud, [Thing(OURS, "a", {"size": 2, "colour": "red"})]), cloud)
    assert sorted(cloud.writes) == ["set thing.a:extra", "set thing.a:size"]
    assert cloud.things["thing.a"].properties == {"size": 2, "colour": "red"}
    assert outcome.names(Action.UPDATE) == ["thing.a"]
    assert [event.paths for event in told if isinstance(event, Finished)] == [("size", "extra")]


def test_a_value_that_was_unknown_is_real_when_it_is_sent() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    cloud.put("thing.b", id="the id of an api that is gone")
    plan = up(cloud, [a, Thing(OURS, "b", {}, {"id": a})])
    assert plan.steps[1].changes[0].after == PLACEHOLDER
    run(plan, cloud)
    assert cloud.things["thing.b"].properties == {"id": "id-of-a"}


@pytest.mark.parametrize(
    "value",
    [
        PLACEHOLDER,
        f"arn:aws:execute-api:::{PLACEHOLDER}/demo/POST",
        {"deep": {"er": [1, {"id": PLACEHOLDER}]}},
        {PLACEHOLDER: 1},
        ("a", PLACEHOLDER),
    ],
)
def test_the_placeholder_is_never_sent(value: Any) -> None:
    cloud = Cloud()
    outcome, _ = run(up(cloud, [Thing(OURS, "a", {"id": value})]), cloud)
    assert isinstance(outcome.failed["thing.a"], UnknownValue)
    assert cloud.writes == []


def test_the_placeholder_is_not_sent_in_an_update_either() -> None:
    cloud = Cloud()
    cloud.put("thing.a", id="old")
    outcome, _ = run(up(cloud, [Thing(OURS, "a", {"id": PLACEHOLDER})]), cloud)
    assert isinstance(outcome.failed["thing.a"], UnknownValue)
    assert cloud.writes == []


def test_only_the_root_cause_fails_and_what_needs_it_is_skipped() -> None:
    cloud, root = Cloud(), Failing(OURS, "root")
    child = Thing(OURS, "child", needs=(root,))
    outcome, told = run(
        up(cloud, [root, child, Thing(OURS, "grandchild", needs=(child,)), Thing(OURS, "apart")]), cloud
    )
    assert {name: str(error) for name, error in outcome.failed.items()} == {"thing.root": "no root today"}
    assert sorted(outcome.skipped) == ["thing.child", "thing.grandchild"]
    assert outcome.done == {"thing.apart": Action.CREATE}
    assert list(cloud.things) == ["thing.apart"]
    assert [event.resource for event in told if isinstance(event, Failed)] == ["thing.root"]
    assert sorted(event.resource for event in told if isinstance(event, Skipped)) == ["thing.child", "thing.grandchild"]


def test_what_was_done_before_a_failure_stays_done_and_the_next_run_goes_on_from_there() -> None:
    cloud, a = Cloud(), Thing(OURS, "a", {"size": 1})
    run(up(cloud, [a, Failing(OURS, "b", needs=(a,))]), cloud)
    cloud.writes.clear()
    outcome, _ = run(up(cloud, [a, Thing(OURS, "b", needs=(a,))]), cloud)
    assert cloud.writes == ["create thing.b"]
    assert outcome.done == {"thing.a": Action.KEEP, "thing.b": Action.CREATE}


def test_after_stop_the_steps_under_way_end_and_no_other_starts() -> None:
    cloud, stop = Cloud(), Instant()
    first = Hooked(OURS, "first", {"size": 1}, hook=stop.set)
    outcome, told = run(up(cloud, [first, Thing(OURS, "second", needs=(first,))]), cloud, stop=stop)
    assert outcome.done == {"thing.first": Action.CREATE}
    assert outcome.skipped == ["thing.second"]
    assert not outcome.failed
    assert cloud.things == {"thing.first": Record(OURS, {"size": 1})}
    assert [event.resource for event in told if isinstance(event, Started)] == ["thing.first"]


def test_a_change_that_does_not_show_yet_when_the_run_is_stopped_is_not_told_as_one_that_never_did() -> None:
    cloud, stop = Cloud(), Instant()
    plan = up(cloud, [Hooked(OURS, "a", {"size": 1}, hook=stop.set)])
    cloud.lag["thing.a"] = 10**9
    outcome, _ = run(plan, cloud, stop=stop, settle=30)
    assert not isinstance(outcome.failed.get("thing.a"), NotConverged)


def test_after_stop_nothing_is_deleted() -> None:
    cloud, stop = Cloud(), Instant()
    cloud.put("thing.old")
    outcome, _ = run(up(cloud, [Hooked(OURS, "a", hook=stop.set)], [Thing(OURS, "old")]), cloud, stop=stop)
    assert outcome.skipped == ["thing.old"]
    assert "thing.old" in cloud.things


def test_a_run_that_is_stopped_before_it_begins_changes_nothing() -> None:
    cloud, stop = Cloud(), Instant()
    stop.set()
    outcome, _ = run(up(cloud, [Thing(OURS, "a")]), cloud, stop=stop)
    assert (outcome.skipped, cloud.writes) == (["thing.a"], [])


def test_what_is_adopted_is_tagged_and_changed() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None, size=1, same=True)
    outcome, _ = run(up(cloud, [Thing(OURS, "a", {"size": 2, "same": True})], adopt=True), cloud)
    assert cloud.writes == ["tag thing.a", "set thing.a:size"]
    assert cloud.things["thing.a"] == Record(OURS, {"size": 2, "same": True})
    assert outcome.names(Action.ADOPT) == ["thing.a"]


def test_what_is_adopted_as_it_is_is_only_tagged() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None)
    run(up(cloud, [Thing(OURS, "a")], adopt=True), cloud)
    assert cloud.writes == ["tag thing.a"]


@pytest.mark.parametrize("owner", [None, "other"])
def test_a_blocked_step_is_never_carried_out_whoever_asks(owner: str | None) -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=owner, size=1)
    plan = up(cloud, [Thing(OURS, "a", {"size": 2})])
    assert actions(plan) == {"a": "blocked"}
    try:
        outcome, _ = run(plan, cloud)
    except ValueError:
        outcome = None
    assert cloud.writes == []
    assert cloud.things["thing.a"] == Record(owner, {"size": 1})
    assert outcome is None or "thing.a" not in outcome.done


def test_a_change_that_does_not_show_is_a_failure_with_its_paths() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1, deep={"er": 1})
    outcome, _ = run(up(cloud, [Deaf(OURS, "a", {"size": 2, "deep": {"er": 2}})]), cloud)
    error = outcome.failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("size", "deep.er")
    assert "thing.a" in str(error)
    assert not outcome.done


def test_a_creation_that_does_not_show_is_a_failure() -> None:
    @dataclass(frozen=True, eq=False)
    class Ghost(Thing):
        def create(self, aws: Cloud, desired: Properties, look: Look) -> None:
            pass

    cloud = Cloud()
    error = run(up(cloud, [Ghost(OURS, "a")]), cloud)[0].failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("existence",)


def test_a_half_creation_is_a_failure_with_what_is_missing() -> None:
    cloud = Cloud()
    error = run(up(cloud, [Deaf(OURS, "a", {"size": 1})]), cloud)[0].failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("size",)


def test_a_deletion_that_does_not_show_is_a_failure() -> None:
    cloud = Cloud()
    cloud.put("thing.a")
    error = run(down(cloud, [Deaf(OURS, "a")]), cloud)[0].failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("existence",)


@pytest.mark.parametrize("owner", [None, "another-stack"])
def test_a_deletion_has_ended_though_something_foreign_has_the_same_name(owner: str | None) -> None:
    cloud = Cloud()

    class Shared(Thing):
        def delete(self, aws: Cloud, look: Look) -> None:
            super().delete(aws, look)
            aws.put(self.name, owner)

    cloud.put("thing.a")
    outcome, _ = run(down(cloud, [Shared(OURS, "a")]), cloud)
    assert not outcome.failed
    assert outcome.live["thing.a"] is None
    assert cloud.things["thing.a"].owner == owner


def test_a_deletion_has_ended_though_several_foreign_things_cannot_be_told_apart() -> None:
    cloud = Cloud()

    class Ambiguous(Thing):
        def observe(self, aws: Cloud, look: Look) -> Live | None:
            live = super().observe(aws, look)
            if live is None:
                raise Blocked("several", "two have this name", "Rename one.")
            return live

    cloud.put("thing.a")
    outcome, _ = run(down(cloud, [Ambiguous(OURS, "a")]), cloud)
    assert not outcome.failed
    assert outcome.names(Action.DELETE) == ["thing.a"]


def test_an_adoption_whose_tag_does_not_show_is_a_failure() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None)
    error = run(up(cloud, [Deaf(OURS, "a")], adopt=True), cloud)[0].failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("ownership tag",)


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("step", ["create", "update", "delete", "adopt"])
def test_reads_that_lag_behind_writes_converge_all_the_same(step: str, lag: int) -> None:
    cloud, wanted = Cloud(), Thing(OURS, "a", {"size": 2})
    if step != "create":
        cloud.put("thing.a", owner=None if step == "adopt" else OURS, size=2 if step == "delete" else 1)
    plan = down(cloud, [wanted]) if step == "delete" else up(cloud, [wanted], adopt=True)
    assert actions(plan) == {"a": step}
    cloud.lag["thing.a"] = lag
    outcome, _ = run(plan, cloud, settle=30)
    assert not outcome.failed
    assert cloud.lag["thing.a"] == 0, "the self-check did not look"
    assert cloud.things.get("thing.a") == (None if step == "delete" else Record(OURS, {"size": 2}))


def test_reads_that_lag_for_longer_than_it_takes_to_settle_are_a_failure() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1)
    plan = up(cloud, [Thing(OURS, "a", {"size": 2})])
    cloud.lag["thing.a"] = 10**9
    assert isinstance(run(plan, cloud, settle=0)[0].failed["thing.a"], NotConverged)


def test_what_one_of_us_created_in_the_same_moment_is_brought_to_the_desired_state() -> None:
    cloud = Cloud()
    plan = up(cloud, [Thing(OURS, "a", {"size": 2, "same": 1})])
    cloud.put("thing.a", size=1, same=1)
    outcome, _ = run(plan, cloud)
    assert outcome.names(Action.CREATE) == ["thing.a"]
    assert cloud.writes == ["set thing.a:size"]


@pytest.mark.parametrize("owner", [None, "other"])
def test_what_somebody_else_created_in_the_same_moment_is_left_alone(owner: str | None) -> None:
    cloud = Cloud()
    plan = up(cloud, [Thing(OURS, "a", {"size": 2})])
    cloud.put("thing.a", owner=owner, size=1)
    error = run(plan, cloud)[0].failed["thing.a"]
    assert isinstance(error, NotConverged)
    assert error.paths == ("ownership tag",)
    assert cloud.writes == []


def test_what_depends_on_others_is_deleted_before_them() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    b = Thing(OURS, "b", needs=(a,))
    c = Thing(OURS, "c", needs=(b,))
    for one in (a, b, c):
        cloud.put(one.name)
    outcome, _ = run(down(cloud, [a, b, c]), cloud)
    assert [label for label in cloud.writes if label.startswith("delete")] == [
        "delete thing.c",
        "delete thing.b",
        "delete thing.a",
    ]
    assert outcome.names(Action.DELETE) == ["thing.a", "thing.b", "thing.c"]
    assert cloud.things == {}


def test_what_is_still_needed_by_something_that_stays_is_not_deleted() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    b = Failing(OURS, "b", needs=(a,))
    cloud.put("thing.a")
    cloud.put("thing.b")
    outcome, _ = run(down(cloud, [a, b]), cloud)
    assert (list(outcome.failed), outcome.skipped) == (["thing.b"], ["thing.a"])
    assert sorted(cloud.things) == ["thing.a", "thing.b"]


def test_leftovers_go_after_everything_else_is_done() -> None:
    cloud = Cloud()
    cloud.put("thing.old")
    run(up(cloud, [Thing(OURS, "a")], [Thing(OURS, "old")]), cloud)
    assert cloud.writes == ["create thing.a", "empty thing.old", "delete thing.old"]


def test_nothing_is_deleted_when_something_else_failed() -> None:
    cloud = Cloud()
    cloud.put("thing.old")
    outcome, told = run(up(cloud, [Failing(OURS, "a")], [Thing(OURS, "old")]), cloud)
    assert (list(outcome.failed), outcome.skipped) == (["thing.a"], ["thing.old"])
    assert "thing.old" in cloud.things
    assert [event.resource for event in told if isinstance(event, Skipped)] == ["thing.old"]


def test_a_failure_is_not_a_reason_to_stop_who_shares_the_stop_event() -> None:
    cloud, stop = Cloud(), threading.Event()
    cloud.put("thing.old")
    run(up(cloud, [Failing(OURS, "a")], [Thing(OURS, "old")]), cloud, stop=stop)
    assert not stop.is_set()


def test_each_step_tells_that_it_started_what_it_waits_for_and_that_it_finished() -> None:
    cloud = Cloud()
    _, told = run(up(cloud, [Thing(OURS, "a", {"size": 1})]), cloud)
    started, progressed, finished = told
    assert started == Started("thing.a", Action.CREATE)
    assert progressed == Progressed("thing.a", Action.CREATE, "setting size")
    assert isinstance(finished, Finished)
    assert finished.seconds >= 0


def test_progress_is_told_of_the_step_that_makes_it() -> None:
    cloud, meet = Cloud(), threading.Barrier(2, timeout=30)
    resources = [Hooked(OURS, "a", {"x": 1}, hook=meet.wait), Hooked(OURS, "b", {"y": 1}, hook=meet.wait)]
    _, told = run(up(cloud, resources), cloud)
    assert {(event.resource, event.text) for event in told if isinstance(event, Progressed)} == {
        ("thing.a", "setting x"),
        ("thing.b", "setting y"),
    }


def test_what_is_kept_only_finishes_with_its_reason() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner="other")
    outcome, told = run(down(cloud, [Thing(OURS, "a")]), cloud)
    (event,) = told
    assert isinstance(event, Finished)
    assert event.reason and "'other'" in event.reason
    assert outcome.names(Action.KEEP) == ["thing.a"]
    assert outcome.names(Action.DELETE) == []


def test_the_outcome_knows_how_everything_is_at_the_end() -> None:
    cloud = Cloud()
    cloud.put("thing.old")
    cloud.put("thing.kept", size=1)
    outcome, _ = run(up(cloud, [Thing(OURS, "kept", {"size": 1}), Thing(OURS, "a")], [Thing(OURS, "old")]), cloud)
    kept, made = outcome.live["thing.kept"], outcome.live["thing.a"]
    assert kept and kept.properties == {"size": 1}
    assert made and made.outputs == {"id": "id-of-a"}
    assert outcome.live["thing.old"] is None
    assert outcome.seconds >= 0


def test_an_error_of_any_kind_is_kept_as_it_was_raised() -> None:
    error = KeyError("a mistake of ours")

    def fail() -> None:
        raise error

    cloud = Cloud()
    outcome, told = run(up(cloud, [Hooked(OURS, "a", hook=fail)]), cloud)
    assert outcome.failed["thing.a"] is error
    assert [event.error for event in told if isinstance(event, Failed)] == [error]


def test_a_value_that_changed_between_plan_and_apply_is_evaluated_again() -> None:
    @dataclass(frozen=True, eq=False)
    class Moving(Thing):
        now: dict[str, Any] = field(default_factory=dict)

        def desired(self, aws: Cloud, look: Look) -> Mapping[str, Any]:
            return dict(self.now)

    cloud, moving = Cloud(), Moving(OURS, "a", now={"size": 1})
    plan = up(cloud, [moving])
    moving.now["size"] = 2
    run(plan, cloud)
    assert cloud.things["thing.a"].properties == {"size": 2}


def test_a_plan_of_nothing_is_carried_out_at_once() -> None:
    outcome, told = run(Plan(()), Cloud())
    assert not (outcome.done or outcome.failed or outcome.skipped or told)


def test_an_update_whose_difference_is_gone_by_the_time_of_the_step_sends_only_what_still_differs() -> None:
    @dataclass(frozen=True, eq=False)
    class Recording(Thing):
        def update(self, aws: Cloud, changes: Iterable[Change], desired: Properties, look: Look) -> None:
            changes = list(changes)
            aws.writes.append(f"asked {self.name}:{','.join(change.path for change in changes)}")
            super().update(aws, changes, desired, look)

    cloud, a = Cloud(), Thing(OURS, "a")
    cloud.put("thing.b", id="id-of-a", size=1)
    plan = up(cloud, [a, Recording(OURS, "b", {"size": 2}, {"id": a})])
    assert [change.path for change in plan.steps[1].changes] == ["size", "id"]
    run(plan, cloud)
    assert "asked thing.b:size" in cloud.writes


def test_a_step_that_is_not_in_its_own_plans_live_state_counts_as_absent() -> None:
    cloud = Cloud()
    outcome, _ = run(Plan((Step(Thing(OURS, "a"), Action.CREATE),)), cloud)
    assert outcome.names(Action.CREATE) == ["thing.a"]
