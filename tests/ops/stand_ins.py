"""What the tests of diagnosis stand on: a small stack on the local AWS, and an AWS that refuses what it is told to."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chatops import config, plans
from chatops.aws import Aws
from chatops.deploy.apply import apply
from chatops.stack import Stack

from ..admin import TEST_KEYS

REGION = "ap-northeast-2"
KEYS = TEST_KEYS.pair
SMALL = """
functions:
  websocket-connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  websocket-disconnect: {source: handlers/disconnect.py, allow: [dynamodb:DeleteItem]}
  websocket-send:
    source: handlers/send.py
    timeout: 29
    allow: [dynamodb:Scan, dynamodb:DeleteItem, execute-api:ManageConnections]
http_apis:
"""


def stack_of(folder: Path, aws: Aws, text: str = SMALL) -> Stack:
    """The stack that a config means."""
    file = folder / "config.yaml"
    file.write_text(text)
    return Stack(config.load(file), aws)


def up(stack: Stack, *, adopt: bool = False) -> Stack:
    """The stack, created or repaired."""
    outcome = apply(plans.up(stack, adopt=adopt), stack.aws, lambda _: None, threading.Event())
    assert not outcome.failed, outcome.failed
    return stack


@dataclass
class Request:
    """A request to AWS: who is asked for what, where."""

    service: str
    region: str
    operation: str
    path: str
    body: str


@dataclass
class Answer:
    """What is answered in AWS's place."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def refusal(request: Request, code: str, message: str, status: int = 400) -> Answer:
    """An error as the service's protocol spells it."""
    if request.service in ("sts", "iam"):
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return Answer(status, xml, {"content-type": "text/xml"})
    body = {"__type": code, "message": message}
    return Answer(status, json.dumps(body), {"x-amzn-errortype": code, "content-type": "application/json"})


Rule = Callable[[Request], "Answer | None"]


class Proxy:
    """Stands before the local AWS. The first rule with an answer gives it; `clock` moves the Date of all answers."""

    def __init__(self, upstream: str) -> None:
        self.rules: list[Rule] = []
        self.seen: list[Request] = []
        self.clock = 0.0
        proxy, host = self, urlsplit(upstream)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = _request(self, body)
                proxy.seen.append(request)
                answer = next((one for one in (rule(request) for rule in proxy.rules) if one), None)
                if answer is None:
                    upstream = HTTPConnection(host.hostname or "", host.port, timeout=60)
                    upstream.request(self.command, self.path, body, dict(self.headers.items()))
                    reply = upstream.getresponse()
                    data, headers = reply.read(), dict(reply.getheaders())
                    upstream.close()
                    status = reply.status
                else:
                    status, data, headers = answer.status, answer.body.encode(), answer.headers
                self.send_response_only(status)
                dropped = ("date", "content-length", "transfer-encoding", "connection")
                for name, value in headers.items():
                    if name.lower() not in dropped:
                        self.send_header(name, value)
                self.send_header("date", self.date_time_string(int(time.time() + proxy.clock)))
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self._answer
                raise AttributeError(name)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def refuse(self, when: Callable[[Request], bool], code: str, message: str, status: int = 400) -> None:
        """Answers some requests with an error."""
        self.rules.append(lambda request: refusal(request, code, message, status) if when(request) else None)

    def forget(self) -> None:
        """Begins anew: no rules, nothing seen, the right time."""
        self.rules.clear()
        self.seen.clear()
        self.clock = 0.0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _request(handler: BaseHTTPRequestHandler, body: bytes) -> Request:
    scope = (handler.headers.get("authorization") or "").partition("Credential=")[2].split(",")[0].split("/")
    region, service = (scope[2], scope[3]) if len(scope) >= 5 else ("", "")
    text = body.decode(errors="replace")
    target = handler.headers.get("x-amz-target", "").rpartition(".")[2]
    action = parse_qs(text).get("Action", [""])[0] if service in ("sts", "iam") else ""
    operation = target or action or f"{handler.command} {urlsplit(handler.path).path}"
    return Request(service, region, operation, handler.path, text)


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def front_of(aws: str, folder: Path) -> Iterator[str]:
    """API Gateway's WebSocket side before a local AWS; ended with the block."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    quiet = subprocess.DEVNULL
    keys = folder / "keys.json"
    TEST_KEYS.write(keys)
    where = ["--aws", aws, "--region", REGION, "--keys", str(keys)]
    command = ["-m", "chatops.local.front", "--port", str(port), *where]
    process = subprocess.Popen([sys.executable, *command], stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + 30
        while not _answers(f"{url}/_chatops/health"):
            assert process.poll() is None and time.monotonic() < deadline, "the front did not start"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True
