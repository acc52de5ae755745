"""The front as a process: its port, its parts, its end."""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..keys import LocalKeys
from . import http
from .aws import LocalAws
from .caller import Callers
from .catalog import Catalog
from .connection import Connections
from .gateway import Gateway
from .http_api import HttpApis, encoded
from .integration import Integrations
from .management import Management
from .permission import Permissions
from .quotas import Quotas
from .request import Request, Response
from .websocket import GOING_AWAY, WebSocket

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LONGEST_HEAD = 64 * 1024
BEGINNING = 10.0
"""Seconds that a client has to send the head of its first request."""

ENDING = 3.0
"""Seconds for which the end waits until clients and $disconnect functions are told of it."""


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    port: int
    endpoint_url: str
    region: str
    keys: LocalKeys
    folder: Path | None = None
    time_scale: float = 1.0
    drop_disconnects: bool = False
    integration_timeout: float = 29.0


class Front:
    """All parts of the front, put together."""

    def __init__(self, options: Options) -> None:
        self._quotas = Quotas().scaled(options.time_scale)
        self._aws = LocalAws(options.endpoint_url, options.region, options.keys)
        self._connections = Connections()
        self._catalog = Catalog(self._aws, options.folder, self._connections.end_stage)
        permissions, callers = Permissions(self._aws), Callers(self._aws)
        self._gateway = Gateway(
            self._catalog,
            Integrations(self._aws, permissions, options.integration_timeout),
            callers,
            permissions,
            self._connections,
            drop_disconnects=options.drop_disconnects,
        )
        self._management = Management(self._catalog, callers, permissions, self._connections)
        self._http_apis = HttpApis(self._catalog)
        self._port = options.port
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then tells every client that it goes away."""
        watching = asyncio.create_task(self._catalog.watch())
        server = await asyncio.start_server(self._serve, HOST, self._port, limit=LONGEST_HEAD, backlog=1024)
        log.info("listening on http://%s:%d, before the local AWS at %s", HOST, self._port, self._aws.endpoint_url)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for connection in self._connections.all():
            if connection.socket:
                connection.socket.close(*GOING_AWAY)
        if self._clients:
            await asyncio.wait(self._clients, timeout=ENDING)
        self._aws.close()
        for task in (watching, stopping):
            task.cancel()
        if not stop.is_set():
            await watching

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Tells WebSocket handshakes from other requests by their head, which both protocols then read themselves."""
        task = asyncio.current_task()
        assert task
        try:
            head = encoded(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), BEGINNING))
            if is_handshake(head):
                self._clients.add(task)
                await WebSocket(self._gateway, self._quotas, reader, writer).run(head)
            else:
                await http.serve(head, self._answer, reader, writer)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        except asyncio.CancelledError:
            pass  # At the end of the process, where asyncio would log a traceback for every client.
        finally:
            self._clients.discard(task)
            with suppress(OSError):
                writer.close()

    async def _answer(self, request: Request) -> Response:
        if await self._http_apis.has(request):
            return await self._http_apis.answer(request)
        return await self._management.answer(request)


def is_handshake(head: bytes) -> bool:
    """Whether the head of a request asks for a WebSocket."""
    lines = head.lower().split(b"\r\n")
    return lines[0].startswith(b"get ") and any(
        line.startswith(b"upgrade:") and b"websocket" in line for line in lines[1:]
    )
