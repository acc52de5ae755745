"""Signature Version 4: reading it from a request, its time, and recomputing it with botocore's own signer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .errors import Refused
from .request import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
SKEW = timedelta(minutes=5)
LONGEST = timedelta(days=7)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Signature:
    """What a request says of its signature. `expires` is nothing where the signature is in a header."""

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str
    date: str
    expires: str | None = None

    @property
    def signed_at(self) -> datetime:
        return datetime.strptime(self.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def read(request: Request) -> Signature | None:
    """The signature in a request's Authorization header or query, or nothing. Refused when it is not complete."""
    if "#" in request.target:
        # What stands behind it is no part of a URL's query, so the signature would not cover it.
        raise _refused("InvalidSignatureException", "The request's target holds a '#'.")
    query = dict(parse_qsl(request.query))
    authorization = request.header("authorization") or ""
    if authorization.startswith(ALGORITHM):
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", authorization))
        date, expires = request.header("x-amz-date") or "", None
    elif query.get("X-Amz-Algorithm") == ALGORITHM:
        fields = {name: query.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature")}
        date, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
    else:
        return None
    scope = fields.get("Credential", "").split("/")
    if len(scope) != 5 or scope[4] != "aws4_request" or not re.fullmatch(r"\d{8}T\d{6}Z", date):
        raise _refused("IncompleteSignatureException", "The signature names no credential scope or no date.")
    headers = tuple(fields.get("SignedHeaders", "").lower().split(";"))
    access_key, day, region, service, _ = scope
    return Signature(access_key, day, region, service, headers, fields.get("Signature", ""), date, expires)


def check(signature: Signature, request: Request, region: str, now: datetime) -> None:
    """Everything but the signature itself: what it is for, what it covers, and when it was made. Refused otherwise."""
    if (signature.service, signature.region) != (SERVICE, region):
        raise _refused(
            "InvalidSignatureException", f"Credential should be scoped to the service '{SERVICE}' in '{region}'."
        )
    if "host" not in signature.signed_headers:
        raise _refused("InvalidSignatureException", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    claimed = request.header("x-amz-content-sha256")
    if claimed not in (None, sha256(request.body).hexdigest()):
        raise _refused("InvalidSignatureException", MISMATCH)
    try:
        signed_at = signature.signed_at
        life = SKEW if signature.expires is None else timedelta(seconds=int(signature.expires))
    except (ValueError, OverflowError):
        raise _refused("InvalidSignatureException", "The signature's date or life is not valid.") from None
    if not signature.date.startswith(signature.day) or signed_at > now + SKEW or life > LONGEST:
        raise _refused("InvalidSignatureException", f"Signature not yet current: {signature.date}")
    if now > signed_at + life:
        raise _refused("InvalidSignatureException", f"Signature expired: {signature.date}")


def matches(signature: Signature, request: Request, credentials: Credentials) -> bool:
    """Whether the signature is the one that these credentials make of the request."""
    pairs = [pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Signature=")]
    query = f"?{'&'.join(pairs)}" if request.query else ""
    headers = {name: request.header(name) or "" for name in signature.signed_headers}
    url = f"http://{request.header('host')}{request.path}{query}"
    signed: Any = AWSRequest(request.method, url, headers, request.body)
    signed.context["timestamp"] = signature.date
    signer = SigV4Auth(credentials, signature.service, signature.region)
    expected = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
    return hmac.compare_digest(expected.encode(), signature.value.encode())


def mismatch() -> Refused:
    """403 for a signature that is not right."""
    return _refused("InvalidSignatureException", MISMATCH)


def _refused(error_type: str, message: str) -> Refused:
    return Refused(403, message, message, error_type)
