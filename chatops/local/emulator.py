"""`python -m chatops.local.emulator`: MiniStack, which no web page reaches.

MiniStack takes what carries the name of the root's key for the root's, wherever it comes from, and whoever may create
a function runs code as the user. A page anywhere can send such a request: the key's name in the query and a body of
text need no permission of the browser. But the browser adds where the request comes from, and that is looked at here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from typing import Any

from .front.address import is_local_host

HOST = "127.0.0.1"
ADMITTED = "x-chatops-admitted"
"""The header by which the front says that it has looked at a browser's request already.

A page can set it only where it may set any header at all: on its own origin, which no page shares with MiniStack, or
after a question to MiniStack (a preflight) that comes without the header and is refused.
"""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Coroutine[Any, Any, None]]


def environment(port: int) -> dict[str, str]:
    """The settings of MiniStack: IAM enforced, and nothing but this port of the loopback address is opened.

    Its MQTT broker (`IOT_MTLS_ENABLED`) listens on every address, whatever `BIND_HOST` says, so it stays off.
    """
    return {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "AUTH": "true", "IOT_MTLS_ENABLED": "false"}


def guarded(app: App) -> App:
    """An ASGI application to which every request and every handshake of a web page is forbidden."""

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_admitted(scope["headers"]):
            headers = [one for one in scope.get("headers", ()) if one[0].lower() != ADMITTED.encode()]
            await app({**scope, "headers": headers}, receive, send)
        elif scope["type"] == "websocket":
            # Before the handshake is accepted, this is a 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    return guard


def is_admitted(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine as its host, and comes from no web page or by way of the front.

    Browsers send `Sec-Fetch-Site: none` with what a person typed or opened from a bookmark, and no page can.
    """
    given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    if not is_local_host(given.get("host")):
        return False
    return ADMITTED in given or ("origin" not in given and given.get("sec-fetch-site", "none") == "none")


def main(arguments: list[str]) -> None:
    """Runs MiniStack at a port until it is told to end."""
    parser = argparse.ArgumentParser(prog="chatops.local.emulator", description="MiniStack, which no web page reaches.")
    parser.add_argument("--port", type=int, required=True)
    os.environ.update(environment(parser.parse_args(arguments).port))
    # It reads its environment when it is imported, its command line when it starts, and then serves `app`.
    sys.argv = ["ministack"]
    import ministack.app as ministack  # type: ignore[import-untyped]

    ministack.app = guarded(ministack.app)
    ministack.main()


if __name__ == "__main__":
    main(sys.argv[1:])
