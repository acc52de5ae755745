"""Every command that touches a stack, or reads one, says first which one by which config."""

from __future__ import annotations

import pytest

from .conftest import Chatops

COMMANDS = [
    ("up",),
    ("up", "--dry-run"),
    ("plan",),
    ("status",),
    ("prune",),
    ("kick", "--all"),
    ("send", "hi"),
    ("smoke",),
    ("url",),
    ("chat", "--nick", "ci"),
    ("logs",),
    ("metrics",),
    ("find",),
    ("doctor",),
    ("policy",),
    ("export",),
    ("down",),
]
"""In this order; `open` would start a browser."""


@pytest.mark.slow
def test_the_head_of_every_command_names_its_config_within_80_columns(chatops: Chatops) -> None:
    chatops.write_config("http_apis: {}\n")
    name = "d" * 100 + "/chat.yaml"
    (chatops.folder / name).parent.mkdir()
    (chatops.folder / "config.yaml").rename(chatops.folder / name)
    for command in COMMANDS:
        told = chatops.run(*command, "--local", "--config", name)
        head = [line for line in told.err.splitlines() if line.startswith(("stack ", "account ", "config "))]
        assert max(map(len, head)) <= 80, (command, head)
        text = "  ".join(head)
        assert "stack websocket-chat" in text, command
        assert "config ddd" in text and "…" in text and "ddd/chat.yaml" in text, command
