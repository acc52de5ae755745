"""What a client or a caller is told when something is refused or fails."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered with an HTTP status. `why` is for the log, where AWS would leave the reader guessing.

    `error_type` is the error's name in the header `x-amzn-ErrorType`, by which AWS's SDKs tell errors apart.
    """

    status: int
    message: str
    why: str
    error_type: str | None = None


@dataclass(eq=False)
class IntegrationFailed(Exception):
    """An integration that gave no usable answer: a message on an open connection, a status on the handshake."""

    message: str
    status: int
    why: str


def forbidden(why: str) -> Refused:
    """403, as for a resource that is not there or not yours."""
    return Refused(403, "Forbidden", why, "ForbiddenException")


def missing_token(why: str) -> Refused:
    """403, as for a request without a signature."""
    return Refused(403, "Missing Authentication Token", why, "MissingAuthenticationTokenException")


def frame(message: str, connection_id: str, request_id: str) -> str:
    """An error as API Gateway sends it to a client, with its irregular spaces."""
    return (
        f'{{"message": {json.dumps(message)}, "connectionId":{json.dumps(connection_id)}, '
        f'"requestId":{json.dumps(request_id)}}}'
    )
