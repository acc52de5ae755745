"""The network between a browser and everything else, which can go away."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Network:
    """A SOCKS proxy on a free loopback port: https://www.rfc-editor.org/rfc/rfc1928."""

    def __init__(self) -> None:
        self.works = threading.Event()
        self.works.set()
        self.sockets: list[socket.socket] = []
        network = self

        class Tunnel(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    network.carry(self.request)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def options(self) -> dict[str, Any]:
        """What a browser's context needs to have this network and no other."""
        return {"proxy": {"server": f"socks5://127.0.0.1:{self.server.server_address[1]}", "bypass": "<-loopback>"}}

    def carry(self, near: socket.socket) -> None:
        """Connects one socket to where it asks to be, and carries what both say."""
        if not self.works.is_set():
            self.works.wait()
            return
        _, methods = near.recv(2, socket.MSG_WAITALL)
        near.recv(methods, socket.MSG_WAITALL)
        near.sendall(b"\x05\x00")
        *_, kind, length = near.recv(5, socket.MSG_WAITALL)
        assert kind == 3, "a browser asks for a name"
        host = near.recv(length, socket.MSG_WAITALL).decode()
        port = int.from_bytes(near.recv(2, socket.MSG_WAITALL), "big")
        if host != "127.0.0.1":  # a browser has errands of its own
            return
        with socket.create_connection((host, port)) as far:
            near.sendall(b"\x05\x00\x00\x01" + bytes(6))
            self.sockets += [near, far]
            back = threading.Thread(target=self.copy, args=(far, near))
            back.start()
            self.copy(near, far)
            back.join()

    def copy(self, source: socket.socket, to: socket.socket) -> None:
        """Carries one direction. What is said while the network is away is lost, and nobody is told."""
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.works.is_set():
                    to.sendall(data)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Carries nothing until the block ends. What was connected before then never works again."""
        self.works.clear()
        try:
            yield
        finally:
            self.drop()
            self.works.set()

    def drop(self) -> None:
        while self.sockets:
            with suppress(OSError):
                self.sockets.pop().shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self.drop()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
