"""What a person sees: plain where it is piped, whole, and safe to look at."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.deploy import events
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import PLACEHOLDER, Change
from chatops.errors import ConfigError, UsageError
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Reading
from chatops.render import Output, status
from chatops.resources.api import HttpApi
from chatops.resources.log_group import LogGroup

from .resources.stand import function

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
EVIL = "\x1b[2J\x1b]0;title\x07\u202egnp.exe\n\r\u2028\x9b\ud800"
Captured = pytest.CaptureFixture[str]


def step(action: Action, *changes: Change, reason: str | None = None, hint: str | None = None) -> Step:
    return Step(LogGroup("chat", "send", 14), action, changes, reason, hint)


def is_plain(text: str) -> bool:
    """Whether nothing in a text moves the cursor, colours, hides or turns round."""
    return all(one.isprintable() or one == "\n" for one in text)


def shown(capsys: Captured, *steps: Step) -> str:
    """A plan, piped."""
    Output().plan(WHERE, Plan(steps))
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
    Output(as_json=True).plan(WHERE, Plan((step(Action.UPDATE, Change("retention", None, 14)),)))
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out)["steps"][0]["changes"] == [{"path": "retention", "before": None, "after": 14}]


HOSTILE: dict[str, Callable[[Output], Any]] = {
    "a value before": lambda output: output.plan(WHERE, Plan((step(Action.UPDATE, Change("a", EVIL, 1)),))),
    "a value after": lambda output: output.plan(WHERE, Plan((step(Action.UPDATE, Change("a", 1, {EVIL: [EVIL]})),))),
    "a path": lambda output: output.plan(WHERE, Plan((step(Action.UPDATE, Change(EVIL, 1, 2)),))),
    "a reason": lambda output: output.plan(WHERE, Plan((step(Action.BLOCKED, reason=EVIL),))),
    "a name": lambda output: output.plan(WHERE, Plan((Step(HttpApi("chat", EVIL, "", ""), Action.DELETE),))),
    "a name of what is missing": lambda output: status.show(
        output, WHERE, Reading(Plan((Step(HttpApi("chat", EVIL, "", ""), Action.CREATE),)), {}, Roster())
    ),
    "a blocked step": lambda output: output.blocked(Plan((step(Action.BLOCKED, reason=EVIL),))),
    "an error's what": lambda output: output.error(UsageError("a-code", EVIL, "why", "hint")),
    "an error's why": lambda output: output.error(UsageError("a-code", "What", EVIL, "hint")),
    "a config's problems": lambda output: output.error(ConfigError("c.yaml", [EVIL, EVIL])),
    "an unknown error": lambda output: output.error(RuntimeError(EVIL)),
    "a connection's id": lambda output: connected(output, Connection(EVIL, True)),
    "a connection's address": lambda output: connected(output, Connection("a=", True, source_ip=EVIL)),
    "a connection's client": lambda output: connected(output, Connection("a=", True, user_agent=EVIL)),
    "a browser": lambda output: connected(output, Connection("a=", True, user_agent=f"Firefox/{EVIL}")),
    "an event's paths": lambda output: tell(output, events.Finished(NAME, Action.UPDATE, 1, (EVIL,))),
    "an event's reason": lambda output: tell(output, events.Finished(NAME, Action.KEEP, 1, (), EVIL)),
    "an event's error": lambda output: tell(output, events.Failed(NAME, Action.UPDATE, RuntimeError(EVIL))),
}


def connected(output: Output, *listed: Connection) -> None:
    status.show(output, WHERE, Reading(Plan(()), {"websocket_url": "wss://x"}, Roster(listed, len(listed))))


def tell(output: Output, event: events.Event) -> None:
    with output.watching() as emit:
        emit(event)


@pytest.mark.parametrize("say", HOSTILE.values(), ids=HOSTILE)
def test_what_comes_from_others_is_shown_and_not_obeyed(capsys: Captured, say: Callable[[Output], Any]) -> None:
    say(Output())
    out, err = capsys.readouterr()
    assert is_plain(out + err)
    assert "1b" in out + err, "it is not just left out"
    (out + err).encode()


@pytest.mark.parametrize("say", HOSTILE.values(), ids=HOSTILE)
def test_what_comes_from_others_breaks_no_line_of_json(capsys: Captured, say: Callable[[Output], Any]) -> None:
    say(Output(as_json=True))
    out, _ = capsys.readouterr()
    assert out.isascii()
    for line in out.splitlines():
        json.loads(line)


def test_an_error_goes_to_stderr_with_what_why_and_hint(capsys: Captured) -> None:
    Output().error(UsageError("no-region", "No region is chosen", "nothing names one", "Add --region."))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "No region is chosen: nothing names one\n→ Add --region.\n")


def test_all_problems_of_a_config_are_shown_each_on_its_line(capsys: Captured) -> None:
    Output().error(ConfigError("c.yaml", ["c.yaml:1: a", "c.yaml:2: b"]))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["The config c.yaml has 2 problems", "  c.yaml:1: a", "  c.yaml:2: b"]


def test_an_error_for_a_program_goes_to_stdout_as_a_document(capsys: Captured) -> None:
    Output(as_json=True).error(UsageError("a-code", "What", "why", "hint"))
    out, err = capsys.readouterr()
    assert json.loads(out) == {"event": "error", "code": "a-code", "what": "What", "why": "why", "hint": "hint"}
    assert err == ""


def test_why_a_plan_is_blocked_goes_to_stderr(capsys: Captured) -> None:
    Output().blocked(Plan((step(Action.BLOCKED, reason="there are two", hint="Delete one."), step(Action.CREATE))))
    out, err = capsys.readouterr()
    assert out == ""
    assert "there are two" in err and "Delete one." in err and "Nothing was changed." in err
    assert err.count(NAME) == 1


def test_a_url_stands_alone_on_a_line_of_stdout(capsys: Captured) -> None:
    Output().line("wss://x/demo")
    assert capsys.readouterr() == ("wss://x/demo\n", "")


def test_the_head_is_on_stderr_for_the_person_behind_a_program(capsys: Captured) -> None:
    Output(as_json=True).head(WHERE)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(str(one) in err for one in WHERE.values())


def test_markup_in_a_text_is_text(capsys: Captured) -> None:
    Output().say("[bold]x[/bold] :smile:")
    assert capsys.readouterr().err == "[bold]x[/bold] :smile:\n"


def told(capsys: Captured, *what: events.Event) -> list[str]:
    """The lines of an apply, piped."""
    output = Output()
    with output.watching() as emit:
        for event in what:
            emit(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert is_plain(err)
    return err.splitlines()


def test_events_that_are_piped_are_a_line_for_each_end(capsys: Captured) -> None:
    assert told(
        capsys,
        events.Started(NAME, Action.CREATE),
        events.Progressed(NAME, Action.CREATE, "waiting"),
        events.Finished(NAME, Action.CREATE, 1.25),
        events.Finished("role.send", Action.UPDATE, 0.5, ("policies", "trust")),
        events.Finished("table.t", Action.KEEP, 0.0),
        events.Skipped("stage.chat", Action.CREATE),
    ) == [
        f"+ {NAME}  created  1.2 s",
        "~ role.send  updated  0.5 s  policies, trust",
        "· stage.chat  skipped",
    ]


def test_what_is_kept_for_a_reason_says_it(capsys: Captured) -> None:
    assert told(capsys, events.Finished(NAME, Action.KEEP, 0.0, (), "it belongs to the stack 'other'")) == [
        f"= {NAME}  it belongs to the stack 'other'"
    ]


def test_a_failed_step_is_told_with_what_why_and_hint(capsys: Captured) -> None:
    assert told(capsys, events.Failed(NAME, Action.CREATE, UsageError("a-code", "What", "why", "hint"))) == [
        f"✗ {NAME}  failed",
        "    What: why",
        "    → hint",
    ]


def test_events_for_a_program_are_a_document_each(capsys: Captured) -> None:
    output = Output(as_json=True)
    with output.watching() as emit:
        emit(events.Started(NAME, Action.CREATE))
        emit(events.Skipped(NAME, Action.CREATE))
    out, err = capsys.readouterr()
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["started", "skipped"]
    assert err == ""


class Terminal(io.StringIO):
    """Something that says that it is a terminal, and keeps what is drawn on it."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal with colours, for stdout and stderr. No fixture: pytest sets both again before a test begins."""
    screen = Terminal()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


