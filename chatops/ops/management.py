"""The @connections endpoint: ask about, post to and close single connections, fast enough for ten thousand of them.

botocore signs and sends, but the request is made by hand: its general client costs three times as much CPU a call.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

from ..aws import Aws
from ..aws.rate import RateLimit
from ..deploy.threads import thread_pool

IN_FLIGHT = 32
"""Requests at a time."""
RATE, BURST = 1250.0, 625.0
"""Half of what API Gateway takes from an account in its newer regions, so that the chat goes on meanwhile.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
TRIES = 5
NEVER_GIVEN = re.compile(rb"connection ?id", re.IGNORECASE)
"""What a 400 names that is about an id that API Gateway never gave, and not about the request."""

T = TypeVar("T")
R = TypeVar("R")


class InvalidConnectionId(Exception):
    """API Gateway answered that it never issued this id. Unlike a 410, that proves nothing about a connection."""


class Management:
    """The connections of one stage of a WebSocket API. See `ownership` for the stack's own."""

    def __init__(self, aws: Aws, url: str) -> None:
        self._aws, self._url = aws, url
        self._http = aws.http(url, IN_FLIGHT)
        self._limit = RateLimit(RATE, BURST, stop=aws.stop)

    def get(self, connection_id: str) -> dict[str, Any] | None:
        """Return what API Gateway knows of a connection, or None when it has ended (410).

        Raise InvalidConnectionId for an id that API Gateway never issued.
        """
        body = self._call("GET", "GetConnection", connection_id)
        return None if body is None else json.loads(body)

    def post(self, connection_id: str, data: bytes) -> bool:
        """Sends a frame to a connection; False when it has ended."""
        return self._reaches("POST", "PostToConnection", connection_id, data)

    def close(self, connection_id: str) -> bool:
        """Closes a connection; False when it had ended already."""
        return self._reaches("DELETE", "DeleteConnection", connection_id)

    def each(self, call: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Makes a call for every item, many at a time, and gives the answers in order."""
        with thread_pool(IN_FLIGHT, "connections") as pool:
            return list(pool.map(call, items))

    def _reaches(self, method: str, operation: str, connection_id: str, data: bytes = b"") -> bool:
        try:
            return self._call(method, operation, connection_id, data) is not None
        except InvalidConnectionId:
            return False

    def _call(self, method: str, operation: str, connection_id: str, data: bytes = b"") -> bytes | None:
        url = f"{self._url}/@connections/{quote(connection_id, safe='')}"
        for attempt in range(1, TRIES + 1):
            self._limit.wait()
            request = AWSRequest(method=method, url=url, data=data)
            SigV4Auth(self._aws.credentials, "execute-api", self._aws.region).add_auth(request)
            try:
                answer = self._http.send(request.prepare())
            except (EndpointConnectionError, ConnectTimeoutError):
                # Nothing was sent.
                if attempt == TRIES:
                    raise
            except HTTPClientError:
                # A post whose answer is lost may have arrived; asking and closing twice does no harm.
                if attempt == TRIES or method == "POST":
                    raise
            else:
                if answer.status_code < 300:
                    return bytes(answer.content)
                if answer.status_code == 410:
                    return None
                # A 404 is not API Gateway's word: it comes of a wrong address, or of another server.
                if answer.status_code == 400 and NEVER_GIVEN.search(answer.content):
                    raise InvalidConnectionId(connection_id)
                if answer.status_code not in (429, 500, 502, 503, 504) or attempt == TRIES:
                    raise _error(answer, operation)
            self._aws.pause(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")


def _error(answer: Any, operation: str) -> ClientError:
    """The same error that botocore's client would raise."""
    try:
        message = json.loads(answer.content).get("message", "")
    except (ValueError, AttributeError):
        message = answer.content.decode("utf-8", "replace")[:200]
    code = answer.headers.get("x-amzn-ErrorType", str(answer.status_code)).split(":")[0]
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": answer.status_code}},
        operation,
    )
