"""An HTTP request and its answer, without a connection."""

from __future__ import annotations

import json
from asyncio import StreamWriter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from .errors import Refused


@dataclass(frozen=True)
class Request:
    """A request as it was sent: `target` is the undecoded path and query, `peer` the client's IP address."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    peer: str
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def parameter(self, name: str) -> str | None:
        """The last value of a parameter in the query."""
        return dict(parse_qsl(self.query)).get(name)

    def header(self, name: str) -> str | None:
        """The value of a header, several of one name joined by commas."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Response:
    """An answer. A 204 has no body, and says so."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    repeated: Sequence[tuple[str, str]] = ()
    """Headers of which there may be several of one name."""

    @property
    def reason(self) -> str:
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    def all_headers(self) -> list[tuple[str, str]]:
        length = [] if self.status == 204 else [("Content-Length", str(len(self.body)))]
        return [*self.headers.items(), *self.repeated, *length]


def peer_address(writer: StreamWriter) -> str:
    """The client's IP address: the loopback's, where the system does not know it, as of a client that is gone again."""
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else "127.0.0.1"


def as_json(status: int, data: object) -> Response:
    """An answer whose body is JSON."""
    return Response(status, json.dumps(data).encode(), {"Content-Type": "application/json"})


def refusal(refused: Refused, text: str) -> Response:
    """How API Gateway refuses a request: SDKs read the error's name from a header."""
    kind = {"x-amzn-ErrorType": refused.error_type} if refused.error_type else {}
    return Response(refused.status, text.encode(), {"Content-Type": "application/json", **kind})


MALFORMED = as_json(400, {"message": "Bad Request"})
