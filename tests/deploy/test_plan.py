"""Planning: the difference between what should be and what is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from chatops.deploy.plan import HIDDEN, Action, differences, observe
from chatops.deploy.resource import PLACEHOLDER, Blocked, Change, Live, Look, Properties, Unseen

from .fake_cloud import OURS, Cloud, Fault, Thing, actions, down, up


@dataclass(frozen=True, eq=False)
class Unclear(Thing):
    """One that cannot be told apart."""

    def observe(self, aws: Cloud, look: Look) -> Live | None:
        raise Blocked("two-of-them", "there are two", "Delete one.")


def test_what_is_missing_is_created_with_every_property_as_a_change() -> None:
    plan = up(Cloud(), [Thing(OURS, "a", {"size": 1, "deep": {"er": 2}})])
    assert actions(plan) == {"a": "create"}
    assert plan.steps[0].changes == (Change("size", None, 1), Change("deep", None, {"er": 2}))
    assert not plan.in_sync


def test_what_is_as_it_should_be_is_kept() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1)
    plan = up(cloud, [Thing(OURS, "a", {"size": 1})])
    assert actions(plan) == {"a": "keep"}
    assert plan.in_sync


def test_only_the_property_that_differs_is_changed() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1, colour={"hue": "red", "depth": 3}, same=[1])
    plan = up(cloud, [Thing(OURS, "a", {"size": 1, "colour": {"hue": "blue", "depth": 3}, "same": [1]})])
    assert actions(plan) == {"a": "update"}
    assert plan.steps[0].changes == (Change("colour.hue", "red", "blue"),)


def test_what_should_not_be_there_is_a_difference_too() -> None:
    cloud = Cloud()
    cloud.put("thing.a", size=1, extra={"x": 1})
    assert up(cloud, [Thing(OURS, "a", {"size": 1})]).steps[0].changes == (Change("extra", {"x": 1}, None),)


def test_planning_writes_nothing() -> None:
    cloud = Cloud()
    cloud.put("thing.b", size=1)
    up(cloud, [Thing(OURS, "a"), Thing(OURS, "b")], [Thing(OURS, "c")], adopt=True)
    down(cloud, [Thing(OURS, "a"), Thing(OURS, "b")])
    assert cloud.writes == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": [1, 2]}, {"a": [2, 1]}, [Change("a", [1, 2], [2, 1])]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [Change("a.b.c", 1, 2)]),
        ({"a": {"b": 1}}, {"a": 1}, [Change("a", {"b": 1}, 1)]),
        ({"a": {"b": 1}}, {"a": {}}, [Change("a.b", 1, None)]),
        ({"a": "1"}, {"a": 1}, [Change("a", "1", 1)]),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, [Change("b", 2, 3), Change("c", None, 4), Change("a", 1, None)]),
    ],
)
def test_differences_are_told_key_by_key(before: Any, after: Any, expected: list[Change]) -> None:
    assert differences(before, after) == expected


def test_a_value_that_nobody_knows_yet_shows_as_the_placeholder() -> None:
    a = Thing(OURS, "a")
    plan = up(Cloud(), [a, Thing(OURS, "b", {}, {"id": a})])
    assert plan.steps[1].changes == (Change("id", None, PLACEHOLDER),)


def test_a_value_that_exists_shows_as_itself() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    cloud.put("thing.a")
    assert up(cloud, [a, Thing(OURS, "b", {}, {"id": a})]).steps[1].changes == (Change("id", None, "id-of-a"),)


def test_steps_stand_in_dependency_order_whatever_order_the_resources_have() -> None:
    a = Thing(OURS, "a")
    b = Thing(OURS, "b", needs=(a,))
    c = Thing(OURS, "c", needs=(b,))
    assert list(actions(up(Cloud(), [c, b, a]))) == ["a", "b", "c"]


def test_what_nobody_owns_is_blocked_until_it_may_be_adopted() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None, size=1)
    wanted = [Thing(OURS, "a", {"size": 2})]
    step = up(cloud, wanted).steps[0]
    assert step.action is Action.BLOCKED
    assert step.hint and "--adopt" in step.hint
    assert step.changes == (), "what is somebody else's is not told"
    adopted = up(cloud, wanted, adopt=True).steps[0]
    assert (adopted.action, adopted.changes) == (Action.ADOPT, (Change("size", 1, 2),))


def test_what_is_adopted_as_it_is_needs_no_change_and_is_not_in_sync() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None)
    plan = up(cloud, [Thing(OURS, "a")], adopt=True)
    assert (actions(plan), plan.steps[0].changes, plan.in_sync) == ({"a": "adopt"}, (), False)


def test_what_another_stack_owns_is_blocked_even_when_adopting() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner="other", size=1)
    step = up(cloud, [Thing(OURS, "a")], adopt=True).steps[0]
    assert step.action is Action.BLOCKED
    assert step.reason and "'other'" in step.reason
    assert step.changes == ()


def test_a_value_that_may_be_a_secret_is_told_to_differ_and_not_told() -> None:
    class Secretive(Thing):
        def shows(self, path: str) -> bool:
            return path in ("open", "deep.open")

    cloud = Cloud()
    cloud.put("thing.b", open=1, deep={"open": 1, "secret": 1, "old": 1})
    wanted = {"open": 2, "deep": {"open": 2, "secret": 2, "new": 2}}
    new, changed = up(cloud, [Secretive(OURS, "a", wanted), Secretive(OURS, "b", wanted)]).steps
    assert new.shown == (
        Change("open", None, 2),
        Change("deep", None, {"open": 2, "secret": HIDDEN, "new": HIDDEN}),
    )
    assert changed.shown == (
        Change("open", 1, 2),
        Change("deep.open", 1, 2),
        Change("deep.secret", HIDDEN, HIDDEN),
        Change("deep.new", None, HIDDEN),
        Change("deep.old", HIDDEN, None),
    )


@pytest.mark.parametrize("owner", [OURS, None])
def test_a_property_that_cannot_change_in_place_is_blocked_with_what_to_do(owner: str | None) -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=owner, key="x", size=1)
    step = up(cloud, [Thing(OURS, "a", {"key": "y", "size": 1})], adopt=True).steps[0]
    assert (step.action, step.hint) == (Action.BLOCKED, "Make another one.")
    assert step.reason and "key" in step.reason
    assert step.changes == (Change("key", "x", "y"),)


def test_a_fixed_property_deep_inside_is_blocked_too() -> None:
    cloud = Cloud()
    cloud.put("thing.a", key={"name": "N"})
    assert up(cloud, [Thing(OURS, "a", {"key": {"name": "S"}})]).steps[0].action is Action.BLOCKED


def test_a_fixed_property_is_no_obstacle_to_creating() -> None:
    assert actions(up(Cloud(), [Thing(OURS, "a", {"key": "x"})])) == {"a": "create"}


def test_what_cannot_be_told_apart_is_blocked_and_its_dependents_are_planned_without_it() -> None:
    unclear = Unclear(OURS, "a")
    plan = up(Cloud(), [unclear, Thing(OURS, "b", {}, {"id": unclear})])
    assert actions(plan) == {"a": "blocked", "b": "create"}
    assert (plan.steps[0].reason, plan.steps[0].hint) == ("there are two", "Delete one.")
    assert plan.steps[1].changes == (Change("id", None, PLACEHOLDER),)
    assert plan.live["thing.a"] is None


def test_leftovers_of_ours_are_deleted_after_all_else_and_in_reverse() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    old = Thing(OURS, "old")
    older = Thing(OURS, "older", needs=(old,))
    for name in ("a", "old", "older"):
        cloud.put(f"thing.{name}")
    assert list(actions(up(cloud, [a], [old, older])).items()) == [
        ("a", "keep"),
        ("older", "delete"),
        ("old", "delete"),
    ]


def test_leftovers_that_are_not_ours_are_left_alone() -> None:
    cloud = Cloud()
    cloud.put("thing.old", owner="other")
    plan = up(cloud, [], [Thing(OURS, "old")], adopt=True)
    assert actions(plan) == {"old": "keep"}


def test_down_deletes_in_reverse() -> None:
    cloud, a = Cloud(), Thing(OURS, "a")
    cloud.put("thing.a", size=1)
    cloud.put("thing.b")
    plan = down(cloud, [a, Thing(OURS, "b", needs=(a,))])
    assert list(actions(plan).items()) == [("b", "delete"), ("a", "delete")]
    assert plan.steps[1].changes == (Change("size", 1, None),)


@pytest.mark.parametrize(("owner", "told"), [("other", "'other'"), (None, "no chatops tag")])
def test_down_keeps_what_is_not_ours_and_says_whose_it_is(owner: str | None, told: str) -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=owner)
    step = down(cloud, [Thing(OURS, "a")]).steps[0]
    assert step.action is Action.KEEP
    assert step.reason and told in step.reason


def test_down_of_nothing_is_in_sync() -> None:
    plan = down(Cloud(), [Thing(OURS, "a")])
    assert (actions(plan), plan.in_sync) == ({"a": "keep"}, True)


def test_down_keeps_what_cannot_be_told_apart_and_says_why() -> None:
    step = down(Cloud(), [Unclear(OURS, "a")]).steps[0]
    assert (step.action, step.reason, step.hint) == (Action.KEEP, "there are two", "Delete one.")


def test_a_plan_gives_its_steps_by_action() -> None:
    cloud = Cloud()
    cloud.put("thing.a")
    plan = up(cloud, [Thing(OURS, "a"), Thing(OURS, "b"), Thing(OURS, "c")])
    assert [step.name for step in plan.of(Action.CREATE)] == ["thing.b", "thing.c"]
    assert [step.name for step in plan.of(Action.KEEP, Action.CREATE)] == ["thing.a", "thing.b", "thing.c"]
    assert plan.of(Action.DELETE) == []


@dataclass(frozen=True, eq=False)
class Meeting(Thing):
    """One that is read only when another one is being read too."""

    met: threading.Barrier = threading.Barrier(2, timeout=30)  # noqa: RUF009  (shared on purpose)

    def observe(self, aws: Cloud, look: Look) -> Live | None:
        self.met.wait()
        return None


def test_everything_is_read_at_the_same_time() -> None:
    assert observe([Meeting(OURS, "a"), Meeting(OURS, "b")], Cloud()) == {"thing.a": None, "thing.b": None}


@dataclass(frozen=True, eq=False)
class Inside(Thing):
    """One that is read through the thing that it is in."""

    def observe(self, aws: Cloud, look: Look) -> Live | None:
        outer = look(self.needs[0])
        return Live({"inside": outer.outputs["id"]}) if outer else None


def test_a_resource_is_read_with_the_live_state_of_those_that_it_needs() -> None:
    cloud, outer = Cloud(), Thing(OURS, "outer")
    inside = Inside(OURS, "inside", needs=(outer,))
    assert observe([inside, outer], cloud)["thing.inside"] is None
    cloud.put("thing.outer")
    assert observe([inside, outer], cloud)["thing.inside"] == Live({"inside": "id-of-outer"})


def test_what_is_inside_of_something_that_cannot_be_told_apart_counts_as_absent() -> None:
    unclear = Unclear(OURS, "a")
    seen = observe([Inside(OURS, "b", needs=(unclear,)), unclear], Cloud())
    assert isinstance(seen["thing.a"], Blocked)
    assert seen["thing.b"] is None


def test_a_chain_longer_than_the_workers_is_read_without_a_deadlock() -> None:
    cloud = Cloud()
    cloud.put("thing.0")
    chain: list[Thing] = [Thing(OURS, "0")]
    for number in range(1, 60):
        chain.append(Inside(OURS, str(number), needs=(chain[0],)))
    assert all(observe(list(reversed(chain)), cloud).values())


@dataclass(frozen=True, eq=False)
class Unreadable(Thing):
    """One that may not be read."""

    def observe(self, aws: Cloud, look: Look) -> Live | None:
        raise Fault("you may not look")


def test_an_error_while_reading_ends_the_plan() -> None:
    unreadable = Unreadable(OURS, "a")
    with pytest.raises(Fault, match="you may not look"):
        up(Cloud(), [Thing(OURS, "b"), unreadable, Inside(OURS, "c", needs=(unreadable,))])


def test_an_error_may_hide_what_it_meets_and_what_needs_that_and_nothing_else() -> None:
    cloud, unreadable, outer = Cloud(), Unreadable(OURS, "a"), Thing(OURS, "outer")
    cloud.put("thing.outer")
    things = [unreadable, Inside(OURS, "b", needs=(unreadable,)), outer, Inside(OURS, "c", needs=(outer,))]
    seen = observe(things, cloud, hide=Unseen)
    hidden = {name: str(one) for name, one in seen.items() if isinstance(one, Unseen)}
    assert hidden == dict.fromkeys(["thing.a", "thing.b"], "you may not look")
    assert seen["thing.c"] == Live({"inside": "id-of-outer"})


def test_what_hides_nothing_ends_the_plan() -> None:
    def hide(error: Exception) -> Unseen:
        raise error

    with pytest.raises(Fault, match="you may not look"):
        observe([Unreadable(OURS, "a")], Cloud(), hide=hide)


class Box(Thing):
    """A thing with content, of which an update deletes what is not wanted."""

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        wanted = desired.get("content", ())
        return [f"the content {one}" for one in seen.properties.get("content", ()) if one not in wanted]


def test_what_a_plan_deletes_are_resources_and_what_updates_and_adoptions_take_away() -> None:
    cloud = Cloud()
    cloud.put("thing.kept", content={"x": 1})
    cloud.put("thing.updated", content={"x": 1, "y": 1})
    cloud.put("thing.adopted", owner=None, content={"z": 1})
    cloud.put("thing.old", content={"x": 1})
    wanted = [Box(OURS, name, {"content": {"x": 1}}) for name in ("new", "kept", "updated", "adopted")]
    plan = up(cloud, wanted, [Box(OURS, "old")], adopt=True)
    assert plan.deletions == ["thing.updated: the content y", "thing.adopted: the content z", "thing.old"]
    assert up(cloud, wanted[:2]).deletions == []


def test_what_is_blocked_deletes_nothing() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner=None, content={"x": 1})
    assert up(cloud, [Box(OURS, "a", {"content": {}})]).deletions == []


def test_a_resource_of_another_stack_names_both_stacks() -> None:
    cloud = Cloud()
    cloud.put("thing.a", owner="dev-chat")
    reason = up(cloud, [Thing("dev-+chat", "a")]).steps[0].reason
    assert reason and "'dev-chat'" in reason and "'dev-+chat'" in reason
