"""HTTP/1.1 as a client needs it that makes one request after the other on a kept-alive connection.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import os
import socket
import ssl
from typing import Any, NamedTuple

from botocore.httpsession import get_cert_path

# The certificates by which boto3 knows AWS, or those that its user put in their place.
TLS = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True))


MAX_INTERIM_REPLIES = 10
"""How many replies such as 100 Continue may precede the final one. AWS sends one at most."""
MAX_REPLY_BYTES = 1_000_000

Address = tuple[socket.AddressFamily, Any]
"""A family, and an address and port as sockets of that family take them."""


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes
    is_last: bool
    """Whether the connection is of no use for a further request."""


async def connect(address: Address, hostname: str | None, timeout: float) -> "Connection":
    """Connects within `timeout` seconds: over TLS to the holder of `hostname`'s certificate, or without, if it is None.

    OSError says that it could not be done.
    """
    connecting = asyncio.create_task(_connect(address, hostname))
    try:
        # Not wait_for: before Python 3.12 it may lose a cancellation, https://github.com/python/cpython/issues/86296
        await asyncio.wait({connecting}, timeout=timeout)
    except asyncio.CancelledError:
        if not connecting.cancel() and not connecting.exception():
            connecting.result().close()
        raise
    if connecting.cancel():
        raise TimeoutError(f"no connection within {timeout} seconds")
    return connecting.result()


async def _connect(address: Address, hostname: str | None) -> "Connection":
    family, place = address
    link = socket.socket(family, socket.SOCK_STREAM)
    try:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(link, place)
        if hostname:
            link = tls = TLS.wrap_socket(link, server_hostname=hostname, do_handshake_on_connect=False)
            await _shake_hands(tls)
        return Connection(link)
    except BaseException:
        link.close()
        raise


async def _shake_hands(tls: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    has_come = asyncio.Event()
    loop.add_reader(tls, has_come.set)
    try:
        while True:
            try:
                return tls.do_handshake()
            except ssl.SSLWantReadError:
                has_come.clear()
                await has_come.wait()
    finally:
        loop.remove_reader(tls)


class Connection:
    """A connection to a server, for one request at a time.

    On a bare socket: asyncio's own TLS transports take 256 KB of memory each, and half as much CPU time again.
    """

    def __init__(self, link: socket.socket) -> None:
        """Takes a connected socket that does not block."""
        self.is_open = True
        self._socket = link
        self._loop = asyncio.get_running_loop()
        self._unsent = memoryview(b"")
        self._received = b""
        self._reply: asyncio.Future[Reply] | None = None
        self._loop.add_reader(link, self._receive)

    async def request(self, data: bytes, timeout: float) -> Reply:
        """Sends a request and waits for its reply.

        OSError says that none came within `timeout` seconds: whether the server did what it was asked is unknown.
        """
        reply: asyncio.Future[Reply] = self._loop.create_future()
        timer = self._loop.call_later(timeout, self._fail, TimeoutError(f"no reply within {timeout} seconds"))
        self._reply, self._received, self._unsent = reply, b"", memoryview(data)
        self._send()
        try:
            return await reply
        finally:
            timer.cancel()
            self._reply = None
            if reply.cancelled():
                self.close()

    def close(self) -> None:
        """Ends the connection at once."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._fail(error)
            return
        if self._unsent:
            self._loop.add_writer(self._socket, self._send)
        else:
            self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65_536)
            self._received += data
            if self._reply is None or self._reply.done():
                self.close()  # idle connections end so, some with last words such as 408
                return
            if len(self._received) > MAX_REPLY_BYTES:
                raise ValueError("too long")
            reply = parse(self._received, ended=not data)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            self._fail(error)
            return
        except ValueError:
            self._fail(ConnectionError("the reply is not HTTP/1.1"))
            return
        if reply:
            if reply.is_last or self._unsent:
                self.close()
            self._reply.set_result(reply)
        elif not data:
            self._fail(ConnectionResetError("the connection was closed before the reply"))

    def _fail(self, error: OSError) -> None:
        self.close()
        if self._reply and not self._reply.done():
            self._reply.set_exception(error)


def parse(data: bytes, ended: bool) -> Reply | None:
    """The reply that `data` begins with: None when more is needed, ValueError when it is none.

    `ended` says that no more will come. A reply whose body is cut off then still says what its status is.
    """
    for _ in range(MAX_INTERIM_REPLIES + 1):
        head, blank_line, rest = data.partition(b"\r\n\r\n")
        if not blank_line:
            return None
        start, *lines = head.lower().split(b"\r\n")
        version, code = start.split(b" ", 2)[:2]
        status = int(code)
        if not version.startswith(b"http/1."):
            raise ValueError(version)
        if status >= 200:
            break
        data = rest
    else:
        raise ValueError("too many interim replies")

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
