"""Where a stack that runs is found: the chat, its page, the HTTP APIs, and the endpoint that posts to connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..aws import STACK_TAG
from ..config import WEBSOCKET_URL, Config
from ..config.reader import question
from ..deploy.resource import Live
from ..errors import ChatopsError, UsageError
from ..resources.api import Api

if TYPE_CHECKING:
    from ..stack import Stack

NAMED = 3
"""Resources of others that an error names."""


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
    """The @connections endpoint. Raises ChatopsError when there is no chat, or none of the stack's own."""
    return _found(stack, stack.websocket).outputs["connections_url"]


def connections_among(stack: Stack, live: Mapping[str, Live | None]) -> str | None:
    """The @connections endpoint, when the WebSocket API is among what is live and is ours."""
    api = live.get(stack.websocket.name)
    return api.outputs["connections_url"] if api and api.owner == stack.websocket.stack else None


def outputs(stack: Stack, live: Mapping[str, Live | None]) -> dict[str, Any]:
    """The addresses that a stack gives its users, as far as what they lead to is live and the stack's own."""

    def owned(api: Api) -> Live | None:
        found = live.get(api.name)
        return found if found and found.owner == api.stack else None

    websocket, web = owned(stack.websocket), {key: owned(one) for key, one in stack.web.items()}
    return {
        "websocket_url": websocket.outputs["websocket_url"] if websocket else None,
        "http_urls": {key: found.outputs["http_url"] for key, found in web.items() if found},
    }


def whose(live: Live) -> str:
    """Return whose resource it is, in words: another stack's, or one without an ownership tag."""
    return f"its tag {STACK_TAG} names the stack {live.owner!r}" if live.owner else f"it carries no tag {STACK_TAG}"


def not_deployed(stack: Stack, resource: str = "", why: str = "") -> ChatopsError:
    """Return the error for a stack that does not exist in this account and region, or lacks this resource there."""
    subject = f"has no {resource}" if resource else "does not exist"
    return ChatopsError(
        "not-deployed",
        f"The stack {stack.config.stack} {subject} in account {stack.aws.account}, region {stack.aws.region}",
        why or f"no {'resource of this name' if resource else 'resource'} carries its tag there",
        "`chatops find` looks for it in every region; `chatops up` creates it here.",
    )


def not_deployed_beside(stack: Stack, live: Mapping[str, Live | None]) -> ChatopsError:
    """Return the error for a stack of which nothing exists; it names what has the stack's names without its tag."""
    others = sorted(name for name, found in live.items() if found)
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    why = f"{', '.join(others[:NAMED])}{more} exist there without its tag" if others else ""
    return not_deployed(stack, why=why)


def _found(stack: Stack, api: Api) -> Live:
    live = api.observe(stack.aws, lambda _: None)
    if not live:
        raise not_deployed(stack, api.name)
    if live.owner != api.stack:
        name = "Choose another name or prefix in the config, then run `chatops up`."
        raise ChatopsError(
            "api-not-ours",
            f"The API {api.api} does not belong to this stack",
            whose(live),
            name if live.owner else f"{name} If this one is the stack's, run `chatops up --adopt`.",
        )
    return live
