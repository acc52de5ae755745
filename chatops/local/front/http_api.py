"""HTTP APIs, at `/{apiId}/…`: passed on to the local AWS, which runs them.

The front stands before them for two things that API Gateway does and the emulator does not: a URL with letters that
are not percent-encoded, as `curl` sends Korean, is taken; and the API's bare address means its root.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html
"""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from ..emulator import DATA_PLANE, FORWARDED
from . import address
from .catalog import Catalog
from .request import Request, Response, as_json

LONGEST = 31.0
"""Seconds; API Gateway gives an HTTP API's integration 30."""
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""What is about one connection and not about the message: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1"""
REWRITTEN = {"content-length", "date", "expect"}
"""What each end says for itself."""


class HttpApis:
    """Every HTTP API of the local AWS."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._aws = urlsplit(catalog.endpoint_url)
        self._forward_header = catalog.forward_header

    async def has(self, request: Request) -> bool:
        """Whether a request is for one of them, the newest included."""
        if request.path == address.HEALTH or "/@connections/" in request.path:
            return False
        api_id = split(request.path)[0]
        if not api_id:
            return False
        if api_id not in self._catalog.http_api_ids:
            await self._catalog.refresh(older_than=0.2)
        return api_id in self._catalog.http_api_ids

    async def answer(self, request: Request) -> Response:
        """The API's answer, or 503 while the local AWS does not give one, or 403 for a page that is not local."""
        if not (address.is_local_host(request.header("host")) and address.is_local_origin(request.header("origin"))):
            return as_json(403, {"message": "Forbidden"})
        try:
            return await asyncio.to_thread(self._pass_on, request)
        except (OSError, http.client.HTTPException):
            return as_json(503, {"message": "Service Unavailable"})

    def _pass_on(self, request: Request) -> Response:
        api_id, rest = split(request.path)
        target = f"{DATA_PLANE}{api_id}/{rest}" + (f"?{request.query}" if request.query else "")
        aws = http.client.HTTPConnection(self._aws.hostname or "", self._aws.port or 80, timeout=LONGEST)
        try:
            headers = dict(forwardable(request.headers))
            aws.request(request.method, target, request.body or None, {**headers, **self._forward_header})
            answer = aws.getresponse()
            given = forwardable(answer.getheaders())
            return Response(answer.status, answer.read(), repeated=given)
        finally:
            aws.close()


def split(path: str) -> tuple[str, str]:
    """Return the API id that a path begins with, and what comes after it without a slash; "" for any other path."""
    found = re.fullmatch(r"/([A-Za-z0-9]+)(?:/(.*))?", path, re.DOTALL)
    return (found[1], found[2] or "") if found else ("", "")


def forwardable(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a message without those that are about one connection, or that prove who forwards it."""
    headers = list(headers)
    listed = {
        one.strip() for name, value in headers if name.lower() == "connection" for one in value.lower().split(",")
    }
    left_out = HOP_BY_HOP | REWRITTEN | listed | {FORWARDED}
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def encoded(head: bytes) -> bytes:
    """The head of a request with every byte of its target that is not ASCII percent-encoded."""
    line, end, rest = head.partition(b"\r\n")
    return quote(line, safe="".join(map(chr, range(128)))).encode() + end + rest
