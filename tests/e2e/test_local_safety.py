"""The local AWS is this machine's alone: no other address, no page of elsewhere, and never the real AWS."""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import json
import shlex
import socket
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
import websockets.sync.client as websockets
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from ..sizes import every
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
    "host", every(3, ["evil.example", "evil.example:4510", "127.0.0.1.evil.example", "localhost@evil.example", ""])
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


@pytest.mark.parametrize("origin", every(3, EVIL))
def test_a_page_of_another_origin_can_neither_connect_nor_post(deployed: Chatops, origin: str) -> None:
    url = urlsplit(deployed.url())
    with pytest.raises(InvalidStatus) as refused, websockets.connect(deployed.url(), origin=Origin(origin), proxy=None):
        pass
    assert refused.value.response.status_code == 403
    answer = ask(url.netloc, "POST", f"{url.path}/@connections/x", origin=origin)
    assert answer.status == 403 and answer.getheader("access-control-allow-origin") is None


TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
FUNCTION = {
    "FunctionName": "evil",
    "Runtime": "python3.12",
    "Handler": "evil.handler",
    "Role": "arn:aws:iam::000000000000:role/evil",
    "Code": {"ZipFile": base64.b64encode(zipped("evil.py", "def handler(event, context): return 'ran'")).decode()},
}
CALLS = (
    (
        "POST",
        f"/?Action=CreateRole&RoleName=evil&AssumeRolePolicyDocument={quote(TRUST)}&Version=2010-05-08",
        "iam",
        b"",
    ),
    ("GET", "/?Action=CreateUser&UserName=evil", "iam", b""),
    ("GET", "/?Action=GetFederationToken&Name=evil", "sts", b""),
    ("GET", "/?Action=CreateStack&StackName=evil&TemplateBody=%7B%7D", "cloudformation", b""),
    ("POST", "/2015-03-31/functions?", "lambda", json.dumps(FUNCTION).encode()),
    ("POST", "/2015-03-31/functions/evil/invocations?", "lambda", b"{}"),
    ("GET", "/v2/apis?", "apigateway", b""),
    ("POST", "/_ministack/reset?", "iam", b""),
    ("GET", "/_ministack/health?", "iam", b""),
)
"""What creates a role, creates a function and runs it, lists and empties."""
WAYS = ("query", "header", "none")


def names_the_root(key: str, service: str, way: str) -> tuple[str, dict[str, str]]:
    """What to add to a query and to the headers to name a key without its secret."""
    credential = f"{key}/20260101/{REGION}/{service}/aws4_request"
    if way == "query":
        return f"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential={credential}", {}
    signature = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return "", {"authorization": signature, "x-amz-date": "20260101T000000Z"} if way == "header" else {}


def test_who_has_no_secret_of_the_account_gets_nothing(deployed: Chatops, boto: Boto) -> None:
    before, netloc = boto.everything(), urlsplit(boto.endpoint_url).netloc
    keys = ("test", "000000000000", boto.variables["AWS_ACCESS_KEY_ID"])
    for (method, path, service, body), key, way in itertools.product(CALLS, keys, WAYS):
        query, headers = names_the_root(key, service, way)
        status = ask(netloc, method, path + query, body, **{"content-type": "text/plain", **headers}).status
        assert status == 403, (method, path, key, way)
    assert boto.everything() == before
    assert "evil" not in [one["UserName"] for one in boto.client("iam").list_users()["Users"]]


BEHIND = ("//{api}/", "/{api}//", "/./{api}/", "/{api}/../", "/%2e/{api}/", "//{api}//{api}/", "/{api}/%2e%2e/%2e%2e/")
"""Ways to write the path of an HTTP API that a reader may take for another path."""


