"""The guard before MiniStack: what it lets through, as whom, and what it refuses before it reads a body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chatops.local import emulator
from chatops.local.emulator import CREDENTIALS, FORWARDED, HEALTH, Guard, Message
from chatops.local.keys import LocalKeys

KEYS = LocalKeys("AKIACHATOPSTESTS2345", "secret")
ROOT = Credentials(*KEYS.pair)
FORWARD = {FORWARDED: KEYS.forward_token}
HOST = "127.0.0.1:4566"
FUNCTION = "arn:aws:lambda:ap-northeast-2:000000000000:function:send"
ROLE = "arn:aws:iam::000000000000:role/send"


@dataclass
class Seen:
    """What reached MiniStack, and what the client got."""

    status: int = 0
    body: bytes = b""
    passed: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    chunks_read: int = 0

    @property
    def key(self) -> str:
        """The key id that MiniStack was told."""
        return self.passed[0][0]["authorization"].partition("Credential=")[2].partition("/")[0]


def ask(
    method: str = "GET",
    target: str = "/",
    headers: Sequence[tuple[str, str]] = (),
    body: Sequence[bytes] = (b"",),
    kind: str = "http",
) -> Seen:
    """Send a request to a guard; each item of `body` is a part that arrives by itself."""
    seen, parts = Seen(), list(body)

    async def ministack(scope: Message, receive: emulator.Receive, send: emulator.Send) -> None:
        got = b""
        if scope["type"] == "http":
            while True:
                message = await receive()
                got += message.get("body", b"")
                if not message.get("more_body"):
                    break
            await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.passed.append((emulator.joined(scope.get("headers", [])), got))

    async def receive() -> Message:
        seen.chunks_read += 1
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Message) -> None:
        seen.status = message.get("status", seen.status)
        seen.body += message.get("body", b"")
        if message["type"] == "websocket.close":
            seen.status = 403

    path, _, query = target.partition("?")
    scope: dict[str, Any] = {"type": kind}
    if kind != "lifespan":
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        where = {"path": path, "raw_path": path.encode(), "query_string": query.encode()}
        scope |= {"method": method, "headers": raw, **where}
    asyncio.run(Guard(ministack, KEYS)(scope, receive, send))
    return seen


def signed(
    credentials: Credentials = ROOT,
    method: str = "POST",
    target: str = "/?a=1&b=%EC%95%88",
    body: bytes = b"{}",
    service: str = "dynamodb",
    ago: float = 0.0,
    signer: type[SigV4Auth] = SigV4Auth,
    **more: str,
) -> list[tuple[str, str]]:
    """The headers of a request, signed as botocore does."""
    named = {"Host": HOST, **{name.replace("_", "-"): value for name, value in more.items()}}
    request = AWSRequest(method, f"http://{HOST}{target}", named, body)
    at = datetime.now(timezone.utc) - timedelta(seconds=ago)
    with patch("botocore.auth.get_current_datetime", lambda *_, **__: at):
        signer(credentials, service, "ap-northeast-2").add_auth(request)
    return [(name, str(value)) for name, value in request.headers.items()]


def send(credentials: Credentials = ROOT, target: str = "/?a=1&b=%EC%95%88", **options: Any) -> Seen:
    """Send a request that is signed."""
    return ask("POST", target, signed(credentials, target=target, **options), [b"{}"])


def test_a_request_of_the_root_key_reaches_ministack_as_its_root() -> None:
    seen = send()
    assert seen.status == 200 and seen.key == "test"
    assert seen.passed[0][1] == b"{}"
    assert KEYS.access_key not in str(seen.passed)


@pytest.mark.parametrize("service", ["iam", "lambda", "apigateway", "logs", "sts"])
def test_every_service_s_signature_is_taken(service: str) -> None:
    assert send(service=service).status == 200


def test_a_body_in_parts_arrives_whole() -> None:
    body = b"x" * 1000
    seen = ask("POST", "/?a=1&b=%EC%95%88", signed(body=body), [body[:10], body[10:500], body[500:]])
    assert seen.passed[0][1] == body


def test_an_upload_to_s3_is_taken() -> None:
    assert send(service="s3", signer=S3SigV4Auth, target="/bucket/a%20b//c").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-User": "?1"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Sec-Fetch-Whatever": ""},
        {"Sec-CH-UA": '"Chromium";v="156"'},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:4566"},
        {"Referer": "http://127.0.0.1:4566/"},
    ],
    ids=str,
)
def test_a_browser_s_request_is_refused_whatever_signs_it(headers: dict[str, str]) -> None:
    seen = ask("POST", "/?a=1&b=%EC%95%88", [*signed(), *headers.items()], [b"{}"])
    assert (seen.status, seen.passed, seen.chunks_read) == (403, [], 0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4566", "0.0.0.0:4566", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(host: str) -> None:
    for headers in ([("host", host)], [("host", host), *FORWARD.items()]):
        assert ask("GET", "/_aws/execute-api/a/", headers).status == 403


def unsigned(*headers: tuple[str, str]) -> list[tuple[str, str]]:
    return [("host", HOST), *headers]


def authorization(key: str, **replaced: str) -> tuple[str, str]:
    fields = {
        "Credential": f"{key}/20260101/us-east-1/iam/aws4_request",
        "SignedHeaders": "host;x-amz-date",
        "Signature": "0" * 64,
        **replaced,
    }
    return "authorization", "AWS4-HMAC-SHA256 " + ", ".join(f"{name}={value}" for name, value in fields.items())


DATE = ("x-amz-date", "20260101T000000Z")


@pytest.mark.parametrize(
    "headers",
    [
        unsigned(),
        unsigned(("authorization", "")),
        unsigned(("authorization", "Basic dGVzdDp0ZXN0")),
        unsigned(("authorization", "AWS test:0")),
        unsigned(("authorization", "AWS4-HMAC-SHA256"), DATE),
        unsigned(("authorization", "AWS4-ECDSA-P256-SHA256 Credential=test/20260101/iam/aws4_request"), DATE),
        *(
            unsigned(authorization(key), DATE)
            for key in ("test", "", "000000000000", "123456789012", "AKIANOBODYNOBODY", KEYS.access_key)
        ),
        unsigned(authorization("test"), authorization(KEYS.access_key), DATE),
        unsigned(authorization(KEYS.access_key, SignedHeaders="x-amz-date"), DATE),
        unsigned(authorization(KEYS.access_key, Credential="test"), DATE),
        unsigned((FORWARDED, "yes")),
        unsigned((FORWARDED, KEYS.forward_token[:-1])),
        unsigned(next(iter(FORWARD.items()))),
    ],
    ids=lambda headers: str(headers[1:])[:60],
)
def test_what_is_not_signed_by_a_key_of_this_account_is_refused(headers: list[tuple[str, str]]) -> None:
    seen = ask("POST", "/", headers, [b"Action=CreateUser"])
    assert seen.status in (400, 403) and seen.passed == []


def test_the_key_test_is_told_where_the_right_one_is() -> None:
    for credentials in (Credentials("test", "test"), Credentials(KEYS.access_key, "wrong")):
        for service in ("iam", "dynamodb", "lambda"):
            assert b"chatops local env" in send(credentials, service=service).body
    assert b"chatops local env" in ask("GET", "/", unsigned()).body


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Credential=test/20260101/us-east-1/iam/aws4_request",
        "x-amz-credential=test",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "AWSAccessKeyId=test&Signature=0",
    ],
)
def test_a_credential_in_the_query_is_refused_beside_a_good_signature(query: str) -> None:
    target = f"/?Action=CreateUser&{query}"
    assert ask("POST", target, unsigned()).status == 403
    assert send(target=target).passed == []


def test_a_presigned_url_is_refused() -> None:
    request = AWSRequest("GET", f"http://{HOST}/?Action=GetCallerIdentity", {"Host": HOST})
    SigV4QueryAuth(ROOT, "sts", "us-east-1").add_auth(request)
    assert ask("GET", str(request.url).removeprefix(f"http://{HOST}"), unsigned()).status == 403


def changed(headers: list[tuple[str, str]], **values: str) -> list[tuple[str, str]]:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return [(name, named.get(name.lower(), value)) for name, value in headers]


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", "/?a=1&b=%EC%95%88", signed(), b"{}"),
        ("POST", "/x?a=1&b=%EC%95%88", signed(), b"{}"),
        ("POST", "/?a=1&b=%EC%95%88&c=2", signed(), b"{}"),
        ("POST", "/?a=1&b=%EC%95%88", signed(), b"{ }"),
        ("POST", "/?a=1&b=%EC%95%88", changed(signed(), host="localhost:4566"), b"{}"),
        ("POST", "/?a=1&b=%EC%95%88", changed(signed(X_Amz_Target="A.B"), x_amz_target="A.C"), b"{}"),
        ("POST", "/?a=1&b=%EC%95%88", [*signed(), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], b"other"),
        ("POST", "/?a=1&b=%EC%95%88", signed(X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"), b"other"),
        ("POST", "/?a=1&b=%EC%95%88", [*signed(), ("x-amz-security-token", "one")], b"{}"),
    ],
)
def test_a_request_that_is_altered_is_refused(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    seen = ask(method, target, headers, [body])
    assert seen.status in (400, 403) and seen.passed == []


@pytest.mark.parametrize(("ago", "status"), [(0, 200), (600, 200), (1000, 403), (-1000, 403)])
def test_an_old_signature_is_refused(ago: float, status: int) -> None:
    assert send(ago=ago).status == status


def test_a_websocket_handshake_is_refused() -> None:
    assert ask("GET", "/_aws/execute-api/a/demo", signed(), kind="websocket").status == 403


def test_start_and_end_are_let_through() -> None:
    assert len(ask(kind="lifespan").passed) == 1


def test_health_needs_no_signature_and_no_browser() -> None:
    assert ask("GET", HEALTH, unsigned()).status == 200
    assert ask("GET", HEALTH, unsigned(("sec-fetch-site", "none"))).status == 403
    assert ask("POST", HEALTH, unsigned()).status == 403


def test_a_large_body_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "MAX_BODY_BYTES", 10)
    seen = ask("POST", "/", [*signed(), ("content-length", "11")], [b"x" * 11])
    assert (seen.status, seen.chunks_read) == (413, 0)
    seen = ask("POST", "/", signed(), [b"x" * 6] * 9)
    assert (seen.status, seen.chunks_read) == (413, 2)


def test_a_length_that_is_no_number_is_not_believed() -> None:
    assert ask("POST", "/?a=1&b=%EC%95%88", [*signed(), ("content-length", "2,2")], [b"{}"]).status == 200


def test_a_query_that_is_not_unicode_is_refused() -> None:
    seen = ask("POST", "/?a=1&b=%EC%95%88", signed(), [b"{}"])
    assert seen.status == 200
    assert ask("POST", "/?a=\xff", signed(), [b"{}"]).passed == []


def test_a_signature_that_is_not_ascii_is_refused() -> None:
    headers = changed(signed(), authorization=dict(signed())["Authorization"][:-1] + "é")
    assert (ask("POST", "/?a=1&b=%EC%95%88", headers, [b"{}"]).passed) == []


def test_a_slow_body_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "BODY_TIMEOUT_SECONDS", 0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(emulator.Denied) as denied:
        asyncio.run(emulator._read(never, 0))
    assert denied.value.status == 408


@pytest.fixture
def apis() -> Iterator[None]:
    """MiniStack with an HTTP API `a`, whose route of POST needs a signature, and a WebSocket API `w`."""
    from ministack import app
    from ministack.services import apigateway

    with (
        patch.object(apigateway, "_api_protocol", {"a": "HTTP", "w": "WEBSOCKET"}.get),
        patch.object(
            app, "_execute_api_authorization_type", lambda _a, _s, method, _p: "AWS_IAM" if method == "POST" else "NONE"
        ),
    ):
        yield


@pytest.mark.usefixtures("apis")
class TestForwarded:
    """What the local API Gateway forwards for the clients of HTTP APIs."""

    def test_it_passes_without_its_proof(self) -> None:
        origin = ("origin", "http://localhost:4510")
        seen = ask("GET", "/_aws/execute-api/a/x", unsigned(origin, *FORWARD.items()))
        assert seen.status == 200
        assert seen.passed[0][0] == {"host": HOST, "origin": "http://localhost:4510"}

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/2015-03-31/functions",
            "/_ministack/reset",
            "/_aws/sqs",
            "/v2/apis",
            "/_aws/execute-api",
            "/_aws/execute-api/",
            "/_aws/execute-api/a",
            "/_aws/execute-api//",
            "/_aws/execute-api//a/",
            "/_aws/execute-api/./a/",
            "/_aws/execute-api/../a/",
            "/_aws/execute-api/b/x",
            "/_aws/execute-api/w/demo",
            "/_aws/execute-api/w/demo/@connections/x",
            "/_aws/execute-api/a/demo/@connections/x",
            "//_aws/execute-api/a/x",
        ],
    )
    @pytest.mark.parametrize("token", ["", "Bearer abc", "Basic dGVzdDp0ZXN0"])
    def test_it_reaches_nothing_else(self, path: str, token: str) -> None:
        headers = unsigned(*FORWARD.items(), ("authorization", token), ("x-amz-target", "DynamoDB_20120810.ListTables"))
        assert ask("GET", path, headers).passed == []

    def test_a_route_that_needs_a_signature_is_not_served(self) -> None:
        for token in ("", "Bearer abc", f"AWS4-HMAC-SHA256 Credential={KEYS.access_key}/1/r/s/aws4_request"):
            headers = unsigned(*FORWARD.items(), ("authorization", token))
            assert ask("POST", "/_aws/execute-api/a/x", headers).passed == []

    @pytest.mark.parametrize("key", ["test", "000000000000"])
    def test_a_key_that_ministack_does_not_check_is_refused(self, key: str) -> None:
        headers = unsigned(*FORWARD.items(), authorization(key), DATE)
        assert ask("GET", "/_aws/execute-api/a/x", headers).passed == []
        query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/20260101/us-east-1/execute-api/aws4_request"
        assert ask("GET", f"/_aws/execute-api/a/x?{query}", unsigned(*FORWARD.items())).passed == []

    def test_a_token_of_the_api_s_own_passes(self) -> None:
        headers = unsigned(*FORWARD.items(), ("authorization", "Bearer abc"))
        assert ask("GET", "/_aws/execute-api/a/x", headers).status == 200


@pytest.fixture
def function() -> Iterator[Credentials]:
    """The keys of a function, as MiniStack gives them to it under this guard."""
    from ministack import app
    from ministack.core import lambda_runtime
    from ministack.services import sts

    with (
        patch.object(app, "AUTH", True),
        patch.object(lambda_runtime, "execution_credentials", lambda_runtime.execution_credentials),
    ):
        emulator.salt_function_keys(KEYS.function_salt)
        made = lambda_runtime.execution_credentials({"FunctionArn": FUNCTION, "Role": ROLE, "FunctionName": "send"})
        keys = Credentials(*made.values())
        yield keys
        sts._sessions.pop(keys.access_key, None)


def test_a_function_is_known_by_its_own_key(function: Credentials) -> None:
    seen = send(function)
    assert seen.status == 200 and seen.key == function.access_key


@pytest.mark.parametrize("wrong", ["secret_key", "token"])
def test_each_part_of_a_function_s_key_has_to_be_right(function: Credentials, wrong: str) -> None:
    setattr(function, wrong, "wrong")
    assert send(function).passed == []


def test_a_function_s_key_cannot_be_derived_from_its_arn() -> None:
    from ministack import app
    from ministack.core import lambda_runtime
    from ministack.services import sts

    with patch.object(app, "AUTH", True), patch.object(sts, "register_session") as registered:
        config = {"FunctionArn": FUNCTION, "Role": ROLE, "FunctionName": "send"}
        made = []
        for salt in ("", "one", "other"):
            with patch.object(lambda_runtime, "execution_credentials", lambda_runtime.execution_credentials):
                if salt:
                    emulator.salt_function_keys(salt)
                made.append(lambda_runtime.execution_credentials(config))
    for name in made[0]:
        assert len({one[name] for one in made}) == 3, name
    assert {one.args[1]["Arn"] for one in registered.call_args_list} == {
        "arn:aws:sts::000000000000:assumed-role/send/send"
    }


def test_a_function_cannot_empty_the_account(function: Credentials) -> None:
    assert send(function, target="/_ministack/reset").passed == []
    assert send(target="/_ministack/reset").status == 200


def test_the_local_api_gateway_is_told_whose_a_key_is(function: Credentials) -> None:
    def told(key: str, headers: Mapping[str, str] = FORWARD) -> Seen:
        return ask("GET", CREDENTIALS + key, unsigned(*headers.items()))

    found = json.loads(told(function.access_key).body)
    assert found["secret_key"] == function.secret_key and found["token"] == function.token
    assert found["arn"] == "arn:aws:sts::000000000000:assumed-role/send/send"
    assert json.loads(told(KEYS.access_key).body)["arn"] == "arn:aws:iam::000000000000:root"
    for key in ("test", "000000000000", "AKIANOBODYNOBODY", ""):
        assert told(key).status == 404, key
    assert told(KEYS.access_key, {}).status == 403


def test_ministack_has_the_delay_that_the_emulator_removes() -> None:
    from ministack.services import lambda_svc

    assert lambda_svc._LAMBDA_STATE_TRANSITION_DELAY > 0
