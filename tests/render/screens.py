"""What the tests of looks share: a step, a terminal, and text that would turn one round."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import pytest

from chatops.deploy.plan import Action, Step
from chatops.deploy.resource import Change
from chatops.ops.connections import Connection
from chatops.resources.log_group import LogGroup

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
EVIL = "\x1b[2J\x1b]0;title\x07\u202egnp.exe\n\r\u2028\x9b\ud800"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
Captured = pytest.CaptureFixture[str]


def step(action: Action, *changes: Change, reason: str | None = None, hint: str | None = None) -> Step:
    return Step(LogGroup("chat", "send", 14), action, changes, reason, hint)


def connection(connection_id: str, address: str = "203.0.113.234", agent: str = AGENT, **ago: int) -> Connection:
    now = datetime.now(timezone.utc)
    idle, age = (now - timedelta(seconds=ago.get(key, 5)) for key in ("idle", "age"))
    return Connection(connection_id, True, age, idle, address, agent)


def is_plain(text: str) -> bool:
    """Whether nothing in a text moves the cursor, colours, hides or turns round."""
    return all(one.isprintable() or one == "\n" for one in text)


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