@pytest.mark.slow
def test_no_request_for_an_http_api_becomes_a_call_to_aws(deployed: Chatops, boto: Boto) -> None:
    page = urlsplit(deployed.must("url", "api-gateway-lambda", "--local").out.strip())
    before, api = boto.everything(), page.path.strip("/")
    for (method, call, _, body), path, token in itertools.product(CALLS, BEHIND, ("Bearer x", "Basic x", "AWS x:y")):
        query = call.partition("?")[2]
        for target in (f"{path.format(api=api)}?{query}", f"{path.format(api=api)}{call.lstrip('/')}"):
            more = {"authorization": token, "x-amz-target": "DynamoDB_20120810.ListTables"}
            connection = http.client.HTTPConnection(page.netloc, timeout=20)
            connection.request(method, target, body, more)
            text = connection.getresponse().read()
            connection.close()
            for word in (b"CreateUserResponse", b"ListTables", b"TableNames", b"FunctionArn", b"CreateRoleResult"):
                assert word not in text, (method, target, token, text[:200])
    assert boto.everything() == before
    assert "evil" not in [one["UserName"] for one in boto.client("iam").list_users()["Users"]]


@pytest.mark.slow
def test_a_route_of_an_http_api_that_needs_a_signature_runs_for_nobody_unsigned(deployed: Chatops, boto: Boto) -> None:
    page = urlsplit(deployed.must("url", "api-gateway-lambda", "--local").out.strip())
    gateway, api = boto.client("apigatewayv2"), page.path.strip("/")
    target = gateway.get_routes(ApiId=api)["Items"][0]["Target"]
    gateway.create_route(ApiId=api, RouteKey="GET /closed", AuthorizationType="AWS_IAM", Target=target)
    for token in ("", "Bearer x", "Basic x"):
        assert ask(page.netloc, "GET", f"{page.path}/closed", authorization=token).status == 403, token
    assert ask(page.netloc, "GET", f"{page.path}/").status == 200


@pytest.mark.slow
def test_a_key_of_one_start_is_worth_nothing_at_the_next(chatops: Chatops, tmp_path: Path) -> None:
    other = Chatops(tmp_path, tmp_path / "state")
    other.must("local", "start")
    try:
        first = other.must("local", "env", "--json").last
        other.must("local", "stop")
        other.must("local", "start")
        second = other.must("local", "env", "--json").last
        keys = [first["AWS_ACCESS_KEY_ID"], first["AWS_SECRET_ACCESS_KEY"]]
        assert keys != [second["AWS_ACCESS_KEY_ID"], second["AWS_SECRET_ACCESS_KEY"]]
        with pytest.raises(ClientError, match="chatops local env"):
            Boto({**second, **{name: first[name] for name in first if "KEY" in name}}).everything()
    finally:
        other.must("local", "stop")


def test_the_key_test_is_told_the_command_that_prints_the_right_one(boto: Boto) -> None:
    wrong = Boto({**boto.variables, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    for service, call in (("iam", "list_users"), ("dynamodb", "list_tables"), ("lambda", "list_functions")):
        with pytest.raises(ClientError, match="chatops local env"):
            getattr(wrong.client(service), call)()


def test_a_shell_takes_what_local_env_prints(deployed: Chatops, boto: Boto) -> None:
    program = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    script = (
        f'eval "$({shlex.quote(sys.executable)} -m chatops local env)"; {shlex.quote(sys.executable)} -c "{program}"'
    )
    environment = {**deployed.full_environment, "AWS_PROFILE": "missing", "AWS_SESSION_TOKEN": "stale"}
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=deployed.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "['websocket-connections']", done.stderr


def test_local_env_without_a_local_aws_says_what_to_start(chatops: Chatops, tmp_path: Path) -> None:
    refused = Chatops(tmp_path, tmp_path / "state").run("local", "env")
    assert refused.code == 1 and refused.out == ""
    assert "chatops local start" in refused.err


def test_another_user_cannot_read_the_key(chatops: Chatops) -> None:
    folder = chatops.state / "chatops"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600


def test_ministack_s_own_websocket_side_is_closed(deployed: Chatops, boto: Boto) -> None:
    api, stage = deployed.url().split("/")[-2:]
    url = f"ws://{urlsplit(boto.endpoint_url).netloc}/_aws/execute-api/{api}/{stage}"
    with pytest.raises(InvalidStatus) as refused, websockets.connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_documents_of_local_runs_hold_the_local_account(connect: Callable[[], Any], deployed: Chatops) -> None:
    connect()
    assert json.loads(deployed.must("status", "--local", "--json").out)["account"] == "000000000000"
