"""What comes from others: safe to look at, wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chatops.deploy import events
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change
from chatops.errors import ConfigError, UsageError
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Reading
from chatops.render import plan as plan_shown
from chatops.render import status
from chatops.render.output import Output
from chatops.resources.api import HttpApi

from .screens import EVIL, NAME, WHERE, Captured, is_plain, step

HOSTILE: dict[str, Callable[[Output], Any]] = {
    "a value before": lambda output: plan_shown.show(output, WHERE, Plan((step(Action.UPDATE, Change("a", EVIL, 1)),))),
    "a value after": lambda output: plan_shown.show(
        output, WHERE, Plan((step(Action.UPDATE, Change("a", 1, {EVIL: [EVIL]})),))
    ),
    "a path": lambda output: plan_shown.show(output, WHERE, Plan((step(Action.UPDATE, Change(EVIL, 1, 2)),))),
    "a reason": lambda output: plan_shown.show(output, WHERE, Plan((step(Action.BLOCKED, reason=EVIL),))),
    "a name": lambda output: plan_shown.show(
        output, WHERE, Plan((Step(HttpApi("chat", EVIL, "", ""), Action.DELETE),))
    ),
    "a name of what is missing": lambda output: status.show(
        output, WHERE, Reading(Plan((Step(HttpApi("chat", EVIL, "", ""), Action.CREATE),)), {}, Roster())
    ),
    "a blocked step": lambda output: plan_shown.blocked(output, Plan((step(Action.BLOCKED, reason=EVIL),))),
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
