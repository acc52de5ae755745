"""Where the functions of a test report to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Report = dict[str, Any]


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


class Sink:
    """An HTTP server that keeps what is posted to it, and lets a test wait for it."""

    def __init__(self) -> None:
        self._reports: list[Report] = []
        self._arrived = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                with sink._arrived:
                    sink._reports.append(json.loads(data))
                    sink._arrived.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, wanted: Callable[[Report], bool], limit: float = 15.0) -> Report:
        """The first report that is wanted, now or within `limit` seconds. Raises TimeoutError when there is none."""
        deadline = time.monotonic() + limit
        with self._arrived:
            while True:
                found = next((one for one in self._reports if wanted(one)), None)
                if found is not None:
                    return found
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError("no such report came")

    def report(self, connection_id: str, kind: str | None = None, limit: float = 15.0) -> Report:
        """The first report about a connection, or about its first event of a kind: CONNECT, MESSAGE, DISCONNECT."""

        def wanted(report: Report) -> bool:
            at = report["event"]["requestContext"]
            return bool(at["connectionId"] == connection_id and kind in (None, at["eventType"]))

        return self.wait(wanted, limit)

    def event(self, kind: str, connection_id: str, limit: float = 15.0) -> Any:
        """The first event of a kind of a connection."""
        return self.report(connection_id, kind, limit)["event"]
