"""docs/own-route.md, done as a reader does it: its handler and its config make a route that works, and go again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import websockets.sync.client as websockets
import yaml

from .conftest import Boto, Chatops

PAGE = (Path(__file__).parents[2] / "docs" / "own-route.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


def merged(into: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The reader's config with the page's lines put where they belong."""
    for key, value in more.items():
        into[key] = merged(into[key], value) if key in into else value
    return into


@pytest.mark.slow
def test_the_route_of_the_docs_echoes_to_its_sender_alone_and_goes_with_its_lines(chatops: Chatops, boto: Boto) -> None:
    chatops.must("init")
    (chatops.folder / "handlers" / "echo.py").write_text(block("python"), encoding="utf-8")
    file = chatops.folder / "config.yaml"
    before = file.read_text(encoding="utf-8")
    lines = block("yaml")
    assert len(lines.splitlines()) <= 10
    file.write_text(yaml.safe_dump(merged(yaml.safe_load(before), yaml.safe_load(lines))), encoding="utf-8")
    chatops.local("up")

    with (
        websockets.connect(chatops.url(), proxy=None) as sender,
        websockets.connect(chatops.url(), proxy=None) as other,
    ):
        sender.send(json.dumps({"action": "echo", "message": "Is anybody there?"}))
        assert sender.recv(timeout=20) == "Is anybody there?"
        sender.send(json.dumps({"action": "echo"}))
        assert 'no "message"' in str(sender.recv(timeout=20))
        sender.send(json.dumps({"action": "sendMessage", "message": "Hello! bs~"}))
        assert other.recv(timeout=20) == "Hello! bs~", "the first that the other hears"

    file.write_text(before, encoding="utf-8")
    assert "function.websocket-echo" in json.dumps(chatops.local("up").last)
    assert not [one for one in boto.everything() if "echo" in one]
