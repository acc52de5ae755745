"""Which route a message takes."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

from ..chats import Chat, Route, Shape, add_route, client
from ..targets import Target
from .behaviour import behaviour

NESTED = Shape((Route("$connect"), Route("$default"), Route("join")), "$request.body.data.kinds[0]")
BRACED = Shape((Route("$connect"), Route("$default"), Route("join")), "${request.body.kind}")


def route_of(chat: Chat, message: str) -> str:
    """The route key in the event that a message makes."""
    with chat.join() as joined:
        joined.socket.send(message)
        try:
            return str(chat.sink.event("MESSAGE", joined.id)["requestContext"]["routeKey"])
        except TimeoutError:
            return "no event"


@behaviour("say")
def a_message_takes_the_route_that_its_action_names(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(Shape()), '{"action": "say"}')


@behaviour("join")
def any_json_path_may_select_the_route(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(NESTED), '{"data": {"kinds": ["join", "talk"]}}')


@behaviour("join")
def the_selection_expression_may_stand_in_braces(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(BRACED), '{"kind": "join"}')


@behaviour("$default")
def a_message_that_is_not_json_takes_the_default_route(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(Shape()), "ping")


@behaviour("$default")
def a_message_for_no_route_takes_the_default_route(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(Shape()), '{"action": "dance"}')


@behaviour("$default", settled=False)
def a_message_cannot_select_the_connect_route(target: Target) -> str:
    """websocket-api-develop-routes.html"""
    return route_of(target.chat(Shape()), '{"action": "$connect"}')


@behaviour("$default")
def a_route_is_not_live_before_it_is_deployed(target: Target) -> str:
    """apigateway-set-up-websocket-deployment.html"""
    chat = target.chat(Shape())
    aws = target.aws
    with chat.join():
        add_route(aws, chat.api_id, chat.function, Route("later"))
    return route_of(chat, '{"action": "later"}')


@behaviour("all at once")
def functions_run_at_the_same_time(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    with target.chat(Shape()).join() as joined:
        began = time.monotonic()
        for _ in range(3):
            joined.say(action="say", sleep=2.5, post="done")
        for _ in range(3):
            joined.hears(30)
        return "all at once" if time.monotonic() - began < 7.4 else "one by one"


@behaviour("yes")
def what_a_function_prints_is_in_cloudwatch_logs(target: Target) -> str:
    """websocket-api-develop-integrations.html"""
    chat = target.chat(Shape())
    route_of(chat, "hello")
    logs: Any = client("logs", target.aws)
    group = f"/aws/lambda/{chat.role}"
    for _ in range(20):
        with suppress(logs.exceptions.ResourceNotFoundException):
            if "probe MESSAGE" in json.dumps(logs.filter_log_events(logGroupName=group)["events"]):
                return "yes"
        time.sleep(0.1)
    return "no"
