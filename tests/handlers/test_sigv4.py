"""The signer, beside botocore's: the same signature for the same request."""

import time
from datetime import datetime, timezone
from hashlib import sha256
from random import Random
from urllib.parse import quote

import botocore.auth
import pytest
import sigv4
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from sigv4 import Signer

ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + "=-_+/.~ %@:é한👋"
TOKEN_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="


def test_signatures_are_botocores_for_thousands_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(4)
    now = 0.0
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda: datetime.fromtimestamp(now, timezone.utc).replace(tzinfo=None)
    )
    for _ in range(100):
        now = random.uniform(0, 2**32)
        region = random.choice(["us-east-1", "ap-northeast-2", "cn-north-1", "us-gov-west-1"])
        host = random.choice(["abc123.execute-api.ap-northeast-2.amazonaws.com", "127.0.0.1:4566", "localhost:8443"])
        prefix = random.choice(["/demo", "/_aws/execute-api/abc123/demo", ""])
        token = random.choice([None, "".join(random.choices(TOKEN_CHARACTERS, k=random.randint(1, 900)))])
        secret = "".join(random.choices(TOKEN_CHARACTERS, k=40))
        credentials = Credentials("AKIDEXAMPLE", secret, token)
        folder = f"{prefix}/@connections/"
        ours = Signer(credentials, region, host, folder)
        theirs = botocore.auth.SigV4Auth(credentials, "execute-api", region)
        for _ in range(30):
            connection_id = "".join(random.choices(ID_CHARACTERS, k=random.randint(1, 30)))
            name = quote(f"x{connection_id}", safe="")
            body = random.randbytes(random.randint(0, 200))
            request = AWSRequest("POST", f"https://{host}{folder}{name}", data=body)
            theirs.add_auth(request)

            lines = ours.headers(name, sha256(body).hexdigest()).split("\r\n")

            assert lines.pop() == ""
            headers = dict(line.split(": ", 1) for line in lines)
            assert headers.pop("host") == host
            assert headers == {name.lower(): value for name, value in request.headers.items()}


class Renewed:
    """Credentials that are new whenever they are asked for."""

    def __init__(self) -> None:
        self.times = 0

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.times += 1
        return ReadOnlyCredentials(f"AKID{self.times}", "secret", f"token{self.times}")


def test_credentials_are_asked_for_once_a_second_so_that_renewed_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Renewed()
    signer = Signer(credentials, "us-east-1", "host", "/")
    lines = []
    for now in (1000.0, 1000.9, 1001.0, 1002.5):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        lines.append(signer.headers("a", "0" * 64))

    assert lines[0] == lines[1]
    assert ["AKID1/" in lines[0], "AKID2/" in lines[2], "AKID3/" in lines[3]] == [True] * 3
    assert "x-amz-security-token: token3\r\n" in lines[3]
    assert credentials.times == 3


def test_the_signing_key_is_derived_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    sigv4.signing_key.cache_clear()
    signer = Signer(Renewed(), "us-east-1", "host", "/")
    day = 24 * 60 * 60
    for now in (0, 1, day - 1, day, day + 1):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        signer.headers("a", "0" * 64)

    assert sigv4.signing_key.cache_info().misses == 2
