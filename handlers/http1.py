"""HTTP/1.1 as a client needs it that makes one request after the other on a kept-alive connection.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import os
import ssl
from typing import NamedTuple

from botocore.httpsession import get_cert_path

# The certificates by which boto3 knows AWS, or those that its user put in their place.
TLS = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True))


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes
    is_last: bool
    """Whether the connection is of no use for a further request."""


async def connect(address: str, port: int, hostname: str | None, timeout: float) -> "Connection":
    """Connects within `timeout` seconds: over TLS to the holder of `hostname`'s certificate, or without, if it is None.

    OSError says that it could not be done.
    """
    tls = TLS if hostname else None
    loop = asyncio.get_running_loop()
    connecting = loop.create_task(loop.create_connection(Connection, address, port, ssl=tls, server_hostname=hostname))
    try:
        # Not wait_for: before Python 3.12 it may lose a cancellation, https://github.com/python/cpython/issues/86296
        await asyncio.wait({connecting}, timeout=timeout)
    except asyncio.CancelledError:
        if not connecting.cancel() and not connecting.exception():
            connecting.result()[1].close()
        raise
    if connecting.cancel():
        raise TimeoutError(f"no connection within {timeout} seconds")
    return connecting.result()[1]


class Connection(asyncio.Protocol):
    """A connection to a server, for one request at a time."""

    is_open = False
    _transport: asyncio.Transport
    _reply: "asyncio.Future[Reply] | None" = None
    _received = b""

    async def request(self, data: bytes, timeout: float) -> Reply:
        """Sends a request and waits for its reply.

        OSError says that none came within `timeout` seconds: whether the server did what it was asked is unknown.
        """
        loop = asyncio.get_running_loop()
        self._received = b""
        reply: asyncio.Future[Reply] = loop.create_future()
        self._reply = reply
        timer = loop.call_later(timeout, self._fail, TimeoutError(f"no reply within {timeout} seconds"))
        self._transport.write(data)
        try:
            return await reply
        finally:
            timer.cancel()
            self._reply = None
            if reply.cancelled():
                self.close()

    def close(self) -> None:
        """Ends the connection at once."""
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._reply is None:  # a server's last words, such as 408, before it closes an idle connection
            self.close()
        else:
            self._read(ended=False)

    def eof_received(self) -> None:
        self.is_open = False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._read(ended=True)
        self._fail(error or ConnectionResetError("the connection was closed before the reply"))

    def _read(self, ended: bool) -> None:
        if self._reply is None or self._reply.done():
            return
        try:
            reply = parse(self._received, ended)
        except ValueError:
            self._fail(ConnectionError("the reply is not HTTP/1.1"))
            return
        if reply:
            if reply.is_last:
                self.close()
            self._reply.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._reply and not self._reply.done():
            self._reply.set_exception(error)
            self.close()


def parse(data: bytes, ended: bool) -> Reply | None:
    """The reply that `data` begins with: None when more is needed, ValueError when it is none.

    `ended` says that no more will come. A reply whose body is cut off then still says what its status is.
    """
    head, blank_line, rest = data.partition(b"\r\n\r\n")
    if not blank_line:
        return None
    start, *lines = head.lower().split(b"\r\n")
    version, code = start.split(b" ", 2)[:2]
    status = int(code)
    if not version.startswith(b"http/1."):
        raise ValueError(version)
    if status < 200:
        return parse(rest, ended)

    fields = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if status in (204, 304):
        body: bytes | None = b""
        length = 0
    elif b"transfer-encoding" in fields:
        body, length = unchunk(rest)
    elif b"content-length" in fields:
        length = natural(fields[b"content-length"], 10)
        body = rest[:length] if len(rest) >= length else None
    else:
        body, length = None, -1
    if body is None:
        return Reply(status, rest, is_last=True) if ended else None
    is_last = version != b"http/1.1" or b"close" in fields.get(b"connection", b"") or len(rest) > length
    return Reply(status, body, is_last)


def unchunk(data: bytes) -> tuple[bytes | None, int]:
    """The body in `data`, which is sent in chunks, and how many bytes it takes there: None, 0 when more is needed."""
    body, position = b"", 0
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None, 0
        size = natural(data[position:line_end].partition(b";")[0], 16)
        if size == 0:
            break
        position = line_end + 2 + size + 2
        body += data[line_end + 2 : position - 2]
    trailer_end = data.find(b"\r\n\r\n", line_end)
    return (body, trailer_end + 4) if trailer_end >= 0 else (None, 0)


def natural(digits: bytes, base: int) -> int:
    """The number that the digits spell; ValueError when it is negative or none."""
    number = int(digits, base)
    if number < 0:
        raise ValueError(digits)
    return number
