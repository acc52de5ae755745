"""Where what runs is found."""

from __future__ import annotations

import pytest

from chatops.deploy.resource import Live
from chatops.errors import ChatopsError, UsageError
from chatops.ops import addresses

from ..resources.stand import REGION
from ..stacks import API, stack, with_apis

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("route", ["GET /", "ANY /", "$default"])
def test_the_page_is_found_at_whichever_route_leads_to_it(route: str) -> None:
    assert addresses.page(stack(f'http_apis: {{home: {{routes: {{"{route}": aws-gateway-lambda}}}}}}').config) == "home"


def test_a_stack_without_a_page_says_what_one_is() -> None:
    with pytest.raises(UsageError, match="no chat page"):
        addresses.page(stack("http_apis: {}").config)


def test_a_url_is_that_of_the_chat_or_of_an_http_api_by_its_name_in_the_config() -> None:
    page = {**API, "ApiId": "page", "Name": "api-gateway-lambda", "ProtocolType": "HTTP"}
    one = stack(aws=with_apis(API, page))
    assert addresses.url(one) == f"wss://abc.execute-api.{REGION}.amazonaws.com/demo"
    assert addresses.url(one, "api-gateway-lambda").rstrip("/") == f"https://page.execute-api.{REGION}.amazonaws.com"


def test_the_url_of_what_does_not_exist_or_is_not_ours_is_an_error_that_says_what_to_do() -> None:
    for apis in ([], [{**API, "Tags": {}}], [{**API, "Tags": {"chatops:stack": "other"}}]):
        with pytest.raises(ChatopsError) as raised:
            addresses.url(stack(aws=with_apis(*apis)))
        assert "chatops up" in raised.value.hint


def test_the_url_of_an_api_that_the_config_does_not_have_suggests_one() -> None:
    with pytest.raises(UsageError) as raised:
        addresses.url(stack(aws=with_apis()), "api-gatewya-lambda")
    assert raised.value.hint == "Did you mean api-gateway-lambda?"


def test_the_outputs_are_the_addresses_of_what_exists_and_is_the_stacks() -> None:
    one = stack()
    live: dict[str, Live | None] = {
        "websocket_api.websocket-api": Live({}, {"websocket_url": "wss://x/demo"}, "websocket-chat"),
        "http_api.api-gateway-lambda": Live({}, {"http_url": "https://y"}, "websocket-chat"),
        "http_api.api-gateway-lambda2": None,
    }
    for owner in (None, "other"):
        foreign = {name: Live({}, found.outputs, owner) for name, found in live.items() if found}
        assert addresses.outputs(one, foreign) == {"websocket_url": None, "http_urls": {}}
    found = addresses.outputs(one, live)
    assert found["websocket_url"] == "wss://x/demo"
    assert list(found["http_urls"]) == ["api-gateway-lambda"]
    assert addresses.outputs(one, {}) == {"websocket_url": None, "http_urls": {}}
