"""Handshakes, and what $connect has to say about them."""

from __future__ import annotations

from dataclasses import replace

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ..chats import STAGE, USUAL, Chat, Route, Shape
from ..targets import NotMeasurable, Target
from .behaviour import behaviour

SLOW = Shape((Route("$connect", timeout=500), Route("$default")))
FAILING = Shape((Route("$connect"), Route("fail")))
OPEN = Shape((Route("$default"),))
NOT_PERMITTED = Shape((Route("$connect", permitted=False), Route("$default")))


def outcome(chat: Chat, **query: str) -> str:
    """The status of a handshake's answer."""
    try:
        with chat.open(**query):
            return "101"
    except InvalidStatus as refused:
        return str(refused.response.status_code)


@behaviour("101")
def any_2xx_of_the_connect_route_accepts_the_handshake(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    return outcome(target.chat(Shape()), status="201")


@behaviour("401")
def another_status_of_the_connect_route_is_the_status_of_the_handshake(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    return outcome(target.chat(Shape()), status="401")


@behaviour("503")
def a_5xx_of_the_connect_route_is_the_status_of_the_handshake(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    return outcome(target.chat(Shape()), status="503")


@behaviour("502")
def a_function_that_fails_in_the_connect_route_refuses_with_502(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    return outcome(target.chat(FAILING), **{"raise": "on purpose"})


@behaviour("504", settled=False)
def a_connect_route_slower_than_its_integration_allows_refuses_with_504(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return outcome(target.chat(SLOW), sleep="1.5")


@behaviour("101")
def an_api_without_a_connect_route_accepts_everybody(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    return outcome(target.chat(OPEN))


@behaviour("500", settled=False)
def a_connect_route_without_permission_to_invoke_refuses_with_500(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return outcome(target.chat(NOT_PERMITTED))


@behaviour("chat")
def the_connect_route_chooses_the_subprotocol(target: Target) -> str:
    """websocket-connect-route-subprotocol.html"""
    with target.chat(Shape()).open(subprotocol="chat") as socket:
        return str(socket.subprotocol)


@behaviour("410")
def posting_to_a_connection_inside_its_connect_route_is_410(target: Target) -> str:
    """apigateway-websocket-api-route-keys-connect-disconnect.html"""
    chat = target.chat(Shape())
    with chat.join(post="too early") as joined:
        return str(chat.sink.report(joined.id)["posted"])


@behaviour("403", settled=False)
def a_stage_that_does_not_exist_is_403(target: Target) -> str:
    """apigateway-websocket-api-overview.html"""
    chat = target.chat(Shape())
    if not chat.url.endswith(STAGE):
        raise NotMeasurable("there are no stages")
    return outcome(replace(chat, url=f"{chat.url}-of-nobody"))


@behaviour("no extension", settled=False)
def permessage_deflate_is_not_negotiated(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    with connect(target.chat(Shape()).url, proxy=None) as socket:
        return ", ".join(one.name for one in socket.protocol.extensions) or "no extension"


@behaviour("429")
def a_handshake_over_the_stage_s_limit_is_429(target: Target) -> str:
    """websocket-api-protect.html"""
    chat = target.chat(Shape(USUAL, throttling={"ThrottlingRateLimit": 0.01, "ThrottlingBurstLimit": 1}))
    return next((status for status in (outcome(chat) for _ in range(3)) if status != "101"), "101")
