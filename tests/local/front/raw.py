"""A WebSocket client on a bare socket, which decides by itself what it reads and how its TCP connection ends."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER's value by which close() resets the connection."""


class RawClient:
    """A client of this URL. `receive_buffer` makes the system keep no more than about so many bytes for it."""

    def __init__(self, url: str, receive_buffer: int | None = None, *, accepted: bool = True) -> None:
        """Connects, and waits until the handshake is accepted, unless told not to."""
        uri = parse_uri(url)
        self.protocol = ClientProtocol(uri)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect((uri.host, uri.port))
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        if accepted:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self.socket.recv(1)
            self.protocol.receive_data(head)
            assert self.protocol.handshake_exc is None, head

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def flush(self) -> None:
        """Sends everything that the protocol was asked to send, in one packet if it fits."""
        self.socket.sendall(b"".join(self.protocol.data_to_send()))

    def send(self, text: str) -> None:
        self.protocol.send_text(text.encode())
        self.flush()

    def receive(self) -> bytes:
        """Everything that comes until the server ends the stream."""
        return b"".join(iter(lambda: self.socket.recv(65_536), b""))

    def end_stream(self) -> None:
        """FIN: nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: both directions end at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()
