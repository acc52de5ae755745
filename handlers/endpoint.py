"""Where a stage of a WebSocket API takes posts, and the HTTP connections that lead there."""

import asyncio
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit

import http1
from sigv4 import Signer

CONNECT_TIMEOUT = 3.0
"""Seconds, for TCP and TLS together."""
KEEP_ALIVE = 20.0
"""Seconds for which a connection is kept from one broadcast to the next. One that a firewall forgot swallows posts."""


class Endpoint:
    """Where one stage of a WebSocket API takes posts to its connections. Keep it for the life of the process.

    It owns an event loop, because the HTTP connections that it keeps open from one broadcast to the next belong to one.
    """

    def __init__(self, url: str, credentials: Any, region: str) -> None:
        """Takes the stage's URL, with http or https, and botocore credentials."""
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secure else 80)
        self._folder = parts.path.rstrip("/") + "/@connections/"
        self._signer = Signer(credentials, region, parts.netloc, self._folder)
        self.loop = asyncio.new_event_loop()
        self.stalled: dict[str, float] = {}
        """Connections whose clients did not read lately, with the time when that was found."""
        self._idle: list[tuple[float, http1.Connection]] = []

    def close(self) -> None:
        """Closes what is kept open. Lambda never asks for it: it ends the process."""
        for _, http in self._idle:
            http.close()
        self.loop.close()

    def request(self, connection_id: str, message: bytes, message_sha256: str) -> bytes:
        """A signed HTTP request that posts the message."""
        name = quote(connection_id, safe="")
        head = f"POST {self._folder}{name} HTTP/1.1\r\ncontent-length: {len(message)}\r\n"
        return f"{head}{self._signer.headers(name, message_sha256)}\r\n".encode() + message

    async def addresses(self) -> list[http1.Address]:
        """The host's addresses, of the family that the system prefers."""
        found = await self.loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return [(family, place) for family, _, _, _, place in found if family == found[0][0]]

    async def connect(self, address: http1.Address) -> http1.Connection:
        """A new HTTP connection to one of the host's addresses."""
        return await http1.connect(address, self._host if self._is_secure else None, CONNECT_TIMEOUT)

    def take(self) -> http1.Connection | None:
        """An HTTP connection that an earlier broadcast left open, if there is one."""
        while self._idle:
            since, http = self._idle.pop()
            # Not the monotonic clock: it may stand still while Lambda freezes the process, the other end does not.
            if http.is_open and time.time() - since < KEEP_ALIVE:
                return http
            http.close()
        return None

    def keep(self, http: http1.Connection) -> None:
        """Leaves an HTTP connection open for the next broadcast."""
        self._idle.append((time.time(), http))
