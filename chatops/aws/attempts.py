"""Which failed calls are not retried, or not for long: botocore by itself retries each of them up to seven times."""

from __future__ import annotations

import errno
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)

CONNECT_SECONDS = 5.0
"""How long a connection to one address may take: three SYN packets, sent after 0, 1 and 3 seconds."""
READ_SECONDS = 20.0
"""How long an answer may take. The slowest call, CreateFunction, answers in a few seconds."""
RETRY_SECONDS = 30.0
"""How long calls without a usable answer are retried. With one more READ_SECONDS a call ends within a minute."""
STARTED, FAILING_SINCE = "chatops_attempt_started", "chatops_failing_since"
"""Where a call's context holds when its latest attempt began, and when its first one without an answer did."""
UNREACHABLE_SECONDS = 4.0
"""How long a server that cannot be reached is tried: a Wi-Fi change or a waking laptop takes that long.

Every command ends within 5 seconds where the network is away.
"""
UNREACHABLE_SINCE, DECIDED = "chatops_unreachable_since", "chatops_retry_decided"
"""Where a call's context holds since when its server is unreachable, and that Patience made the retry decision."""
BROKEN_HANDSHAKES = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
UNKNOWN_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
UNREACHABLE = {
    errno.ECONNREFUSED,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EACCES,
    errno.EPERM,
    errno.EADDRNOTAVAIL,
}
SERVER_ERRORS = (500, 502, 503, 504)


def limit(client: Any, go_on: Callable[[], None]) -> None:
    """Keep a client from retrying after the stop: `go_on` raises then."""

    def before_send(request: Any, **_: Any) -> None:
        if not _is_first(request.headers.get("amz-sdk-request", b"")):
            go_on()

    client.meta.events.register("before-send", before_send)


def limit_all(session: Any, has_answer: Callable[[], bool]) -> None:
    """Keep every client of a botocore session from retrying what cannot succeed, or for more than RETRY_SECONDS.

    `has_answer` says whether the run has had an answer: the network and its settings were in order then.
    """

    def needs_retry(
        caught_exception: Any, response: Any, request_dict: Any, operation: Any, attempts: int = 1, **_: Any
    ) -> None:
        context = request_dict["context"]
        if context.pop(DECIDED, False):
            return
        # botocore pauses for up to 1, 2, 4, … seconds.
        raise_when_unreachable(caught_exception, context, has_answer(), 2.0 ** (attempts - 1))
        raise_when_failing_for_long(response, caught_exception, context, operation.name)

    session.register("request-created", _note_start)
    session.register("needs-retry", needs_retry)


def _note_start(request: Any, **_: Any) -> None:
    request.context[STARTED] = time.monotonic()


def _is_first(attempt: bytes | str) -> bool:
    text = attempt.decode() if isinstance(attempt, bytes) else attempt
    return text.partition(";")[0] in ("", "attempt=1")


def raise_when_unreachable(error: Any, context: Any, has_answer: bool, pause: float) -> float | None:
    """Return since when a call's server cannot be reached, or None where that is not its error.

    Raise the error when it is permanent, or when a retry after `pause` seconds would exceed UNREACHABLE_SECONDS.
    """
    if error is None or not is_unreachable(error):
        context.pop(UNREACHABLE_SINCE, None)
        return None
    now = time.monotonic()
    since = float(context.setdefault(UNREACHABLE_SINCE, context.get(STARTED, now)))
    if (not has_answer and is_permanent(error)) or now - since + pause > UNREACHABLE_SECONDS:
        raise error
    return since


def raise_when_failing_for_long(response: Any, caught_exception: Any, context: Any, operation: str) -> float | None:
    """Return for how many seconds a call has had no usable answer, or None. Raise its error after RETRY_SECONDS."""
    if not is_transient(response, caught_exception):
        context.pop(FAILING_SINCE, None)
        return None
    now = time.monotonic()
    waited = now - float(context.setdefault(FAILING_SINCE, context.get(STARTED, now)))
    if waited >= RETRY_SECONDS:
        raise caught_exception or ClientError(response[1], operation)
    return waited


def is_transient(response: Any, caught_exception: Any) -> bool:
    """Whether botocore would retry: a server error, a connection that broke, or no answer in time."""
    if response is not None:
        return response[0].status_code in SERVER_ERRORS
    return isinstance(caught_exception, (ConnectionError, HTTPClientError))


def is_permanent(error: BaseException) -> bool:
    """Whether an unreachable server most likely stays so: a name, port, proxy or certificate is wrong.

    A resolver that does not answer and a network without a route are temporary.
    """
    if not isinstance(error, (EndpointConnectionError, ProxyConnectionError)):
        return is_unreachable(error)
    return any(
        one.errno in UNKNOWN_NAME
        if isinstance(one, socket.gaierror)
        else isinstance(one, OSError) and (one.errno == errno.ECONNREFUSED or is_refused_tunnel(str(one)))
        for one in causes(error)
    )


def is_unreachable(error: BaseException) -> bool:
    """Whether no request was sent, because of a name, a route, a port, a proxy or a certificate."""
    if type(error) is HTTPClientError:
        # HTTPClientError itself is what urllib3 did not expect, such as a proxy URL of an unknown scheme.
        return True
    if isinstance(error, SSLError):
        return not any(isinstance(one, BROKEN_HANDSHAKES) for one in causes(error))
    if not isinstance(error, (EndpointConnectionError, ProxyConnectionError)):
        return False
    return any(
        isinstance(one, socket.gaierror)
        or (isinstance(one, OSError) and (one.errno in UNREACHABLE or is_refused_tunnel(str(one))))
        for one in causes(error)
    )


def is_refused_tunnel(message: str) -> bool:
    """Whether a proxy answered that it will not connect, rather than that it cannot at the moment."""
    status = re.search(r"Tunnel connection failed: (\d+)", message)
    return status is not None and int(status[1]) not in SERVER_ERRORS


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps: botocore, urllib3 and Python each link them in another way."""
    seen: set[int] = set()
    left: list[Any] = [error]
    while left:
        one = left.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = getattr(one, "kwargs", None)
        left += [
            wrapped.get("error") if isinstance(wrapped, dict) else None,
            getattr(one, "original_error", None),
            getattr(one, "reason", None),
            *one.args,
            one.__cause__,
            one.__context__,
        ]
