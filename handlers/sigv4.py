"""AWS Signature Version 4, for many POST requests that differ in their payload and the last part of their path alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

What is the same for all requests of one second is made once a second; what remains are two hashes a request.
"""

import hmac
import time
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

SERVICE = "execute-api"


class Signer:
    """Signs with botocore credentials, asked every second, so that they are renewed before they expire."""

    def __init__(self, credentials: Any, region: str, host: str, folder: str) -> None:
        """Takes the host with its port, if it has an unusual one, and the path as far as all requests share it."""
        self._credentials = credentials
        self._region = region
        self._host = host
        # Every service but S3 signs a path that is percent-encoded once more: "=" is %3D on the wire, %253D here.
        self._folder = quote(folder, safe="/~")
        self._second = -1

    def headers(self, name: str, payload_sha256: str) -> str:
        """The lines that authorize a POST to `name` in the folder; it is percent-encoded, as it goes over the wire."""
        now = int(time.time())
        if now != self._second:
            self._begin(now)
        path = self._folder + name.replace("%", "%25")
        canonical = f"POST\n{path}\n\n{self._canonical_headers}\n{payload_sha256}"
        to_sign = f"{self._to_sign}\n{sha256(canonical.encode()).hexdigest()}"
        return f"{self._lines}{hmac.digest(self._key, to_sign.encode(), 'sha256').hex()}\r\n"

    def _begin(self, second: int) -> None:
        credentials = self._credentials.get_frozen_credentials()
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        date = timestamp[:8]
        scope = f"{date}/{self._region}/{SERVICE}/aws4_request"
        signed = {"host": self._host, "x-amz-date": timestamp}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = ";".join(signed)

        self._key = signing_key(credentials.secret_key, date, self._region)
        self._to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}"
        self._canonical_headers = "".join(f"{name}:{value}\n" for name, value in signed.items()) + f"\n{names}"
        self._lines = (
            "".join(f"{name}: {value}\r\n" for name, value in signed.items())
            + f"authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            + f"SignedHeaders={names}, Signature="
        )
        self._second = second


@lru_cache(maxsize=1)
def signing_key(secret_key: str, date: str, region: str) -> bytes:
    """The key of one day and region; date is YYYYMMDD, in UTC."""
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
