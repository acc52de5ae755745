"""AWS without the waiting, and an @connections endpoint that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from chatops.aws import Aws
from chatops.ops.management import Management

from .gateway import Gateway, Quick


@pytest.fixture
def aws() -> Aws:
    return Quick("ap-northeast-2", endpoint_url="http://127.0.0.1:1", keys=("test", "test"))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def management(aws: Aws, gateway: Gateway) -> Iterator[Management]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection_id = unquote(self.path.rpartition("/")[2])
            authorization = self.headers["Authorization"] or ""
            status, answer = gateway.answer(self.command, connection_id, body, authorization)
            data = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Management(aws, f"http://127.0.0.1:{server.server_port}/abc/demo")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
