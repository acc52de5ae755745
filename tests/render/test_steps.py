"""Steps of a plan, and errors, as text."""

from __future__ import annotations

from chatops.deploy.plan import Action
from chatops.deploy.resource import Change
from chatops.errors import Explanation
from chatops.render.steps import explained, step_text

from .screens import NAME, step


def test_what_is_not_there_is_none_and_what_is_no_text_is_json() -> None:
    told = str(step_text(step(Action.UPDATE, Change("days", None, 14), Change("tags", {"a": "안녕"}, "x"))))
    assert told.splitlines() == [f"~ update  {NAME}", "    days: (none) → 14", '    tags: {"a": "안녕"} → x']


def test_a_value_is_cut_where_it_would_fill_the_screen() -> None:
    line = str(step_text(step(Action.UPDATE, Change("a", "x" * 1000, 1)))).splitlines()[1]
    assert line == f"    a: {'x' * 199}… → 1"


def test_the_properties_of_what_is_created_or_deleted_are_not_listed() -> None:
    for action in (Action.CREATE, Action.DELETE):
        assert str(step_text(step(action, Change("days", None, 14)))).count("\n") == 0


def test_a_reason_follows_the_name_and_a_hint_is_completed_below() -> None:
    told = step_text(step(Action.BLOCKED, reason="not ours", hint="chatops up --adopt"), lambda hint: f"{hint} --local")
    assert str(told).splitlines() == [f"! blocked {NAME}: not ours", "    chatops up --adopt --local"]


def test_one_reason_stands_behind_what_happened_and_several_below() -> None:
    one = explained(Explanation("a-code", "What", "why", "next"), indent="  ")
    assert str(one).splitlines() == ["  What: why", "  → next"]
    several = explained(Explanation("a-code", "What", "why\nand why", ""), indent="  ")
    assert str(several).splitlines() == ["  What", "    why", "    and why"]
