"""Hints: a command that is suggested acts where this run did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatops.cli import app
from chatops.deploy import events
from chatops.deploy.plan import Action, Plan, Step
from chatops.errors import UsageError
from chatops.ops.doctor.finding import Diagnosis, error
from chatops.render import doctor
from chatops.render import plan as plan_shown
from chatops.render.advice import COMMANDS, Advice
from chatops.render.output import Output
from chatops.resources.log_group import LogGroup
from chatops.session import Options, Session

LOCAL = {"--local": None, "--config": "a file.yaml"}
GIVEN = "--local --config 'a file.yaml'"
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `chatops up`.", f"Run `chatops up {GIVEN}`."),
        ("chatops find, then chatops up", f"chatops find {GIVEN}, then chatops up {GIVEN}"),
        ("chatops up --adopt", f"chatops up --adopt {GIVEN}"),
        ("`chatops status --config b.yaml`", "`chatops status --config b.yaml --local`"),
        ("chatops logs --since 10m, or", f"chatops logs --since 10m {GIVEN}, or"),
        ('wscat -c "$(chatops invite)"', f'wscat -c "$(chatops invite {GIVEN})"'),
        ("`chatops local status` tells it", "`chatops local status` tells it"),
        ("chatops made a mistake; chatops upends nothing", "chatops made a mistake; chatops upends nothing"),
        ("aws sso login", "aws sso login"),
    ],
)
def test_a_command_gets_the_options_that_it_does_not_have(text: str, expected: str) -> None:
    assert Advice(LOCAL)(text) == expected
    assert Advice({})(text) == text


def test_every_command_that_takes_the_options_is_known() -> None:
    registered = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}
    for group in app.registered_groups:
        if group.typer_instance and not group.name:
            commands = group.typer_instance.registered_commands
            registered |= {one.name or one.callback.__name__ for one in commands if one.callback}
    assert set(COMMANDS) == registered - {"init"}


def test_the_options_are_those_that_decide_where_a_command_acts() -> None:
    options = Options(Path("c.yaml"), "eu-west-1", "me", "http://127.0.0.1:1", local=True, as_json=True, debug=True)
    given = {"--config": "c.yaml", "--region": "eu-west-1", "--profile": "me", "--endpoint-url": "http://127.0.0.1:1"}
    assert options.given == {"--local": None, **given}
    assert Options().given == {}


def hints(output: Output) -> None:
    """A hint in everything that has one."""
    step = Step(LogGroup("chat", "send", 14), Action.BLOCKED, reason="why", hint="Run `chatops up`.")
    output.error(UsageError("a-code", "What", "why", "Run `chatops up`."))
    plan_shown.show(output, {}, Plan((step,)))
    plan_shown.blocked(output, Plan((step,)))
    output.say("`chatops up`")
    doctor.show(output, Diagnosis((error("What", "why", "chatops up"),)))
    with output.watching() as emit:
        emit(events.Failed("table.t", Action.CREATE, UsageError("a-code", "What", "why", "Run `chatops up`.")))


def test_every_hint_is_completed_for_a_person(capsys: Captured) -> None:
    hints(Session(Options(local=True)).output)
    out, err = capsys.readouterr()
    assert (out + err).count("chatops up --local") == (out + err).count("chatops up") == 6


def test_every_hint_is_completed_for_a_program(capsys: Captured) -> None:
    hints(Session(Options(local=True, as_json=True)).output)
    out = capsys.readouterr().out
    assert out.count("chatops up --local") == out.count("chatops up") == 5
    assert all(json.loads(line) for line in out.splitlines())
