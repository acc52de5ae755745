"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chatops.local.front import signature
from chatops.local.front.errors import Refused
from chatops.local.front.request import Request

KEYS = Credentials("test", "secret")
HOST = "127.0.0.1:4567"
REGION = "ap-northeast-2"
TARGET = "/api1/demo/@connections/Ab-1%3D?x=%EC%95%88&a=1"


def in_header(
    method: str = "POST", body: bytes = b"hello", service: str = "execute-api", region: str = REGION
) -> Request:
    signed = AWSRequest(method, f"http://{HOST}{TARGET}", {"Host": HOST, "Content-Type": "text/plain"}, body)
    SigV4Auth(KEYS, service, region).add_auth(signed)
    return Request(method, TARGET, list(signed.headers.items()), "127.0.0.1", body)


def in_query(expires: int = 60) -> Request:
    signed = AWSRequest("GET", f"http://{HOST}/demo?room=%EC%95%88", {"Host": HOST})
    SigV4QueryAuth(KEYS, "execute-api", REGION, expires).add_auth(signed)
    return Request("GET", str(signed.url).removeprefix(f"http://{HOST}"), [("Host", HOST)], "127.0.0.1")


def read(request: Request) -> signature.Signature:
    found = signature.read(request)
    assert found
    return found


def check(request: Request, later: float = 0.0) -> None:
    signature.check(read(request), request, REGION, datetime.now(timezone.utc) + timedelta(seconds=later))


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "in the query"])
def test_a_signature_of_botocore_is_recomputed(method: str) -> None:
    request = in_query() if method == "in the query" else in_header(method)
    check(request)
    assert signature.matches(read(request), request, KEYS)
    assert not signature.matches(read(request), request, Credentials("test", "another"))


@pytest.mark.parametrize(
    "changed",
    [
        replace(in_header(), body=b"hullo"),
        replace(in_header(), method="DELETE"),
        replace(in_header(), target=TARGET.replace("Ab-1", "Ab-2")),
        replace(in_header(), target=TARGET + "&b=2"),
        replace(in_header(), headers=[("Host", "127.0.0.1:1"), *in_header().headers[1:]]),
        replace(in_query(), target=in_query().target + "&room=2"),
    ],
)
def test_a_request_that_is_changed_does_not_match(changed: Request) -> None:
    assert not signature.matches(read(changed), changed, KEYS)


@pytest.mark.parametrize(
    ("expires", "later"), [(None, 301), (None, -301), (60, 61), (3600, 3601), (3600, -301)], ids=str
)
def test_a_signature_that_is_too_old_or_too_new_is_refused(expires: int | None, later: float) -> None:
    request = in_query(expires) if expires else in_header()
    with pytest.raises(Refused, match="Signature"):
        check(request, later)


def test_a_presigned_url_is_good_for_as_long_as_it_says() -> None:
    check(in_query(3600), 3590)


@pytest.mark.parametrize("expires", ["", "soon", "-5", "99999999999999999999", str(8 * 24 * 3600)])
def test_a_presigned_url_without_a_proper_life_is_refused(expires: str) -> None:
    request = replace(in_query(), target=in_query().target.replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}"))
    with pytest.raises(Refused):
        check(request)


def test_what_stands_behind_a_hash_does_not_extend_an_invite() -> None:
    expired = in_query(60)
    request = replace(expired, target=f"{expired.target}#&X-Amz-Expires=604800")
    with pytest.raises(Refused):
        signature.read(request)


@pytest.mark.parametrize("request_", [in_header(service="dynamodb"), in_header(region="us-east-1")])
def test_a_signature_for_another_service_or_region_is_refused(request_: Request) -> None:
    with pytest.raises(Refused, match="scoped"):
        check(request_)


def test_a_signature_that_does_not_cover_the_host_is_refused() -> None:
    request = in_header()
    headers = [(name, str(value).replace("host;", "")) for name, value in request.headers]
    with pytest.raises(Refused, match="Host"):
        check(replace(request, headers=headers))


def test_a_hash_that_is_not_the_body_s_is_refused() -> None:
    request = in_header()
    with pytest.raises(Refused):
        check(replace(request, headers=[*request.headers, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]))


@pytest.mark.parametrize("value", ["", "Basic dGVzdDp0ZXN0", "Bearer x"])
def test_a_request_without_a_signature_has_none(value: str) -> None:
    assert signature.read(Request("GET", "/demo", [("Authorization", value)], "127.0.0.1")) is None


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x",
    ],
)
def test_an_incomplete_signature_is_refused(value: str) -> None:
    headers = [("Authorization", value), ("X-Amz-Date", "20240101T000000Z")]
    with pytest.raises(Refused):
        signature.read(Request("GET", "/demo", headers, "127.0.0.1"))
