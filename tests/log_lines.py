"""Lines as functions and Lambda write them."""

from __future__ import annotations

import json

CONNECT, SEND, GONE = "websocket-connect", "websocket-send", "websocket-disconnect"
REPORT = (
    "REPORT RequestId: {}\tDuration: 70.61 ms\tBilled Duration: 71 ms\tMemory Size: 512 MB\tMax Memory Used: 84 MB\t"
    "Init Duration: 312.00 ms\t\n"
)


def said(event: str, connection: str, **more: object) -> str:
    return json.dumps({"event": event, "connectionId": connection, **more})


def invocation(request: str, *lines: str) -> list[str]:
    start, end = f"START RequestId: {request} Version: $LATEST\n", f"END RequestId: {request}\n"
    return [start, *lines, end, REPORT.format(request)]
