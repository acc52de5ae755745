"""Invoking what a route calls.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-integrations.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .aws import LocalAws
from .deployment import Integration, Route, Stage
from .errors import IntegrationFailed
from .event import Event
from .permission import Permissions

INTERNAL, TIMED_OUT = "Internal server error", "Endpoint request timed out"
KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
"""What a function's result may hold."""
MALFORMED = "Execution failed due to configuration error: Malformed Lambda proxy response"
"""What API Gateway logs of any other result.

https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
"""
SHOWN = 300
"""Characters of a malformed result that are logged."""


@dataclass(frozen=True)
class Answer:
    """What a function returned. `status` is nothing for what AWS's log calls a malformed Lambda proxy response."""

    status: int | None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Integrations:
    """Calls functions as API Gateway does: with its permission, and for as long as it waits.

    `longest` is how many seconds that is at most.
    """

    def __init__(self, aws: LocalAws, permissions: Permissions, longest: float) -> None:
        self._aws = aws
        self._permissions = permissions
        self._longest = longest
        self._calls: set[asyncio.Task[Any]] = set()

    async def invoke(
        self, stage: Stage, route: Route, event: Event, on_start: Callable[[], None] | None = None
    ) -> Answer:
        """Raises IntegrationFailed when the function may not be called, does not end in time, or ends with an error.

        `on_start` is called when the function's turn cannot be taken any more by an invocation that comes later.
        """
        integration = route.integration
        if integration is None or integration.type == "MOCK":
            return Answer(200)
        function = integration.function_arn
        if integration.type != "AWS_PROXY" or not function:
            raise IntegrationFailed(INTERNAL, 500, f"{integration.type} to {integration.uri} is not imitated")
        await self._require_permission(stage, route, integration, function)
        raw = await self._call(function, event, min(integration.timeout, self._longest), on_start)
        if raw.get("FunctionError"):
            raise IntegrationFailed(
                INTERNAL, 502, f"{function} failed: {raw['Payload'].decode(errors='replace')[:500]}"
            )
        found = answer(raw["Payload"])
        if found.status is None:
            # API Gateway writes this to its execution log, which the local one does not have.
            await self._aws.log(function, f"{MALFORMED}: {raw['Payload'].decode(errors='replace')[:SHOWN]}")
        return found

    async def _call(self, function: str, event: Event, timeout: float, on_start: Callable[[], None] | None) -> Any:
        """Invokes, and waits no longer than that; the function itself runs on, as on AWS."""
        payload = json.dumps(event, ensure_ascii=False).encode()
        call = asyncio.create_task(self._aws.invoke(function, payload))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        if on_start:
            on_start()
        await asyncio.wait({call}, timeout=timeout)
        if not call.done():
            call.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise IntegrationFailed(TIMED_OUT, 504, f"{function} did not answer in time")
        try:
            return call.result()
        except (BotoCoreError, ClientError) as error:
            raise IntegrationFailed(INTERNAL, 500, f"invoking {function}: {error}") from error

    async def _require_permission(self, stage: Stage, route: Route, integration: Integration, function: str) -> None:
        source = stage.arn(route.key)
        if integration.role is None and not await self._permissions.may_invoke(function, source):
            raise IntegrationFailed(INTERNAL, 500, f"the policy of {function} does not let {source} invoke it")


def answer(payload: bytes) -> Answer:
    """A function's result, as API Gateway reads it. An object without a statusCode, even an empty one, is a success.

    Malformed is what is no object, has a key that means nothing, or a body that is not text.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    try:
        result: Any = json.loads(payload)
        body, headers = result.get("body"), result.get("headers") or {}
        if not KEYS.issuperset(result) or not isinstance(body, (str, type(None))):
            return Answer(None)
        named = {_writable(str(name)): _writable(str(value)) for name, value in headers.items()}
        return Answer(int(result.get("statusCode", 200)), None if body is None else _writable(body), named)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return Answer(None)


def _writable(text: str) -> str:
    """A text with a question mark for each half of a letter, which JSON may hold and no frame may."""
    return text.encode(errors="replace").decode()