def test_in_a_terminal_what_is_under_way_is_drawn_and_what_has_ended_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    with Output().watching() as emit:
        emit(events.Started(NAME, Action.CREATE))
        emit(events.Progressed(NAME, Action.CREATE, "waiting for the role"))
        emit(events.Finished("table.t", Action.CREATE, 1.0))
    drawn = terminal.getvalue()
    assert "table.t" in drawn
    assert NAME in drawn and "waiting for the role" in drawn


def outcome(**more: Any) -> Outcome:
    return Outcome(done={"table.t": Action.CREATE, "role.r": Action.KEEP}, seconds=2.34, **more)


def test_the_summary_counts_on_stderr_and_gives_the_addresses_on_stdout(capsys: Captured) -> None:
    outputs = {"websocket_url": "wss://x/demo", "http_urls": {"page": "https://y"}}
    Output().summary(WHERE, outcome(), outputs, "Try it.")
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [["WebSocket", "URL", "wss://x/demo"], ["page", "https://y"]]
    assert err.splitlines() == ["1 created, 1 unchanged in 2.3 s", "Try it."]


def test_the_summary_counts_what_failed_and_what_was_skipped(capsys: Captured) -> None:
    Output().summary(WHERE, outcome(failed={"x": ValueError()}, skipped=["y", "z"]), {}, "")
    assert capsys.readouterr().err == "1 created, 1 unchanged, 1 failed, 2 skipped in 2.3 s\n"


