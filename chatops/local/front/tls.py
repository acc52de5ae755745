"""TLS at the port that also speaks plain HTTP: what a client encrypts is decrypted, and served as anything else is."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from asyncio import AbstractEventLoop, BaseProtocol, StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

log = logging.getLogger(__name__)

HELLO = b"\x16"
"""The first byte of a TLS connection, with which no HTTP request begins.

https://www.rfc-editor.org/rfc/rfc8446#section-5.1
"""
HANDSHAKE_SECONDS = 10.0
CHUNK = 64 * 1024


class Tls:
    """Decrypts with the certificate and key in a file, which is read for the first client that needs it."""

    def __init__(self, certificate: Path | None, protocol: Callable[[], BaseProtocol]) -> None:
        self._certificate, self._protocol = certificate, protocol

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate or "")
        return context

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve what a client sends inside TLS until one side ends. Raise OSError where there is no certificate."""
        loop = asyncio.get_running_loop()
        context = self._context
        near, far = socket.socketpair()
        inner_reader, inner_writer = await asyncio.open_connection(sock=near)
        tasks = [
            asyncio.create_task(self._accept(loop, far, context)),
            asyncio.create_task(_copy(reader, inner_writer)),
        ]
        try:
            # Which ends when the inner connection does, or never came about, whatever the client still sends.
            await _copy(inner_reader, writer)
        finally:
            for task in tasks:
                task.cancel()
            inner_writer.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, loop: AbstractEventLoop, far: socket.socket, context: ssl.SSLContext) -> None:
        try:
            await loop.connect_accepted_socket(
                self._protocol, far, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as error:  # ssl.SSLError is one
            log.info("a TLS handshake failed: %s", error)
            far.close()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on what arrives, and then the end of it."""
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
