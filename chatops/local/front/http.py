"""HTTP/1.1 on a connection that is not a WebSocket: one request after the other, for as long as the client keeps it."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

import h11

from .quotas import REQUEST_BODY
from .request import Request, Response, as_json

CHUNK = 64 * 1024
TOO_LARGE = as_json(413, {"message": "Request Too Long"})
BODILESS = {204, 304}
UNUSABLE = as_json(500, {"message": "Internal Server Error"})
MALFORMED = as_json(400, {"message": "Bad Request"})


async def serve(
    head: bytes, answer: Callable[[Request], Awaitable[Response]], reader: StreamReader, writer: StreamWriter
) -> None:
    """Answers requests, the first of which begins with `head`, until either side has enough."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    peer = writer.get_extra_info("peername")[0]
    try:
        while request := await _request(connection, reader, peer):
            response = TOO_LARGE if len(request.body) > REQUEST_BODY else await answer(request)
            _send(connection, writer, response, has_body=request.method != "HEAD" and response.status not in BODILESS)
            await writer.drain()
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            _send(connection, writer, MALFORMED, has_body=True)
    except OSError:
        return


async def _request(connection: h11.Connection, reader: StreamReader, peer: str) -> Request | None:
    """The next request with its body, of which no more than what is too much is kept. Nothing at the end."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data) and len(body) <= REQUEST_BODY:
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
            return Request(head.method.decode(), head.target.decode("latin-1"), headers, peer, bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            return None


def _send(connection: h11.Connection, writer: StreamWriter, response: Response, *, has_body: bool) -> None:
    try:
        head = _head(response)
    except (h11.LocalProtocolError, UnicodeError):
        # A function may return headers that no answer may have.
        response = UNUSABLE
        head = _head(response)
    body = h11.Data(data=response.body if has_body else b"")
    writer.write(b"".join(connection.send(part) or b"" for part in (head, body, h11.EndOfMessage())))


def _head(response: Response) -> h11.Response:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.all_headers()]
    return h11.Response(status_code=response.status, reason=response.reason.encode(), headers=headers)
