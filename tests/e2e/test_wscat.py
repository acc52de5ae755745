"""wscat at the bare address of the local chat: what its user sees where AWS says no."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pexpect
import pytest
import yaml

from .conftest import Boto, Chatops

FAILING = "def lambda_handler(event, context):\n    raise RuntimeError('raised on purpose')\n"
FRAME = r'< \{"message": "%s", "connectionId":"[\w-]{15}=", "requestId":"[\w-]{15}="\}'


class Wscat:
    """wscat in a terminal, as a person sees it, with its input from a pipe: a terminal's lines end at 4 KB."""

    def __init__(self, wscat: str, url: str, folder: Path) -> None:
        pipe = folder / "input"
        os.mkfifo(pipe)
        self.screen = pexpect.spawn(
            "sh",
            ["-c", 'exec "$0" "$@" < "$INPUT"', wscat, "-c", url],
            encoding="utf-8",
            timeout=30,
            env={**os.environ, "INPUT": str(pipe)},
        )
        self._input = pipe.open("w")
        self.screen.expect("Connected")

    def types(self, line: str) -> None:
        """Types in the background, for what is typed is shown and has to be read meanwhile."""
        threading.Thread(target=print, args=(line,), kwargs={"file": self._input, "flush": True}, daemon=True).start()

    def close(self) -> None:
        self.screen.close(force=True)
        self._input.close()


@pytest.fixture
def client(chatops: Chatops, wscat: str, tmp_path: Path) -> Iterator[Wscat]:
    """wscat in a chat without $default, and with a route whose function fails."""
    chatops.must("init")
    (chatops.folder / "handlers" / "fail.py").write_text(FAILING)
    file = chatops.folder / "config.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["functions"]["websocket-fail"] = {"source": "handlers/fail.py"}
    del config["websocket"]["routes"]["$default"]
    config["websocket"]["routes"]["fail"] = "websocket-fail"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    chatops.local("up")
    one = Wscat(wscat, f"ws://{urlsplit(chatops.url()).netloc}/demo", tmp_path)
    yield one
    one.close()


def test_wscat_sees_forbidden_an_internal_server_error_and_1009(client: Wscat, boto: Boto) -> None:
    client.types('{"action": "dance"}')
    client.screen.expect(FRAME % "Forbidden")
    client.types('{"action": "fail"}')
    client.screen.expect(FRAME % "Internal server error")
    assert "raised on purpose" in logged(boto, "/aws/lambda/websocket-fail")
    client.types('{"action":"sendMessage", "message":"Hello! bs~"}')
    client.screen.expect("< Hello! bs~")
    client.types("x" * 200 * 1024)
    client.screen.expect(r"Disconnected \(code: 1009")


def logged(boto: Boto, group: str) -> str:
    """What a function wrote, once its traceback is there."""
    logs, deadline = boto.client("logs"), time.monotonic() + 20
    while time.monotonic() < deadline:
        text = json.dumps(logs.filter_log_events(logGroupName=group)["events"])
        if "Traceback" in text:
            return text
    raise AssertionError("there is no traceback")
