"""Where a stack that runs is found: the chat, its page, the HTTP APIs, and the endpoint that posts to connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..config import WEBSOCKET_URL, Config
from ..config.reader import question
from ..deploy.resource import Live
from ..errors import ChatopsError, UsageError
from ..resources.api import Api

if TYPE_CHECKING:
    from ..stack import Stack


def url(stack: Stack, name: str | None = None) -> str:
    """The chat's address, or that of the HTTP API with this name in the config. Raises UsageError when it has none of
    that name, and ChatopsError when the API does not exist.
    """
    api = named(stack, name)
    return _found(stack, api).outputs["websocket_url" if name is None else "http_url"]


def named(stack: Stack, name: str | None = None) -> Api:
    """Return the HTTP API with this name in the config, or the WebSocket API, without asking AWS. Raises UsageError."""
    if name is None:
        return stack.websocket
    if name not in stack.web:
        known = ", ".join(stack.web) or "none"
        raise UsageError(
            "no-such-http-api",
            f"The config has no HTTP API {name!r}",
            f"it has: {known}",
            question(name, stack.web) or "Give one of these names.",
        )
    return stack.web[name]


def page(config: Config) -> str:
    """The name of the HTTP API that serves the chat page. Raises UsageError when the config has none."""
    for key in config.pages:
        return key
    raise UsageError(
        "no-chat-page",
        "The config has no chat page",
        f"no function at the root of an HTTP API has an environment variable with the value {WEBSOCKET_URL}",
        "Name an HTTP API, or give http_apis its default back.",
    )


def connections(stack: Stack) -> str:
    """The @connections endpoint. Raises ChatopsError when there is no chat."""
    return _found(stack, stack.websocket).outputs["connections_url"]


def connections_among(stack: Stack, live: Mapping[str, Live | None]) -> str | None:
    """The @connections endpoint, when the WebSocket API is among what is live and is ours."""
    api = live.get(stack.websocket.name)
    return api.outputs["connections_url"] if api and api.owner == stack.config.stack else None


def outputs(stack: Stack, live: Mapping[str, Live | None]) -> dict[str, Any]:
    """The addresses that a stack gives its users, as far as what they lead to is live."""
    api = live.get(stack.websocket.name)
    urls = {}
    for key, one in stack.web.items():
        found = live.get(one.name)
        if found:
            urls[key] = found.outputs["http_url"]
    return {"websocket_url": api.outputs["websocket_url"] if api else None, "http_urls": urls}


def not_deployed(stack: Stack, resource: str = "", why: str = "") -> ChatopsError:
    """Return the error for a stack that does not exist in this account and region, or lacks this resource there."""
    subject = f"has no {resource}" if resource else "does not exist"
    return ChatopsError(
        "not-deployed",
        f"The stack {stack.config.stack} {subject} in account {stack.aws.account}, region {stack.aws.region}",
        why or f"no {'resource of this name' if resource else 'resource'} carries its tag there",
        "`chatops find` looks for it in every region; `chatops up` creates it here.",
    )


def _found(stack: Stack, api: Api) -> Live:
    live = api.observe(stack.aws, lambda _: None)
    if not live or live.owner != stack.config.stack:
        raise not_deployed(stack, api.name)
    return live
