"""Administration of a local AWS that checks signatures."""

from __future__ import annotations

import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chatops.local.keys import LocalKeys

TEST_KEYS = LocalKeys("test", "test")
"""The root key of the local AWS that most tests share."""


def reset(url: str, keys: LocalKeys = TEST_KEYS) -> None:
    """Delete everything that a local AWS holds."""
    request = AWSRequest("POST", f"{url}/_ministack/reset", data=b"")
    SigV4Auth(Credentials(*keys.pair), "sts", "us-east-1").add_auth(request)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    signed = urllib.request.Request(str(request.url), b"", dict(request.headers), method="POST")
    with opener.open(signed, timeout=30) as answer:
        assert answer.status == 200
