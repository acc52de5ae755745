"""What AWS refuses for a while is asked for again, and whoever watches is told of the wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from ..deploy.resource import progress
from . import attempts
from .in_flight import MAX_CALL_SECONDS, CallsInFlight

LIMIT = 90.0
"""Seconds for which a call is made again."""

LONGER = {"DeleteApi"}
"""Operations that are refused for longer than that: who makes them waits for them."""

BEGAN, TRIES = "chatops_refused_since", "chatops_retries"

MAX_RETRIES = 12
"""How often a call without a usable answer is retried: with the pauses between, for half a minute at most."""


def pause_after(waited: float) -> float:
    """How long to wait before the next try, in seconds: ever longer."""
    return min(max(0.6, waited / 20), 3.0)


def countdown(waited: float, limit: float) -> str:
    """How long a call has been refused, and for how long it will still be made again."""
    return f"({waited:.0f} s, {max(limit - waited, 0):.0f} s left)"


class Patience:
    """Decides for a client whether a failed call is made again, before botocore does: it would wait in silence.

    `passes` says whether a refusal passes by itself; `pause` waits; `calls` report a retry while its answer is awaited.
    """

    def __init__(
        self,
        service: str,
        passes: Callable[[ClientError], bool],
        pause: Callable[[float], None],
        calls: CallsInFlight | None = None,
    ) -> None:
        self._service, self._passes, self._pause = service, passes, pause
        self._calls = calls or CallsInFlight()

    def __call__(
        self, response: Any, operation: Any, request_dict: Any, caught_exception: Any = None, **_: Any
    ) -> float | None:
        """Gives 0 to make the call again now, and nothing to leave the decision to botocore. Raises the refusal."""
        context = request_dict["context"]
        if response is not None and response[0].status_code >= 400:
            error = ClientError(response[1], operation.name)
            if self._passes(error):
                return self._wait_for_turn(error, operation.name, context)
        pause = random.uniform(0.5, 1)  # noqa: S311
        since = attempts.raise_when_unreachable(caught_exception, context, self._calls.has_answer, pause)
        waited = attempts.raise_when_failing_for_long(response, caught_exception, context, operation.name)
        if since is not None:
            context[attempts.DECIDED] = True
            self._calls.retries(context, "connection failed, retrying", since, attempts.UNREACHABLE_SECONDS)
            self._pause(pause)
            return 0.0
        return None if waited is None else self._retry(response, caught_exception, operation.name, context)

    def _wait_for_turn(self, error: ClientError, operation: str, context: Any) -> float:
        began = context.setdefault(BEGAN, time.monotonic())
        waited = time.monotonic() - began
        if waited >= LIMIT or operation in LONGER:
            raise error
        reason = f"{self._service} does not take {operation} now; trying again"
        progress(f"{reason} {countdown(waited, LIMIT)}")
        self._calls.retries(context, "throttled, retrying", began, LIMIT)
        self._pause(pause_after(waited))
        return 0.0

    def _retry(self, response: Any, error: Any, operation: str, context: Any) -> float:
        since, limit = context[attempts.FAILING_SINCE], attempts.RETRY_SECONDS
        if response is not None:
            reason = f"HTTP {response[0].status_code}"
        elif isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
            reason, limit = "no answer", MAX_CALL_SECONDS
        else:
            reason = "connection failed"
        tries = context[TRIES] = context.get(TRIES, 0) + 1
        if tries > MAX_RETRIES:
            raise error or ClientError(response[1], operation)
        self._calls.retries(context, f"{reason}, retrying", since, limit)
        self._pause(random.uniform(0.5, 1) * min(0.2 * 2**tries, 4))  # noqa: S311
        return 0.0
