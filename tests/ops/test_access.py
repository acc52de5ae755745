"""Signed URLs, for the real AWS: what they hold, and for how long they are good."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import ReadOnlyCredentials

from chatops.config import Config, load, shipped
from chatops.errors import UsageError
from chatops.ops import addresses
from chatops.ops.access import invite, page_url, signed_websocket_url

CHAT = "wss://abc.execute-api.ap-northeast-2.amazonaws.com/demo"
PAGE = "https://def.execute-api.ap-northeast-2.amazonaws.com"
LASTING = ReadOnlyCredentials("AKIATEST", "secret", None, None)
TEMPORARY = ReadOnlyCredentials("ASIATEST", "secret", "to/ken+of=it", None)


def config(auth: str, page: bool) -> Config:
    default = load(shipped("config.yaml"))
    apis = default.http_apis if page else {}
    return replace(default, websocket=replace(default.websocket, auth=auth), http_apis=apis)


def stack(
    auth: str = "iam",
    credentials: Any = LASTING,
    ends: datetime | None = None,
    page: bool = True,
    front_url: str | None = None,
) -> Any:
    """What signing asks of a stack."""
    aws = SimpleNamespace(region="ap-northeast-2", credentials=credentials, credentials_end=ends, front_url=front_url)
    return SimpleNamespace(config=config(auth, page), aws=aws)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stack is."""
    monkeypatch.setattr(addresses, "url", lambda _, name=None: PAGE if name else CHAT)


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def test_a_closed_chats_address_is_signed_for_its_host_path_and_time() -> None:
    url = signed_websocket_url(stack(), seconds=300)
    assert url.startswith(f"{CHAT}?") and "secret" not in url
    signed = query(url)
    assert signed["X-Amz-Credential"][0].endswith("/ap-northeast-2/execute-api/aws4_request")
    assert (signed["X-Amz-Expires"], signed["X-Amz-SignedHeaders"]) == (["300"], ["host"])


def test_an_open_chats_address_is_its_own() -> None:
    assert signed_websocket_url(stack("none")) == CHAT
    assert signed_websocket_url(stack("none"), "ws://127.0.0.1:4510/abc/demo") == "ws://127.0.0.1:4510/abc/demo"


def test_a_port_is_part_of_the_host_that_is_signed() -> None:
    one, other = (signed_websocket_url(stack(), f"ws://127.0.0.1:{port}/abc/demo") for port in (4510, 4511))
    assert query(one)["X-Amz-Signature"] != query(other)["X-Amz-Signature"]


def test_the_session_token_of_temporary_credentials_is_in_the_query() -> None:
    made = invite(stack(credentials=TEMPORARY), 60)
    assert query(made.url)["X-Amz-Security-Token"] == ["to/ken+of=it"]
    assert made.is_temporary and not invite(stack(), 60).is_temporary


def test_an_invite_ends_with_the_credentials_where_those_end_sooner() -> None:
    soon = datetime.now(timezone.utc) + timedelta(minutes=5)
    assert invite(stack(credentials=TEMPORARY, ends=soon), 3600).expires_at == soon
    assert invite(stack(credentials=TEMPORARY, ends=soon), 60).expires_at < soon


def test_an_invite_is_certain_on_aws_for_five_minutes_and_before_the_front_until_it_ends() -> None:
    long, short, local = (
        invite(stack(), 3600),
        invite(stack(), 60),
        invite(stack(front_url="http://127.0.0.1:4510"), 3600),
    )
    assert long.expires_at - long.certain_until == timedelta(minutes=55)
    assert short.certain_until == short.expires_at
    assert local.certain_until == local.expires_at


def test_the_pages_link_has_the_signed_query_as_its_fragment() -> None:
    made = invite(stack(), 60)
    assert made.page == f"{PAGE}/#{urlsplit(made.url).query}"
    assert invite(stack(page=False), 60).page is None


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_a_life_that_aws_does_not_take_is_refused(seconds: int) -> None:
    with pytest.raises(UsageError):
        invite(stack(), seconds)


def test_an_open_chat_needs_no_invite() -> None:
    with pytest.raises(UsageError, match="nobody needs an invite"):
        invite(stack("none"), 60)


def test_a_closed_chats_page_comes_with_an_invite_and_other_pages_do_not() -> None:
    url = page_url(stack())
    assert page_url(stack(), "api-gateway-lambda").startswith(f"{PAGE}/#X-Amz-")
    assert url.startswith(f"{PAGE}/#X-Amz-Algorithm=") and "&X-Amz-Expires=300&" in url and "X-Amz-Signature=" in url
    assert page_url(stack(), "api-gateway-lambda2") == page_url(stack("none")) == PAGE


def test_without_a_page_there_is_no_address() -> None:
    with pytest.raises(UsageError, match="no chat page"):
        page_url(stack(page=False))
