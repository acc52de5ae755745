"""Who signed a request.

The front knows the secret of the local account's root key and those of functions, and recomputes their signatures.
Every other secret (of an IAM user, of an assumed role) is MiniStack's, so MiniStack is asked: the signed request is
sent to it as it is, with the header `X-Amz-Target` added, which no signature covers and which makes it STS's
GetCallerIdentity. That checks the signature, its age and its session token, allows every valid key, changes nothing,
and says who it is.

The body is not sent, only its hash, in `X-Amz-Content-SHA256`: a chat message never becomes a call to AWS. MiniStack
does not check the signatures of what it takes for a root key, so an answer that names the root is not believed.
"""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from urllib.parse import urlsplit

from . import signature as sigv4
from .aws import LocalAws
from .errors import Refused, missing_token
from .function_keys import FunctionKeys
from .request import Request

TARGET = "AWSSecurityTokenServiceV20110615.GetCallerIdentity"
ANSWER = re.compile(r'"(?P<key>Arn|UserId)": *"(?P<value>[^"]+)"|<(?P<tag>Arn|UserId)>(?P<text>[^<]+)<')


@dataclass(frozen=True)
class Caller:
    """Somebody whose signature is right."""

    arn: str
    user_id: str
    access_key: str

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root")

    @property
    def type(self) -> str:
        return "AssumedRole" if ":assumed-role/" in self.arn else "User"

    @property
    def name(self) -> str:
        """The name of the role or the user: a role's session has a name behind it, a user may have a path before."""
        parts = self.arn.split("/")
        return parts[1] if self.type == "AssumedRole" else parts[-1]


class Callers:
    """Finds out who signed."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._functions = FunctionKeys(aws)
        self._root: Caller | None = None

    async def identify(self, request: Request) -> Caller:
        """The signer of a request. Refused when it is not signed, or not rightly so."""
        signature = sigv4.read(request)
        if signature is None:
            raise missing_token("the request is not signed")
        sigv4.check(signature, request, self._aws.region, datetime.now(timezone.utc))
        if signature.access_key == self._aws.credentials.access_key:
            if not sigv4.matches(signature, request, self._aws.credentials):
                raise sigv4.mismatch()
            return await self._root_user()
        function = await self._functions.find(signature.access_key)
        if function:
            token = request.header("x-amz-security-token") or request.parameter("X-Amz-Security-Token")
            if token != function.credentials.token or not sigv4.matches(signature, request, function.credentials):
                raise sigv4.mismatch()
            return Caller(function.arn, function.user_id, signature.access_key)
        caller = await self._aws.read(self._ask, request, signature)
        if caller.is_root:
            raise sigv4.mismatch()
        return caller

    async def _root_user(self) -> Caller:
        if self._root is None:
            found = await self._aws.ask(self._aws.sts.get_caller_identity)
            self._root = Caller(found["Arn"], found["UserId"], self._aws.credentials.access_key)
        return self._root

    def _ask(self, request: Request, signature: sigv4.Signature) -> Caller:
        """GetCallerIdentity with somebody else's signature. Refused when it is not right."""
        sent = {name: request.header(name) or "" for name in signature.signed_headers}
        for name in ("authorization", "x-amz-date", "x-amz-security-token"):
            value = request.header(name)
            if value is not None:
                sent[name] = value
        sent |= {"x-amz-target": TARGET, "x-amz-content-sha256": sha256(request.body).hexdigest()}
        sent.setdefault("content-type", "application/x-amz-json-1.1")
        body = b"Action=GetCallerIdentity" if request.method == "POST" else b""
        local = http.client.HTTPConnection(urlsplit(self._aws.endpoint_url).netloc, timeout=10)
        try:
            local.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in {**sent, "content-length": str(len(body))}.items():
                local.putheader(name, value)
            local.endheaders(body)
            answer = local.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Refused(500, "Internal server error", f"the local AWS cannot check a signature: {error}") from error
        finally:
            local.close()
        found = {one["key"] or one["tag"]: one["value"] or one["text"] for one in ANSWER.finditer(text)}
        if answer.status != 200 or not found.get("Arn"):
            raise Refused(403, sigv4.MISMATCH, f"the local AWS says: {text[:300]}", "InvalidSignatureException")
        return Caller(found["Arn"], found.get("UserId", ""), signature.access_key)
