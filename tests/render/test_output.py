"""What a person sees: plain where it is piped, whole, and safe to look at."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from chatops.deploy import events
from chatops.deploy.plan import Action
from chatops.errors import ConfigError, UsageError
from chatops.render.output import Output

from .screens import EVIL, NAME, WHERE, Captured, at_a_terminal, is_plain


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


def test_in_a_terminal_what_is_under_way_is_drawn_and_what_has_ended_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    with Output().watching() as emit:
        emit(events.Started(NAME, Action.CREATE))
        emit(events.Progressed(NAME, Action.CREATE, "waiting for the role"))
        emit(events.Finished("table.t", Action.CREATE, 1.0))
    drawn = terminal.getvalue()
    assert "table.t" in drawn
    assert NAME in drawn and "waiting for the role" in drawn


def test_a_question_is_answered_only_by_a_clear_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, expected in (("y", True), ("Yes", True), ("네", True), ("no", False), ("", False), ("yeah", False)):
        monkeypatch.setattr("builtins.input", lambda answer=answer: answer)
        assert Output().confirm("Sure?") is expected


def test_a_question_that_nobody_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert Output().confirm("Sure?") is False


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


def test_what_aws_makes_a_command_wait_for_is_told_now_and_then(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, output = [100.0], Output(as_json=True)
    monkeypatch.setattr("chatops.render.output.time", SimpleNamespace(monotonic=lambda: now[0]))
    for second in range(25):
        now[0] = 100.0 + second
        output.waiting(f"lambda does not take ListTags now ({second} s)")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"… lambda does not take ListTags now ({at} s)" for at in (0, 10, 20)]


def head(capsys: Captured, note: str = "", **more: str) -> list[str]:
    """The lines of a head."""
    Output().head({**WHERE, **more}, note)
    return capsys.readouterr().err.splitlines()


def test_the_head_names_the_config_in_use_and_the_local_aws(capsys: Captured) -> None:
    text = " ".join(head(capsys, "(the local AWS)", config="built-in defaults"))
    assert "config built-in defaults" in text and text.endswith("(the local AWS)")


@pytest.mark.parametrize(
    "config", ["config.yaml", "a" * 300 + "/config.yaml", "가나다" * 50 + "/설정.yaml", "x" * 73, "y" * 74]
)
@pytest.mark.parametrize("stack", ["chat", "p-" * 10 + "+" + "s" * 64])
def test_no_line_of_the_head_is_wider_than_80_columns(capsys: Captured, config: str, stack: str) -> None:
    lines = head(capsys, "(the local AWS)", config=config, stack=stack)
    assert max(map(cell_len, lines)) <= 80
    shown = "  ".join(lines)
    assert f"config {config[:10]}" in shown and config[-9:] in shown
    assert (config in shown) == (cell_len(config) <= 73)
    assert all(value in shown for value in (WHERE["account"], WHERE["region"], "(the local AWS)"))


def test_the_path_in_the_head_is_safe_to_look_at(capsys: Captured) -> None:
    assert all(map(is_plain, head(capsys, config=EVIL)))
