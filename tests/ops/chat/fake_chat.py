"""A chat server in this process, which fails when it is told to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chatops.ops.chat.line import Times

PATIENCE = 20.0
QUICK = Times(answer=0.4, first_delay=0.02, longest_delay=0.05, overlap=0.3)
INTERNAL = {"message": "Internal server error", "connectionId": "A=", "requestId": "r"}
REFUSED = {"error": "MessageTooLarge", "message": "too large", "requestId": "r"}


@dataclass
class FakeChat:
    """A chat that broadcasts, in this process. `handle` may take a message instead; a handshake may be refused."""

    received: list[str] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    open: set[ServerConnection] = field(default_factory=set)
    pings: int = 0
    answers_pings: bool = True
    refusals: int = 0
    admit: Callable[[ServerConnection, Any], Awaitable[Any]] | None = None
    handle: Callable[[ServerConnection, str], Awaitable[None]] | None = None
    server: Server | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/demo"

    async def start(self) -> None:
        self.server = await serve(self._serve, "127.0.0.1", self.port, process_request=self._admit, close_timeout=0.5)
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Dies: every connection breaks, and no new one is taken."""
        assert self.server
        for one in self.open:
            one.transport.abort()
        self.server.close()
        await self.server.wait_closed()

    async def broadcast(self, text: str) -> None:
        for one in list(self.open):
            with suppress(ConnectionClosed):
                await one.send(text)

    async def _admit(self, connection: ServerConnection, request: Any) -> Any:
        if self.refusals:
            self.refusals -= 1
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        return await self.admit(connection, request) if self.admit else None

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        self.open.add(connection)
        try:
            async for frame in connection:
                if frame == "ping":
                    self.pings += 1
                    if self.answers_pings:
                        await connection.send("pong")
                    continue
                message = json.loads(frame)["message"]
                self.received.append(message)
                await (self.handle(connection, message) if self.handle else self.broadcast(message))
        finally:
            self.open.discard(connection)
