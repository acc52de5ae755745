"""The local AWS is this machine's alone: no other address, no page of elsewhere, and never the real AWS."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from .conftest import Boto, Chatops

EVIL = (
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://localhost.evil.example:4510",
    "null",
    "file://",
)


@pytest.fixture
def front(deployed: Chatops) -> str:
    """Where the front listens: host and port."""
    return urlsplit(deployed.url()).netloc


def ask(netloc: str, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(netloc, timeout=20)
    connection.putrequest(method, path, skip_host="host" in headers)
    for name, value in {**headers, "content-length": "2" if method == "POST" else "0"}.items():
        connection.putheader(name, value)
    connection.endheaders(b"{}" if method == "POST" else None)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_everything_listens_on_loopback_only(deployed: Chatops) -> None:
    deployed.local("smoke")
    told = deployed.must("local", "status", "--json").last
    pids = [told["pid"], *(one["pid"] for one in told["fronts"].values())]
    family = [one for pid in pids for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    listening = [
        one.laddr for process in family for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


def test_another_address_of_this_machine_reaches_neither(boto: Boto, front: str) -> None:
    others = {
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family is socket.AF_INET and not one.address.startswith("127.")
    } | {"127.0.0.2"}
    for port in (urlsplit(boto.endpoint_url).port, int(front.partition(":")[2])):
        for address in others:
            with socket.socket() as one, pytest.raises(OSError):
                one.settimeout(5)
                one.connect((address, port))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4510", "127.0.0.1.evil.example", "localhost@evil.example", ""]
)
def test_a_name_that_was_made_to_resolve_here_gets_nothing_from_the_front(deployed: Chatops, host: str) -> None:
    url = urlsplit(deployed.url())
    page = urlsplit(deployed.must("url", "api-gateway-lambda", "--local").out.strip()).path
    for method, path in (
        ("GET", f"{page}/"),
        ("GET", f"{url.path}/@connections/x"),
        ("POST", f"{url.path}/@connections/x"),
    ):
        assert ask(url.netloc, method, path, host=host).status in (400, 403), (method, path)
    assert ask(url.netloc, "GET", f"{page}/").status == 200
    handshake = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
    key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert ask(url.netloc, "GET", url.path, host=host, **handshake, **key).status in (400, 403)


@pytest.mark.parametrize("origin", EVIL)
def test_a_page_of_another_origin_can_neither_connect_nor_post(deployed: Chatops, origin: str) -> None:
    url = urlsplit(deployed.url())
    with pytest.raises(InvalidStatus) as refused, websockets.connect(deployed.url(), origin=Origin(origin), proxy=None):
        pass
    assert refused.value.response.status_code == 403
    answer = ask(url.netloc, "POST", f"{url.path}/@connections/x", origin=origin)
    assert answer.status == 403 and answer.getheader("access-control-allow-origin") is None


def test_what_a_page_can_send_to_the_local_aws_without_a_signature_changes_nothing(
    deployed: Chatops, boto: Boto
) -> None:
    """A page may send simple requests anywhere; it cannot sign, for it cannot set an Authorization header unasked."""
    before = boto.everything()
    netloc = urlsplit(boto.endpoint_url).netloc
    simple = {"origin": "http://evil.example", "content-type": "text/plain"}
    asked = (
        ("GET", "/v2/apis"),
        ("POST", "/v2/apis"),
        ("POST", "/"),
        ("POST", "/?Action=CreateUser&UserName=evil&Version=2010-05-08"),
        ("POST", "/2015-03-31/functions/websocket-send/invocations"),
    )
    for method, path in asked:
        assert ask(netloc, method, path, **simple).status >= 400, (method, path)
    assert boto.everything() == before
    assert "evil" not in [one["UserName"] for one in boto.client("iam").list_users()["Users"]]


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that stands for the real AWS, or a proxy to it, and everything that was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.command} {self.path} {self.headers}")
            self.send_response(403)
            self.end_headers()

        do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_local_asks_nobody_but_the_local_aws_whatever_the_environment_says(
    chatops: Chatops, elsewhere: tuple[str, list[str]]
) -> None:
    url, asked = elsewhere
    profile = chatops.folder / "aws"
    profile.write_text(
        f"[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\nregion = us-east-1\n"
        f"endpoint_url = {url}\n"
        f"[profile p]\nendpoint_url = {url}\ncredential_process = curl -s {url}/process\n"
    )
    environment = {
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), url),
        **dict.fromkeys(
            ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_IAM"), url
        ),
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{url}/metadata",
        "AWS_CONFIG_FILE": str(profile),
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_PROFILE": "p",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real-token",
    }
    mine = Chatops(chatops.folder, chatops.state, environment)
    summary = mine.must("up", "--local", "--json").last
    assert summary["account"] == "000000000000" and summary["outputs"]["websocket_url"].startswith("ws://127.0.0.1:")
    assert mine.must("smoke", "--local", "--json").last["ok"]
    mine.must("status", "--local", "--json")
    mine.must("send", "hi", "--local")
    assert mine.must("down", "--local", "--yes", "--json").last["deleted"]
    assert asked == []


def test_the_state_file_leads_to_loopback_only(chatops: Chatops, boto: Boto, elsewhere: tuple[str, list[str]]) -> None:
    told = chatops.must("local", "status", "--json").last
    assert urlsplit(told["endpoint_url"]).hostname == "127.0.0.1"
    assert {urlsplit(one["url"]).hostname for one in told["fronts"].values()} <= {"127.0.0.1"}


def test_documents_of_local_runs_hold_the_local_account(connect: Callable[[], Any], deployed: Chatops) -> None:
    connect()
    assert json.loads(deployed.must("status", "--local", "--json").out)["account"] == "000000000000"
