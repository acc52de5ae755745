"""What a client hears of its message."""

from __future__ import annotations

import re
from typing import Any

from ..chats import USUAL, Chat, Client, Route, Shape
from ..targets import Target
from .behaviour import behaviour

NO_DEFAULT = Shape((Route("$connect"), Route("say")))
FAILING = Shape((Route("$connect"), Route("$default"), Route("fail")))
HASTY = Shape((*USUAL, Route("slow", timeout=500), Route("forbidden", permitted=False)))
IDLE = Shape((*USUAL, Route("idle", integrated=False)))
THROTTLED = Shape((Route("say"),), throttling={"ThrottlingRateLimit": 0.01, "ThrottlingBurstLimit": 1})


def heard(client: Client, limit: float = 15.0) -> str:
    """The next message, with the ids left out; `nothing` when none comes."""
    try:
        text = client.hears(limit)
    except TimeoutError:
        return "nothing"
    return re.sub(r'"(connectionId|requestId)": ?"[^"]+"', r'"\1":"…"', text)


def told(chat: Chat, limit: float = 15.0, **message: Any) -> str:
    """What a client hears after a message."""
    with chat.join() as joined:
        joined.say(**message)
        return heard(joined, limit)


def error(message: str) -> str:
    return f'{{"message": "{message}", "connectionId":"…", "requestId":"…"}}'


@behaviour(error("Forbidden"))
def without_a_default_route_a_message_for_no_route_is_forbidden(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return told(target.chat(NO_DEFAULT), action="dance")


@behaviour(error("Internal server error"))
def a_function_that_fails_is_an_internal_server_error(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    return told(target.chat(FAILING), 15.0, **{"action": "fail", "raise": "on purpose"})


@behaviour("nothing")
def a_status_that_a_function_returns_for_a_message_is_not_told(target: Target) -> str:
    """apigateway-websocket-api-route-response.html"""
    return told(target.chat(Shape()), 1.0, action="say", status=501)


@behaviour("nothing")
def a_function_that_returns_an_object_without_a_status_for_a_message_has_succeeded(target: Target) -> str:
    """set-up-lambda-proxy-integrations.html"""
    return told(target.chat(Shape()), 1.0, **{"action": "say", "return": {"body": "hello"}})


@behaviour(error("Internal server error"))
def a_function_that_returns_nothing_for_a_message_is_an_internal_server_error(target: Target) -> str:
    """set-up-lambda-proxy-integrations.html"""
    return told(target.chat(Shape()), 2.0, **{"action": "say", "return": None})


@behaviour(error("Internal server error"), settled=False)
def a_function_that_returns_an_unknown_key_for_a_message_is_an_internal_server_error(target: Target) -> str:
    """set-up-lambda-proxy-integrations.html"""
    return told(target.chat(Shape()), 2.0, **{"action": "say", "return": {"statusCode": 200, "Data": "hello"}})


@behaviour(error("Endpoint request timed out"))
def a_function_slower_than_its_integration_allows_has_timed_out(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    return told(target.chat(HASTY), action="slow", sleep=1.5)


@behaviour(error("Internal server error"))
def a_function_without_permission_for_that_very_route_is_an_internal_server_error(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return told(target.chat(HASTY), action="forbidden")


@behaviour("nothing")
def without_a_route_response_a_returned_body_goes_nowhere(target: Target) -> str:
    """apigateway-websocket-api-route-response.html"""
    return told(target.chat(Shape()), 1.0, action="say", body="hello")


@behaviour("hello")
def with_a_route_response_a_returned_body_goes_to_the_client(target: Target) -> str:
    """apigateway-websocket-api-route-response.html"""
    return told(target.chat(Shape()), action="ask", body="hello")


@behaviour("nothing", settled=False)
def a_route_without_an_integration_answers_nothing(target: Target) -> str:
    """apigateway-websocket-api-integration-requests.html"""
    return told(target.chat(IDLE), 1.0, action="idle")


@behaviour(error("Too Many Requests"), settled=False)
def a_message_over_the_route_s_limit_is_refused(target: Target) -> str:
    """websocket-api-protect.html"""
    chat = target.chat(THROTTLED)
    with chat.open() as socket:
        client = Client(socket, "")
        for _ in range(3):
            client.say(action="say")
        return heard(client, 2.0)
