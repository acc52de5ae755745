"""What must hold whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.local.front.connection import Connection, Connections
from chatops.local.front.gateway import Gateway
from chatops.local.front.quotas import OUTBOUND
from chatops.local.front.request import Request, Response


class Client:
    """A client's side, of which so many bytes are not taken yet."""

    is_open = True

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        self.sent.append(text)

    def close(self, code: int, reason: str = "") -> None: ...


class Broken:
    """A catalog with a mistake in it."""

    @property
    def stages(self) -> Any:
        raise RuntimeError("a mistake")

    async def find_fresh(self, _: object) -> Any:
        raise RuntimeError("a mistake")


def gateway(catalog: Any) -> Gateway:
    none: Any = None
    return Gateway(catalog, none, none, none, Connections())


def connected(client: Client) -> Connection:
    return Connection("api", "demo", "localhost", {}, socket=client)


def test_a_mistake_of_ours_is_an_internal_server_error_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    asyncio.run(gateway(Broken()).message(connected(client), "hello"))
    assert "Internal server error" in client.sent[0]
    assert "a mistake" in caplog.text


def test_a_mistake_of_ours_refuses_a_handshake_with_500() -> None:
    request = Request("GET", "/demo", [("Host", "localhost:4510")], "127.0.0.1")
    refused = asyncio.run(gateway(Broken()).connect(request))
    assert isinstance(refused, Response) and refused.status == 500


def test_an_error_is_told_to_a_client_that_reads_and_not_kept_for_one_that_does_not() -> None:
    empty = SimpleNamespace(stages={})
    for waiting, told in ((OUTBOUND, 1), (OUTBOUND + 1, 0)):
        client = Client(waiting)
        asyncio.run(gateway(empty).message(connected(client), "hello"))
        assert len(client.sent) == told
