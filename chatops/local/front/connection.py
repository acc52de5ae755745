"""An open WebSocket connection, and all of them."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

ID = re.compile(r"[\w-]{15}=", re.ASCII)
"""What a connection's id looks like."""


def new_id() -> str:
    """An id of a connection, a request or a message: 15 URL-safe characters and a `=`, the time first, like AWS's."""
    return base64.urlsafe_b64encode(int(time.time()).to_bytes(4, "big") + os.urandom(7)).decode()


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


class Socket(Protocol):
    """The client's side of a connection."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""

    @property
    def waiting(self) -> int:
        """Bytes that are sent and that the client has not taken yet."""

    def send(self, text: str) -> None:
        """Sends a text message."""

    def close(self, code: int, reason: str = "") -> None:
        """Closes the connection with a WebSocket close code."""


@dataclass(eq=False)
class Connection:
    """What is known of a client. Times are milliseconds since the epoch, as in events.

    `identity` is what an event tells of the client: its address, its user agent, and who signed, if somebody did.
    """

    api_id: str
    stage: str
    host: str
    identity: Mapping[str, str | None]
    id: str = field(default_factory=new_id)
    connected_at: int = field(default_factory=now)
    last_active_at: int = 0
    socket: Socket | None = None

    def touch(self) -> None:
        """Something came or went."""
        self.last_active_at = now()


class Connections:
    """The connections that are open: after the handshake, before the end."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection, socket: Socket) -> None:
        connection.socket = socket
        connection.touch()
        self._open[connection.id] = connection

    def remove(self, connection: Connection) -> None:
        self._open.pop(connection.id, None)
        connection.socket = None

    def get(self, api_id: str, stage: str, connection_id: str) -> Connection | None:
        """An open connection of this very stage."""
        found = self._open.get(connection_id)
        if found is None or (found.api_id, found.stage) != (api_id, stage):
            return None
        return found if found.socket and found.socket.is_open else None

    def api_of(self, stage: str, connection_id: str) -> str | None:
        """The API of an open connection to a stage of this name."""
        found = self._open.get(connection_id)
        return found.api_id if found and found.stage == stage else None

    def end_stage(self, api_id: str, stage: str) -> None:
        """Closes the connections of a stage that is gone."""
        for one in self.all():
            if (one.api_id, one.stage) == (api_id, stage) and one.socket:
                one.socket.close(1001, "Going away")

    def all(self) -> list[Connection]:
        return list(self._open.values())
