"""`python -m chatops.local.emulator`: MiniStack behind a guard that authenticates every request first.

MiniStack runs code as the user, takes anything that names the key id `test` for the account's root user without
checking a signature, and reads that name from a query, too. A web page can send such a request, and so can another
user of this machine. The guard therefore

- refuses every request of a browser. Browsers mark their requests with Sec-Fetch-*, Sec-Purpose, Origin or Referer,
  and no page can remove all of them (https://fetch.spec.whatwg.org/#fetch-metadata-headers);
- verifies the Signature Version 4 of every other request, in the Authorization header only, against the local account's
  random root key (`keys.LocalKeys`), the keys of functions and those of IAM users and sessions;
- then names `test` to MiniStack in the root key's place. No key id that is not verified reaches it.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs

from . import certificate, functions
from .front.address import is_local_host
from .keys import CERTIFICATE, LocalKeys

HOST = "127.0.0.1"
FORWARDED = "x-chatops-forward"
"""The header with which the local API Gateway proves that it forwards a request to an HTTP API."""
DATA_PLANE = "/_aws/execute-api/"
"""The path below which MiniStack serves HTTP APIs: what the local API Gateway may forward to, unsigned."""
HTTP_API = re.compile(rf"{DATA_PLANE}([A-Za-z0-9]+)/.*", re.DOTALL)
HEALTH = "/_chatops/health"
CREDENTIALS = "/_chatops/credentials/"
"""Where the local API Gateway asks whose an access key is; only with `FORWARDED`."""
ADMIN = "/_ministack/"
BROWSER = re.compile(r"sec-.*|purpose|x-moz|origin|referer")
"""The headers by which a browser's request is known. No page can set or remove one that begins with Sec-."""
ALGORITHM = "AWS4-HMAC-SHA256 "
ROOT = "test"
"""The key id that MiniStack takes for the account's root user."""
MAX_BODY_BYTES = 80 * 1024 * 1024
"""A Lambda function's zip of 50 MB, in base64, and some more.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
BODY_TIMEOUT_SECONDS = 60.0
LARGE_BODY_BYTES = 1024 * 1024
MAX_LARGE_BODIES = 4
"""How many of the larger bodies are read at a time: a signature can only be verified once they are there."""
SET_KEYS = 'The local AWS has a key of its own. Run: eval "$(chatops local env)"'

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Credential:
    """Who an access key belongs to, and the secrets that its signatures prove."""

    access_key: str
    secret_key: str
    token: str | None
    arn: str
    user_id: str

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root")


class Denied(Exception):
    """A request that the guard refuses: an HTTP status, an error code of AWS's, and a message."""

    def __init__(self, code: str, message: str, *, status: int = 403, service: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.service = code, message, status, service


class Guard:
    """An ASGI application that lets only authenticated requests reach `app`."""

    def __init__(self, app: App, keys: LocalKeys) -> None:
        self._app, self._keys = app, keys
        self._large_bodies = asyncio.Semaphore(MAX_LARGE_BODIES)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # MiniStack's WebSocket APIs: clients use those of the local API Gateway. Before the accept, this is a 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = joined(scope["headers"])
        try:
            await self._serve(scope, headers, receive, send)
        except Denied as denied:
            await _answer(send, *_refusal(denied, headers))

    async def _serve(self, scope: Message, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        path = scope["path"]
        is_forwarded = self._is_forwarded(headers)
        if not is_local_host(headers.get("host")):
            raise Denied("AccessDenied", "The Host is not this machine.")
        if is_forwarded and path.startswith(CREDENTIALS):
            await self._identify(path.removeprefix(CREDENTIALS), send)
            return
        if is_forwarded:
            _check_forwarded(scope, headers)
            kept = [one for one in scope["headers"] if one[0].lower() != FORWARDED.encode()]
            await self._app({**scope, "headers": kept}, receive, send)
            return
        if any(BROWSER.fullmatch(name) for name in headers):
            raise Denied("AccessDenied", "A browser cannot use the local AWS.")
        if path == HEALTH and scope["method"] == "GET":
            await _answer(send, 200, {"content-type": "application/json"}, b'{"ok": true}')
            return
        signature = self._signature(scope, headers)
        credential = self.find(signature.access_key_id, headers.get("x-amz-security-token"))
        if credential is None:
            raise Denied(
                "InvalidClientTokenId",
                f"The security token included in the request is invalid. {SET_KEYS}",
                service=signature.service,
            )
        if path.startswith(ADMIN) and not credential.is_root:
            raise Denied("AccessDenied", "Only the account's root key may do this.", service=signature.service)
        length = headers.get("content-length", "0")
        size = int(length) if length.isdecimal() else 0
        is_large = size > LARGE_BODY_BYTES or "transfer-encoding" in headers
        async with self._large_bodies if is_large else nullcontext():
            body = await _read(receive, size)
            _verify(signature, credential, scope, headers, body)
        name = ROOT if credential.is_root else credential.access_key
        scope = {**scope, "headers": _renamed(scope["headers"], signature, name)}
        await self._app(scope, _replayed(body, receive), send)

    def find(self, access_key: str, token: str | None) -> Credential | None:
        """Return whose an access key is, if this session token belongs to it; None when there is no such key."""
        if hmac.compare_digest(access_key.encode(), self._keys.access_key.encode()):
            return None if token else self._root()
        found = resolve(access_key)
        if found is None or not hmac.compare_digest((found.token or "").encode(), (token or "").encode()):
            return None
        return found

    def _root(self) -> Credential:
        from ministack.core.responses import get_account_id

        account = get_account_id()
        return Credential(*self._keys.pair, None, f"arn:aws:iam::{account}:root", account)

    def _is_forwarded(self, headers: Mapping[str, str]) -> bool:
        return hmac.compare_digest(headers.get(FORWARDED, "").encode(), self._keys.forward_token.encode())

    async def _identify(self, access_key: str, send: Send) -> None:
        """Answer the local API Gateway, which checks the signatures of its clients itself."""
        found = self._root() if access_key == self._keys.access_key else resolve(access_key)
        body = json.dumps(found and vars(found)).encode()
        await _answer(send, 200 if found else 404, {"content-type": "application/json"}, body)

    def _signature(self, scope: Message, headers: Mapping[str, str]) -> Any:
        """Return the signature in the Authorization header, which must be the only one that the request has."""
        from ministack.core.sigv4 import parse_header_signature

        authorization = headers.get("authorization", "")
        named = {name.lower() for name in parse_qs(scope.get("query_string", b"").decode("latin-1"))}
        if named & {"x-amz-credential", "x-amz-algorithm", "awsaccesskeyid"}:
            raise Denied("AccessDenied", "The local AWS takes a signature in the Authorization header only.")
        if not authorization.isascii():
            raise Denied("IncompleteSignature", "The Authorization header is not ASCII.")
        if not authorization:
            raise Denied("MissingAuthenticationToken", f"The request is not signed. {SET_KEYS}")
        signature = parse_header_signature(headers) if authorization.startswith(ALGORITHM) else None
        if not signature or isinstance(signature, tuple) or "host" not in signature.signed_headers.split(";"):
            raise Denied(
                "IncompleteSignature", "The Authorization header holds no complete AWS4-HMAC-SHA256 signature."
            )
        return signature


def resolve(access_key: str) -> Credential | None:
    """Return whose a key is that MiniStack gave to a function, a session or an IAM user; None for any other."""
    from ministack.core import iam_evaluator, responses

    if iam_evaluator.is_root_access_key(access_key):
        return None  # MiniStack would check nothing
    try:
        account = responses._account_from_sts_session(access_key) or iam_evaluator.find_iam_access_key_account(
            access_key
        )
    except iam_evaluator.AmbiguousAccessKeyError:
        return None
    found = iam_evaluator.resolve_credential(access_key, account)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return None
    return Credential(access_key, found.secret_access_key, found.session_token, found.principal_arn, found.principal_id)


def _verify(signature: Any, credential: Credential, scope: Message, headers: Mapping[str, str], body: bytes) -> None:
    """Raise Denied unless the signature verifies against the credential's secret and is not expired."""
    from ministack.core.sigv4 import header_signature_failure, request_time_failure

    claimed = headers.get("x-amz-content-sha256")
    # Only S3 takes a body that is not covered: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    is_streamed = signature.service == "s3" and claimed and not re.fullmatch(r"[0-9a-f]{64}", claimed)
    failure = request_time_failure(signature) or header_signature_failure(
        signature,
        credential.secret_key,
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True),
        headers,
        body,
    )
    if claimed and not is_streamed and claimed != sha256(body).hexdigest():
        failure = "SignatureDoesNotMatch", "The body does not have the hash that X-Amz-Content-SHA256 says."
    if failure:
        code, message = failure
        hint = f" {SET_KEYS}" if credential.is_root else ""
        raise Denied(code, f"{message}{hint}", service=signature.service)


def _check_forwarded(scope: Message, headers: Mapping[str, str]) -> None:
    """Raise Denied unless MiniStack takes a forwarded request for one to an HTTP API whose route asks for no signature.

    Whatever it takes for a call to another service it would run as the account's root: it takes a request that names no
    key, or one of its root keys, for the root's.
    """
    from ministack import app
    from ministack.core.iam_evaluator import is_root_access_key
    from ministack.core.router import extract_access_key_id
    from ministack.services import apigateway

    path = scope["path"]
    found, parsed = HTTP_API.fullmatch(path), app._parse_execute_api_url(headers.get("host", ""), path)
    if not found or not parsed or found[1] != parsed[0] or apigateway._api_protocol(found[1]) != "HTTP":
        raise Denied("AccessDenied", "No HTTP API is served here.")
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    named = extract_access_key_id(dict(headers), query)
    if named and is_root_access_key(named):
        raise Denied("InvalidClientTokenId", "The security token included in the request is invalid.")
    stage, rest = app._resolve_stage_and_path(*parsed)
    if "/@connections/" in path or (
        app._execute_api_authorization_type(found[1], stage, scope["method"], rest) == "AWS_IAM"
    ):
        raise Denied("AccessDenied", "The local AWS does not serve routes of HTTP APIs that use AWS_IAM.")


def joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by lower-case name; several of one name are joined by commas, as a signature covers them."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _renamed(headers: list[tuple[bytes, bytes]], signature: Any, name: str) -> list[tuple[bytes, bytes]]:
    """Return the headers with one Authorization header, rebuilt from the verified signature, that names this key."""
    scope = "/".join((name, signature.date_stamp, signature.region, signature.service, "aws4_request"))
    fields = f"Credential={scope}, SignedHeaders={signature.signed_headers}, Signature={signature.signature}"
    kept = [one for one in headers if one[0].lower() not in (b"authorization", FORWARDED.encode())]
    return [*kept, (b"authorization", f"{ALGORITHM}{fields}".encode("latin-1"))]


async def _read(receive: Receive, length: int) -> bytes:
    """Return the whole body. Raise Denied when it is too large or too slow."""
    body = bytearray()

    async def read() -> None:
        while len(body) <= MAX_BODY_BYTES:
            message = await receive()
            body.extend(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return

    if length <= MAX_BODY_BYTES:
        try:
            await asyncio.wait_for(read(), BODY_TIMEOUT_SECONDS)
        except asyncio.TimeoutError:
            raise Denied("RequestTimeout", "The body did not arrive in time.", status=408) from None
    if max(length, len(body)) > MAX_BODY_BYTES:
        raise Denied("RequestEntityTooLarge", f"The body has more than {MAX_BODY_BYTES} bytes.", status=413)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read already, and then what comes after it."""
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay


def _refusal(denied: Denied, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return the answer for a refused request, in the protocol of the service that it was signed for."""
    if denied.service:
        from ministack.core.iam_actions import access_denied_response

        answer: tuple[int, dict[str, str], bytes] = access_denied_response(
            denied.service, "", "", "", error_code=denied.code, message=denied.message, headers=dict(headers)
        )
        return answer
    body = json.dumps({"__type": denied.code, "message": denied.message}).encode()
    return denied.status, {"content-type": "application/json", "x-amzn-errortype": denied.code}, body


async def _answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def environment(port: int) -> dict[str, str]:
    """Return MiniStack's settings: IAM enforced, and nothing but this port of the loopback address is opened.

    Its MQTT broker (`IOT_MTLS_ENABLED`) listens on every address, whatever `BIND_HOST` says, so it stays off.
    """
    return {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "AUTH": "true", "IOT_MTLS_ENABLED": "false"}


def salt_function_keys(salt: str) -> None:
    """Make the keys that MiniStack gives to functions depend on a secret."""
    from ministack.core import lambda_runtime

    original = lambda_runtime.execution_credentials

    def salted(config: dict[str, Any]) -> dict[str, str]:
        # It hashes the function's ARN, and takes from it the account, which stands before what is added.
        made: dict[str, str] = original({**config, "FunctionArn": f"{config['FunctionArn']}:{salt}"})
        return made

    lambda_runtime.execution_credentials = salted


def main(arguments: list[str]) -> None:
    """Run MiniStack at a port until it is told to end."""
    parser = argparse.ArgumentParser(prog="chatops.local.emulator", description="MiniStack behind a guard.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--keys", type=Path, required=True, help="the file with the account's root key")
    options = parser.parse_args(arguments)
    keys = LocalKeys.read(options.keys)
    os.environ.update(environment(options.port))
    # It reads its environment when it is imported, its command line when it starts, and then serves `app`.
    sys.argv = ["ministack"]
    import botocore.session
    import ministack.app as ministack
    from ministack.services import lambda_svc

    # It makes one for the model of each service that is called.
    botocore.session.get_session = cache(botocore.session.get_session)
    # It keeps a new function Pending for half a second, although it does no work in that time.
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0.0
    salt_function_keys(keys.function_salt)
    ministack.app = Guard(ministack.app, keys)
    with TemporaryDirectory(prefix="chatops-sdk-") as folder:
        bundle = Path(folder) / "ca-bundle.pem"
        certificate.create(options.keys.with_name(CERTIFICATE), bundle)
        os.environ.update(dict.fromkeys(certificate.VARIABLES, str(bundle)))
        functions.link_sdk(Path(folder))
        functions.install(Path(folder))
        ministack.main()


if __name__ == "__main__":
    main(sys.argv[1:])
