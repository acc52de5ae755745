"""The front as a process: its port, its parts, its end."""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from .quotas import REQUEST_BODY, Quotas
from .request import Request, Response, as_json
from .tls import HELLO, Tls
from .websocket import CLOSING, GOING_AWAY, WebSocket

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ENDING = 3.0
"""Seconds for which the end waits until clients and $disconnect functions are told of it.

Half of them are for clients to answer the close frame. What has not is cut off, and its $disconnect has the other half.
"""

MAX_UPLOAD_BYTES = 32 * 1024 * 1024
"""The request bodies that HTTP APIs may hold in memory at the same time, and as much for @connections."""


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
    certificate: Path | None = None


class Reader(StreamReader):
    """A reader that gives everything the client sent before it reset the connection, and then the end of the stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int = http.MAX_HEAD_BYTES) -> None:
        super().__init__(limit, loop)
        self.first: asyncio.Future[bytes] = loop.create_future()
        """The first byte, which stays to be read; empty where there is none."""

    def feed_data(self, data: Any) -> None:
        if not self.first.done():
            self.first.set_result(data[:1])
        super().feed_data(data)

    def feed_eof(self) -> None:
        if not self.first.done():
            self.first.set_result(b"")
        super().feed_eof()

    def set_exception(self, exc: BaseException) -> None:
        """Ends the stream, where a StreamReader throws away what has not been read from it."""
        log.info("a connection broke: %s", exc)
        self.feed_eof()


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
        self._management = Management(
            self._catalog, callers, permissions, self._connections, http.Memory(MAX_UPLOAD_BYTES)
        )
        self._http_apis = HttpApis(self._catalog)
        self._http_api = http.Handler(
            self._http_apis.answer,
            REQUEST_BODY,
            as_json(413, {"message": "Request Too Long"}),
            http.Memory(MAX_UPLOAD_BYTES),
        )
        self._port = options.port
        self._tls = Tls(options.certificate, self._protocol)
        self._clients: dict[asyncio.Task[None], StreamWriter] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then tells every client that it goes away."""
        watching = asyncio.create_task(self._catalog.watch())
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._protocol, HOST, self._port, backlog=1024)
        log.info("listening on http://%s:%d, before the local AWS at %s", HOST, self._port, self._aws.endpoint_url)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for connection in self._connections.all():
            if connection.socket:
                connection.socket.close(*GOING_AWAY)
        if self._clients:
            await asyncio.wait(self._clients, timeout=ENDING / 2)
        for writer in self._clients.values():
            writer.transport.abort()
        if self._clients:
            await asyncio.wait(self._clients, timeout=ENDING / 2)
        self._aws.close()
        for task in (watching, stopping):
            task.cancel()
        if not stop.is_set():
            await watching

    def _protocol(self) -> StreamReaderProtocol:
        loop = asyncio.get_running_loop()
        return StreamReaderProtocol(Reader(loop), self._serve, loop=loop)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Tells WebSocket handshakes from other requests by their head, which both protocols then read themselves."""
        task = asyncio.current_task()
        assert task and isinstance(reader, Reader)
        try:
            if await asyncio.wait_for(asyncio.shield(reader.first), http.HEAD_SECONDS) == HELLO:
                self._clients[task] = writer
                await self._tls.serve(reader, writer)
                return
            head = await _head(reader)
            if head is None:
                await http.refuse(http.HEAD_TOO_LARGE, reader, writer)
            elif is_handshake(head):
                self._clients[task] = writer
                await WebSocket(self._gateway, self._quotas, reader, writer).run(head)
            else:
                await http.serve(head, self._find, reader, writer)
        except asyncio.IncompleteReadError:
            pass  # Nothing, or not even a head: browsers connect in advance.
        except asyncio.TimeoutError:
            log.info("a client has not sent a request within %d seconds", http.HEAD_SECONDS)
        except OSError as error:
            log.info("a client's connection broke: %s", error)
        except asyncio.CancelledError:
            pass  # At the end of the process, where asyncio would log a traceback for every client.
        except Exception:
            log.exception("a client's connection is closed because of an internal error")
        finally:
            self._clients.pop(task, None)
            writer.close()
            if writer.transport.get_write_buffer_size():  # which a client that never reads would keep for ever
                asyncio.get_running_loop().call_later(CLOSING, writer.transport.abort)

    async def _find(self, request: Request) -> http.Handler | Response:
        """What answers a request that is not a handshake, by its head."""
        refusal = self._management.refuse_foreign(request)
        if refusal:
            return refusal
        return self._http_api if await self._http_apis.has(request) else await self._management.find(request)


async def _head(reader: StreamReader) -> bytes | None:
    """The head of a connection's first request; nothing where it is too large."""
    try:
        return encoded(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), http.HEAD_SECONDS))
    except asyncio.LimitOverrunError:
        return None


def is_handshake(head: bytes) -> bool:
    """Whether the head of a request asks for a WebSocket."""
    lines = head.lower().split(b"\r\n")
    return lines[0].startswith(b"get ") and any(
        line.startswith(b"upgrade:") and b"websocket" in line for line in lines[1:]
    )
