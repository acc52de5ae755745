"""Where the posts go, and where the connections come from: nginx and a table, both on loopback."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, socket

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
NEEDED = "apt-get install nginx-light libnginx-mod-http-echo wrk openssl"
ROWS_PER_PAGE = 12_000
"""A connection's item takes some 85 bytes in DynamoDB, and a page 1 MB."""

CONFIG = """
load_module {module};
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  split_clients $uri $is_gone {{ 1% 1; * 0; }}
  split_clients $request_id $is_throttled {{ 1% 1; * 0; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_certificate {folder}/certificate;
    ssl_certificate_key {folder}/key;
    location /0/ {{
      if ($is_gone) {{ return 410; }}
      if ($is_throttled) {{ return 429; }}
      return 200;
    }}
    location /15/ {{
      if ($is_gone) {{ return 410; }}
      if ($is_throttled) {{ return 429; }}
      echo_sleep 0.015;
      echo -n "";
    }}
    location /floor/ {{ return 200; }}
    location /asked/ {{
      if ($is_gone) {{ return 410; }}
      if ($is_throttled) {{ return 429; }}
      echo_sleep 0.015;
      echo -n '{known}';
    }}
  }}
}}
"""

KNOWN = """{
  "connectedAt": "2025-01-31T09:30:00.125Z", "lastActiveAt": "2025-01-31T09:31:00Z",
  "identity": {"sourceIp": "203.0.113.7", "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101"}
}"""
"""What API Gateway tells of a connection."""


@dataclass
class Sink:
    """nginx, answering posts in API Gateway's place: 1 % gone, 1 % throttled, at once or after 15 ms."""

    port: int
    pid: int
    certificate: Path

    def url(self, milliseconds: int) -> str:
        """A stage's URL, under which posts are answered after so long."""
        return f"https://localhost:{self.port}/{milliseconds}/demo"

    @property
    def asked_url(self) -> str:
        """A stage's URL, under which questions about connections are answered after 15 ms."""
        return f"https://localhost:{self.port}/asked/demo"

    @property
    def cpu_seconds(self) -> float:
        """What its worker has used."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        fields = Path(f"/proc/{children[0]}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nginx() -> Iterator[Sink]:
    """A sink, over TLS, that ends with the block."""
    if not (shutil.which("nginx") and shutil.which("wrk") and shutil.which("openssl") and ECHO_MODULE.exists()):
        sys.exit(f"The benchmark needs nginx with its echo module, wrk and openssl. On Debian: {NEEDED}")
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker may be another user
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost", "-out", folder / "certificate", "-keyout", folder / "key"),
            ],
            check=True,
            capture_output=True,
        )
        config = folder / "config"
        config.write_text(CONFIG.format(module=ECHO_MODULE, folder=folder, port=port, known=KNOWN))
        process = subprocess.Popen(["nginx", "-p", folder, "-c", config, "-e", "stderr"])
        try:
            wait_for(port)
            yield Sink(port, process.pid, folder / "certificate")
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for(port: int) -> None:
    """Waits until something listens there."""
    ends = time.monotonic() + 10
    while True:
        try:
            return create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise


def connection_id(number: int) -> str:
    """An id of the length that API Gateway's have."""
    return f"L0SM9cOF{number:07}="


class Table(BaseHTTPRequestHandler):
    """As much of DynamoDB as a broadcast asks of it: Scan and DeleteItem."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    rows = 0

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = b"{}"
        if self.headers["X-Amz-Target"].endswith(".Scan"):
            segment, segments = query.get("Segment", 0), query.get("TotalSegments", 1)
            start, end = self.rows * segment // segments, self.rows * (segment + 1) // segments
            if "ExclusiveStartKey" in query:
                start = int(query["ExclusiveStartKey"]["connectionId"]["S"][8:15]) + 1
            what = query.get("Select") or "ProjectionExpression" in query
            body = page(start, min(end, start + ROWS_PER_PAGE), end, what)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@cache
def page(start: int, stop: int, end: int, what: str | bool) -> bytes:
    """One page of a scan, in JSON: whole items, the keys alone (True), or only how many there are ("COUNT")."""
    rest = {} if what else {"connectedAt": {"S": "2025-01-31T09:30:00.125Z"}, "expiresAt": {"N": "9999999999"}}
    answer: dict[str, object] = {"Count": stop - start, "ScannedCount": stop - start}
    if what != "COUNT":
        answer["Items"] = [{"connectionId": {"S": connection_id(number)}, **rest} for number in range(start, stop)]
    if stop < end:
        answer["LastEvaluatedKey"] = {"connectionId": {"S": connection_id(stop - 1)}}
    return json.dumps(answer).encode()


@contextmanager
def table() -> Iterator[str]:
    """A table, of as many rows as `Table.rows` says; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Table)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
