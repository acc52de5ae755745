"""The local AWS is this machine's alone: no other address, no page of elsewhere, and never the real AWS."""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import json
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from .conftest import REGION, Boto, Chatops


def zipped(name: str, text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()


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


def ask(netloc: str, method: str, path: str, body: bytes = b"", /, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(netloc, timeout=20)
    connection.putrequest(method, path, skip_host="host" in headers)
    body = body or (b"{}" if method == "POST" else b"")
    for name, value in {**headers, "content-length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body or None)
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


KEY_IN_QUERY = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential=test/20260101/{}/{}/aws4_request"
TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
FUNCTION = {
    "FunctionName": "evil",
    "Runtime": "python3.12",
    "Handler": "evil.handler",
    "Role": "arn:aws:iam::000000000000:role/evil",
    "Code": {"ZipFile": base64.b64encode(zipped("evil.py", "def handler(event, context): return 'ran'")).decode()},
}
AS_ROOT = (
    (
        "POST",
        f"/?Action=CreateRole&RoleName=evil&AssumeRolePolicyDocument={quote(TRUST)}&Version=2010-05-08",
        "iam",
        b"",
    ),
    ("GET", "/?Action=CreateUser&UserName=evil", "iam", b""),
    ("POST", "/2015-03-31/functions?", "lambda", json.dumps(FUNCTION).encode()),
    ("POST", "/2015-03-31/functions/evil/invocations?", "lambda", b"{}"),
    ("GET", "/v2/apis?", "apigateway", b""),
    ("POST", "/_ministack/reset?", "iam", b""),
    ("GET", "/_ministack/health?", "iam", b""),
)
"""What creates a role, creates a function and runs it, lists and empties: with the root's name in the query, unsigned.

No browser asks anybody before it sends one of these for a page, as text.
"""
PAGES = (
    {"origin": "http://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    {"sec-fetch-site": "same-origin"},
    {"host": "evil.example"},
    {"host": "evil.example:4566", "sec-fetch-site": "same-origin", "x-chatops-admitted": "yes"},
    {"host": "127.0.0.1.evil.example", "sec-fetch-site": "none"},
)
"""What browsers add to a page's requests: from elsewhere, from nowhere, and where a name was made to resolve here."""


def test_a_page_that_names_the_key_of_the_root_is_refused_by_the_local_aws(deployed: Chatops, boto: Boto) -> None:
    before = boto.everything()
    netloc = urlsplit(boto.endpoint_url).netloc
    for page, (method, path, service, body) in itertools.product(PAGES, AS_ROOT):
        signed = f"{path}&{KEY_IN_QUERY.format(REGION, service)}"
        headers = {"host": netloc, "content-type": "text/plain", **page}
        assert ask(netloc, method, signed, body, **headers).status == 403, (page, method, path)
    assert boto.everything() == before
    assert "evil" not in [one["UserName"] for one in boto.client("iam").list_users()["Users"]]


def test_a_page_is_not_even_told_what_it_may_ask_of_the_local_aws(boto: Boto) -> None:
    netloc = urlsplit(boto.endpoint_url).netloc
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "x-chatops-admitted"}
    answer = ask(netloc, "OPTIONS", "/2015-03-31/functions", origin="http://evil.example", **wanted)
    assert answer.status == 403 and answer.getheader("access-control-allow-origin") is None


def test_a_page_opens_no_websocket_at_the_local_aws(deployed: Chatops, boto: Boto) -> None:
    """MiniStack has a WebSocket side of its own, which looks at no Origin."""
    told = deployed.must("url", "--local").out.strip()
    api = next(
        one["ApiId"] for one in boto.client("apigatewayv2").get_apis()["Items"] if one["Name"] == "websocket-api"
    )
    url = f"ws://{urlsplit(boto.endpoint_url).netloc}/_aws/execute-api/{api}/{told.rpartition('/')[2]}"
    for origin in EVIL:
        with pytest.raises(InvalidStatus) as refused, websockets.connect(url, origin=Origin(origin), proxy=None):
            pass
        assert refused.value.response.status_code == 403
    with websockets.connect(url, proxy=None):
        pass


def test_the_chats_own_page_opens_and_a_page_of_elsewhere_calls_no_http_api(deployed: Chatops) -> None:
    url = urlsplit(deployed.must("url", "api-gateway-lambda", "--local").out.strip())
    own = f"http://{url.netloc}"
    browser = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for site in ("none", "cross-site", "same-origin"):
        assert ask(url.netloc, "GET", f"{url.path}/", **browser, **{"sec-fetch-site": site}).status == 200, site
    fetch = {"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin", "origin": own}
    assert ask(url.netloc, "GET", f"{url.path}/", **fetch).status == 200
    for origin in EVIL:
        assert ask(url.netloc, "POST", f"{url.path}/", origin=origin).status == 403, origin


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
