"""Plans: property by property, whole where they are piped."""

from __future__ import annotations

import json

import pytest

from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import PLACEHOLDER, Change
from chatops.errors import UsageError
from chatops.render import plan as plan_shown
from chatops.render.output import Output
from chatops.resources.log_group import LogGroup

from ..resources.stand import function
from .screens import EVIL, NAME, WHERE, Captured, at_a_terminal, is_plain, step


def shown(capsys: Captured, *steps: Step) -> str:
    """A plan, piped."""
    plan_shown.show(Output(), WHERE, Plan(steps))
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_plan_is_shown_property_by_property(capsys: Captured) -> None:
    out = shown(
        capsys,
        step(Action.UPDATE, Change("retention", None, 14), Change("deep.er", {"a": [1]}, PLACEHOLDER)),
        step(Action.KEEP),
    )
    assert out.splitlines() == [
        f"~ update  {NAME}",
        "    retention: (none) → 14",
        f'    deep.er: {{"a": [1]}} → {PLACEHOLDER}',
        "1 to update, 1 unchanged",
    ]


@pytest.mark.parametrize(
    ("action", "symbol"),
    [(Action.CREATE, "+"), (Action.UPDATE, "~"), (Action.ADOPT, "»"), (Action.DELETE, "-"), (Action.BLOCKED, "!")],
)
def test_every_action_has_its_symbol_and_its_count(capsys: Captured, action: Action, symbol: str) -> None:
    first, last = shown(capsys, step(action)).splitlines()
    assert first.startswith(f"{symbol} {action.value}")
    assert last.startswith(f"1 {'blocked' if action is Action.BLOCKED else f'to {action.value}'}")


def test_what_is_kept_is_only_counted(capsys: Captured) -> None:
    assert shown(capsys, step(Action.KEEP), step(Action.KEEP)) == "In sync: 2 unchanged\n"


def test_a_value_that_may_be_a_secret_is_not_shown(capsys: Captured) -> None:
    changes = (Change("environment.DB_PASSWORD", "hunter1", "hunter2"), Change("memory", 128, 256))
    out = shown(capsys, Step(function(), Action.UPDATE, changes))
    assert "environment.DB_PASSWORD: (hidden) → (hidden)" in out and "memory: 128 → 256" in out and "hunter" not in out


def test_a_blocked_step_shows_why_and_what_to_do(capsys: Captured) -> None:
    out = shown(capsys, step(Action.BLOCKED, reason="there are two", hint="Delete one."))
    assert f"{NAME}: there are two\n    Delete one.\n" in out


def test_a_plan_that_is_piped_has_no_colours(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    out = shown(capsys, *(step(action, Change("a", 1, 2), reason="why", hint="what") for action in Action))
    assert is_plain(out)


def test_a_long_line_that_is_piped_is_not_broken(capsys: Captured) -> None:
    out = shown(capsys, step(Action.BLOCKED, reason="long " * 60, hint="hint " * 60))
    assert [len(line) > 250 for line in out.splitlines()] == [True, True, False]


def test_a_plan_for_a_program_is_one_json_document_on_one_line(capsys: Captured) -> None:
    plan_shown.show(Output(as_json=True), WHERE, Plan((step(Action.UPDATE, Change("retention", None, 14)),)))
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out)["steps"][0]["changes"] == [{"path": "retention", "before": None, "after": 14}]


def test_why_a_plan_is_blocked_goes_to_stderr(capsys: Captured) -> None:
    plan_shown.blocked(
        Output(), Plan((step(Action.BLOCKED, reason="there are two", hint="Delete one."), step(Action.CREATE)))
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert "there are two" in err and "Delete one." in err and "No changes were made." in err
    assert err.count(NAME) == 1


def test_a_terminal_is_coloured_and_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    plan_shown.show(Output(), WHERE, Plan((step(Action.CREATE),)))
    assert "\x1b[32m" in terminal.getvalue()
    terminal.truncate(0)
    monkeypatch.setenv("NO_COLOR", "1")
    plan_shown.show(Output(), WHERE, Plan((step(Action.CREATE),)))
    assert NAME in terminal.getvalue()
    assert "\x1b[3" not in terminal.getvalue()


def test_the_files_from_outside_are_listed_for_a_person_and_for_a_program(capsys: Captured) -> None:
    files = ["/shared/db.py", f"/shared/{EVIL}"]
    plan_shown.show(Output(), WHERE, Plan(()), files)
    out, err = capsys.readouterr()
    assert "/shared" not in out
    first, second, third = err.splitlines()
    assert first == "Files from outside the config's folder, uploaded to Lambda (2):"
    assert second == "  /shared/db.py"
    assert third.startswith("  /shared/") and is_plain(err)
    plan_shown.show(Output(as_json=True), WHERE, Plan(()), files)
    assert json.loads(capsys.readouterr().out)["outside_files"] == files


def test_a_plan_that_up_refuses_is_shown_whole_and_says_so_on_stderr(capsys: Captured) -> None:
    refusal = UsageError("a-code", "What", "why", "hint")
    plan_shown.show(Output(), WHERE, Plan((step(Action.DELETE),)), refusal=refusal)
    out, err = capsys.readouterr()
    assert NAME in out
    assert err.splitlines() == ["`up` would stop before any change:", "What: why", "→ hint"]


def test_everything_that_a_plan_deletes_is_listed_on_stderr_and_is_safe_to_read(capsys: Captured) -> None:
    removing = Step(LogGroup("chat", "send", 14), Action.UPDATE, removes=(f"the route {EVIL}",))
    plan_shown.deletions(Output(), Plan((removing, step(Action.DELETE), step(Action.CREATE))))
    out, err = capsys.readouterr()
    assert out == ""
    assert is_plain(err)
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["To", "", ""]
    assert err.endswith(f"  - {NAME}\n")
