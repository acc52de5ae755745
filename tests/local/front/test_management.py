"""Whose connection a request means that names a stage and no API, as handlers do that post to the domain name."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.local.front import http
from chatops.local.front.catalog import Catalog
from chatops.local.front.connection import Connection, Connections
from chatops.local.front.deployment import Deployment, Stage
from chatops.local.front.errors import forbidden
from chatops.local.front.management import Management
from chatops.local.front.request import Request, Response

ARN = "arn:aws:execute-api:eu-west-1:000000000000:"
GONE = "L0SM9cOFvHcCIhw="


class Client:
    """A client's side of a connection."""

    is_open, waiting = True, 0

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        self.sent.append(text)

    def close(self, code: int, reason: str = "") -> None: ...


class World:
    """Two APIs that both have a stage `demo`, and a caller who may manage the connections of one of them."""

    def __init__(self, may: str) -> None:
        none: Any = SimpleNamespace(endpoint_url="", forward_header={})
        catalog, self.connections = Catalog(none, None, lambda *_: None), Connections()
        catalog.stages = {
            (api, "demo"): Stage(api, "demo", Deployment("d", "$request.body.action", {}), ARN)
            for api in ("one", "two")
        }

        async def identify(_: object) -> Any:
            return SimpleNamespace(arn="arn:aws:iam::000000000000:role/x")

        async def may_manage(_: object, action: str, arn: str) -> bool:
            return action == "execute-api:ManageConnections" and arn.startswith(f"{ARN}{may}/demo/")

        async def check_key(request: Request) -> None:
            if not request.header("authorization"):
                raise forbidden("no key")

        async def refresh() -> None:
            self.looks += 1
            catalog.stages = {**catalog.stages, ("one", "new"): Stage("one", "new", Deployment("d", "", {}), ARN)}

        self.looks = 0
        catalog.refresh = refresh  # type: ignore[method-assign, assignment]
        callers: Any = SimpleNamespace(identify=identify, check_key=check_key)
        permissions: Any = SimpleNamespace(may=may_manage)
        self._management = Management(catalog, callers, permissions, self.connections, http.Memory(1000))

    def connect(self, api: str) -> tuple[str, Client]:
        client, connection = Client(), Connection(api, "demo", "localhost:4510", {})
        self.connections.add(connection, client)
        return connection.id, client

    def post(self, path: str) -> Response:
        request = Request("POST", path, [("Host", "localhost:4510")], "127.0.0.1", body=b"hello")
        return asyncio.run(self._management.answer(request))

    def is_found(self, path: str, *headers: tuple[str, str]) -> bool:
        request = Request("POST", path, [("Host", "localhost:4510"), *headers], "127.0.0.1")
        return not isinstance(asyncio.run(self._management.find(request)), Response)


@pytest.mark.parametrize("api", ["one", "two"])
def test_a_post_without_an_api_reaches_the_connection_whatever_its_api(api: str) -> None:
    world = World(may=api)
    other, _ = world.connect("two" if api == "one" else "one")
    connection_id, client = world.connect(api)
    assert world.post(f"/demo/@connections/{connection_id}").status == 200
    assert client.sent == ["hello"]
    assert world.post(f"/demo/@connections/{other}").status == 403, "which is another API's"


def test_a_connection_that_is_gone_is_410_to_who_may_manage_those_of_any_such_stage() -> None:
    gone = World(may="two").post(f"/demo/@connections/{GONE}")
    assert (gone.status, gone.headers["x-amzn-ErrorType"]) == (410, "GoneException")
    assert World(may="none").post(f"/demo/@connections/{GONE}").status == 403


def test_a_stage_that_was_deployed_just_now_is_looked_for_by_holders_of_a_key_alone() -> None:
    world, signed = World(may="one"), ("Authorization", "AWS4-HMAC-SHA256 x")
    path = f"/one/new/@connections/{GONE}"
    assert not world.is_found(path)
    assert not world.is_found("/one/new", signed)
    assert world.looks == 0
    assert world.is_found(path, signed)
    assert world.looks == 1
    assert not world.is_found(f"/one/prod/@connections/{GONE}", signed)


def test_a_stage_that_no_api_has_is_forbidden() -> None:
    assert World(may="one").post(f"/prod/@connections/{GONE}").status == 403
