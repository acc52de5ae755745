"""Where botocore is not to make a call again by itself, as it does with what may pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError


def limit(client: Any, go_on: Callable[[], None]) -> None:
    """Keeps a client from trying again what is refused for long. `go_on` raises when a call is not to be repeated."""

    def before_send(request: Any, **_: Any) -> None:
        if not _is_first(request.headers.get("amz-sdk-request", b"")):
            go_on()

    client.meta.events.register("before-send", before_send)
    client.meta.events.register("needs-retry", _raise_refused)


def _is_first(attempt: bytes | str) -> bool:
    text = attempt.decode() if isinstance(attempt, bytes) else attempt
    return text.partition(";")[0] in ("", "attempt=1")


def _raise_refused(caught_exception: Any, **_: Any) -> None:
    # Nobody listens there. AWS always does, so it is a wrong --endpoint-url or a local AWS that has ended.
    if isinstance(caught_exception, EndpointConnectionError):
        cause = caught_exception.kwargs.get("error")
        if isinstance(cause, Exception) and isinstance(cause.__cause__, ConnectionRefusedError):
            raise caught_exception