def test_a_run_with_nothing_to_do_says_so(capsys: Captured) -> None:
    Output().summary(WHERE, Outcome(), {}, "")
    assert capsys.readouterr().err.startswith("nothing to do")


def test_the_summary_for_a_program_is_one_document(capsys: Captured) -> None:
    Output(as_json=True).summary(WHERE, outcome(), {"websocket_url": None, "http_urls": {}}, "Try it.")
    out, err = capsys.readouterr()
    assert json.loads(out)["created"] == ["table.t"]
    assert err == ""


def test_a_status_that_is_piped_loses_nothing(capsys: Captured) -> None:
    since = datetime.now(timezone.utc) - timedelta(minutes=59, seconds=30)
    one = Connection("Abcdefghijklmno=", True, since, since, "2001:db8:85a3:1111:2222:8a2e:370:7334", "wscat")
    connected(Output(), one)
    out, err = capsys.readouterr()
    assert is_plain(out)
    (line,) = [line for line in out.splitlines() if "Abc" in line]
    for part in ("Abcdefghijklmno=", "live", "59m", "2001:db8:85a3:1111:2222:8a2e:370:7334", "wscat"):
        assert part in line
    assert err == ""


def test_a_status_counts_what_is_ok_and_names_what_is_not(capsys: Captured) -> None:
    live = Change("stages.demo.deployment", "a", "b")
    plan = Plan((step(Action.KEEP), step(Action.UPDATE, live)))
    status.show(Output(), WHERE, Reading(plan, {"websocket_url": None}, Roster()))
    out, err = capsys.readouterr()
    assert "1 of 2 resources ok" in out
    assert "not live" in out
    assert "chatops up" in err


def test_a_question_is_answered_only_by_a_clear_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, expected in (("y", True), ("Yes", True), ("네", True), ("no", False), ("", False), ("yeah", False)):
        monkeypatch.setattr("builtins.input", lambda answer=answer: answer)
        assert Output().confirm("Sure?") is expected


def test_a_question_that_nobody_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert Output().confirm("Sure?") is False


def test_a_terminal_is_coloured_and_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    Output().plan(WHERE, Plan((step(Action.CREATE),)))
    assert "\x1b[32m" in terminal.getvalue()
    terminal.truncate(0)
    monkeypatch.setenv("NO_COLOR", "1")
    Output().plan(WHERE, Plan((step(Action.CREATE),)))
    assert NAME in terminal.getvalue()
    assert "\x1b[3" not in terminal.getvalue()


def test_a_person_can_be_asked_only_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", at_a_terminal(monkeypatch))
    assert Output().is_interactive
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert not Output().is_interactive


def test_what_a_step_waits_for_is_told_now_and_then_where_there_is_no_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("chatops.render.events.time", SimpleNamespace(monotonic=lambda: now[0]))
    with Output().watching() as emit:
        emit(events.Started(NAME, Action.DELETE))
        for second in range(25):
            now[0] = 100.0 + second
            emit(events.Progressed(NAME, Action.DELETE, f"trying again ({second} s)"))
    assert capsys.readouterr().err.splitlines() == [f"… {NAME}  trying again ({at} s)" for at in (10, 20)]


def test_an_adopted_resource_is_shown_with_what_was_changed_of_it(capsys: Captured) -> None:
    with Output().watching() as emit:
        emit(events.Finished(NAME, Action.ADOPT, 1.0, ("retention",)))
    assert capsys.readouterr().err.endswith("1.0 s  retention\n")
