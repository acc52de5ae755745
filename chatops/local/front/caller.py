"""Who signed a request.

The local API Gateway recomputes every signature itself, with the secret of its access key, which the local AWS tells to
nobody else (`emulator.Guard`). So neither a request nor a part of it is ever sent on to find out who signed it.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from http.client import HTTPException

from botocore.credentials import Credentials

from ..emulator import Credential
from . import signature as sigv4
from .aws import LocalAws
from .errors import Refused, missing_token
from .request import Request

CACHE_SECONDS = 1.0
"""For which a key is remembered: a broadcast signs thousands of requests with the same one."""
MAX_CACHED = 1000


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
        self._cached: dict[str, tuple[float, Credential | None]] = {}

    async def identify(self, request: Request) -> Caller:
        """Return the signer of a request. Raise Refused when it is not signed, or when the signature is wrong."""
        signature, found = await self.check_key(request)
        sigv4.check(signature, request, self._aws.region, datetime.now(timezone.utc))
        token = request.header("x-amz-security-token") or request.parameter("X-Amz-Security-Token") or ""
        secrets = Credentials(found.access_key, found.secret_key, found.token)
        if not hmac.compare_digest(token.encode(), (found.token or "").encode()):
            raise sigv4.mismatch()
        if not sigv4.matches(signature, request, secrets):
            raise sigv4.mismatch()
        return Caller(found.arn, found.user_id, found.access_key)

    async def check_key(self, request: Request) -> tuple[sigv4.Signature, Credential]:
        """Return a request's signature, unverified, and whose key it names. Raise Refused where there is no such key.

        This needs the head of the request only.
        """
        signature = sigv4.read(request)
        if signature is None:
            raise missing_token("the request is not signed")
        found = await self._credential(signature.access_key)
        if found is None:
            text = "The security token included in the request is invalid."
            raise Refused(403, text, f"no access key {signature.access_key[:40]!r}", "UnrecognizedClientException")
        return signature, found

    async def _credential(self, access_key: str) -> Credential | None:
        at, known = self._cached.get(access_key, (0.0, None))
        if known and time.monotonic() - at < CACHE_SECONDS:
            return known
        try:
            found = await self._aws.read(self._aws.credential, access_key)
        except (OSError, ValueError, HTTPException) as error:
            raise Refused(500, "Internal server error", f"the local AWS cannot check a signature: {error}") from error
        if len(self._cached) >= MAX_CACHED:
            self._cached.clear()
        if found:
            self._cached[access_key] = time.monotonic(), found
        return found
