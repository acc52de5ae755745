"""What is live, and where it is found."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chatops.local.front.address import Address
from chatops.local.front.catalog import Catalog
from chatops.local.front.connection import new_id
from chatops.local.front.errors import Refused

from .behaviours.connections import post
from .chats import STAGE, Chat, Route, Shape, add_route, client, deploy
from .processes import front
from .targets import ChatopsTarget

pytestmark = pytest.mark.e2e

FEW = Shape((Route("$connect"), Route("$default")))


def route_of(chat: Chat, action: str) -> str:
    with chat.join() as joined:
        joined.say(action=action)
        return str(chat.sink.event("MESSAGE", joined.id)["requestContext"]["routeKey"])


def redeploy(aws: str, chat: Chat) -> None:
    gateway = client("apigatewayv2", aws)
    deployment = gateway.create_deployment(ApiId=chat.api_id)["DeploymentId"]
    gateway.update_stage(ApiId=chat.api_id, StageName=STAGE, DeploymentId=deployment)


def eventually(happens: Callable[[], bool], limit: float = 20.0) -> bool:
    deadline = time.monotonic() + limit
    while not happens():
        if time.monotonic() > deadline:
            return False
    return True


class Looked:
    """A local AWS whose answers a test supplies, one for each read."""

    endpoint_url, forward_header = "", ("", "")

    def __init__(self) -> None:
        self.looks = 0
        self.answers: asyncio.Queue[Any] = asyncio.Queue()

    async def read(self, look: object, api_id: str | None) -> dict[tuple[str, str], Any]:
        self.looks += 1
        await asyncio.sleep(0)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return {(one, "demo"): SimpleNamespace(api_id=one, name="demo") for one in answer}


Ask = Callable[[Any, Catalog], Coroutine[Any, Any, None]]


def asked(ask: Ask) -> None:
    """Run a test with a catalog that reads from `Looked`."""

    async def run() -> None:
        aws: Any = Looked()
        await ask(aws, Catalog(aws, None, lambda *_: None))

    asyncio.run(run())


def test_waiting_handshakes_share_one_read() -> None:
    async def ask(aws: Any, catalog: Catalog) -> None:
        for _ in range(50):
            aws.answers.put_nowait([])
        finding = (catalog.find_fresh(Address("none", "demo")) for _ in range(50))
        found = await asyncio.gather(*finding, return_exceptions=True)
        assert {type(one) for one in found} == {Refused}
        assert 1 <= aws.looks <= 2

    asked(ask)


def test_a_deployment_during_a_read_is_seen_by_the_next_read() -> None:
    async def ask(aws: Any, catalog: Catalog) -> None:
        looking = asyncio.create_task(catalog.refresh("new", older_than=0.0))
        await asyncio.sleep(0)
        finding = asyncio.create_task(catalog.find_fresh(Address("new", "demo")))
        await asyncio.sleep(0)
        aws.answers.put_nowait([])
        await looking
        aws.answers.put_nowait(["new"])
        assert (await finding).api_id == "new"

    asked(ask)


def test_a_read_that_failed_is_not_shared() -> None:
    async def ask(aws: Any, catalog: Catalog) -> None:
        failed = ClientError({"Error": {"Code": "x"}}, "GetApis")
        first, second = (asyncio.create_task(catalog.find_fresh(Address("new", "demo"))) for _ in range(2))
        aws.answers.put_nowait(failed)
        aws.answers.put_nowait(["new"])
        assert (await second).api_id == "new"
        with pytest.raises(Refused):
            await first

    asked(ask)


def test_a_route_is_live_for_clients_that_are_connected_once_it_is_deployed(target: ChatopsTarget) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html"""
    chat = target.chat(FEW)
    with chat.join() as joined:
        add_route(target.aws, chat.api_id, chat.function, Route("new", two_way=True))
        redeploy(target.aws, chat)
        time.sleep(0.06)
        joined.say(action="new", body="here")
        assert joined.hears() == "here"


def test_a_route_that_is_taken_away_is_gone_for_them_soon(target: ChatopsTarget) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html"""
    chat = target.chat(Shape((Route("$connect"), Route("ask", two_way=True)), "$request.body.taken"))
    gateway = client("apigatewayv2", target.aws)
    with chat.join() as joined:
        joined.say(taken="ask", body="here")
        assert joined.hears() == "here"
        routes = {route["RouteKey"]: route["RouteId"] for route in gateway.get_routes(ApiId=chat.api_id)["Items"]}
        gateway.delete_route(ApiId=chat.api_id, RouteId=routes["ask"])
        redeploy(target.aws, chat)

        def is_forbidden() -> bool:
            joined.say(taken="ask", body="here")
            return "Forbidden" in joined.hears()

        assert eventually(is_forbidden)


@pytest.mark.slow
def test_a_route_that_is_not_deployed_stays_so_when_the_front_starts_again(
    target: ChatopsTarget, tmp_path: Path
) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html"""
    options = ("--state-dir", str(tmp_path / "state"))
    with front(target.aws, tmp_path, *options) as url:
        chat = deploy(target.aws, FEW, target.sink, url + "/{api}")
        assert route_of(chat, "later") == "$default"
        add_route(target.aws, chat.api_id, chat.function, Route("later"))
    with front(target.aws, tmp_path, *options) as url:
        again = replace(chat, url=f"ws{url.removeprefix('http')}/{chat.api_id}/{STAGE}")
        assert route_of(again, "later") == "$default"
        redeploy(target.aws, chat)
        assert eventually(lambda: route_of(again, "later") == "later")


@pytest.mark.slow
def test_the_snapshots_of_an_api_go_with_it(target: ChatopsTarget, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with front(target.aws, tmp_path, "--state-dir", str(folder)) as url:
        chat = deploy(target.aws, FEW, target.sink, url + "/{api}")
        assert eventually(lambda: bool(list(folder.glob(f"{chat.api_id}.*"))))
        client("apigatewayv2", target.aws).delete_api(ApiId=chat.api_id)
        assert eventually(lambda: not list(folder.glob(f"{chat.api_id}.*")))


def test_a_stage_with_auto_deploy_serves_the_routes_as_they_are(target: ChatopsTarget) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html"""
    chat = deploy(target.aws, FEW, target.sink, target.url + "/{api}")
    client("apigatewayv2", target.aws).update_stage(ApiId=chat.api_id, StageName=STAGE, AutoDeploy=True)
    add_route(target.aws, chat.api_id, chat.function, Route("new"))
    assert route_of(chat, "new") == "new"


def test_a_stage_to_which_nothing_is_deployed_is_refused(target: ChatopsTarget) -> None:
    gateway = client("apigatewayv2", target.aws)
    api = gateway.create_api(Name="empty", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    gateway.create_stage(ApiId=api["ApiId"], StageName="bare")
    empty = Chat(f"ws{target.url.removeprefix('http')}/{api['ApiId']}/bare", "", target.sink)
    with pytest.raises(InvalidStatus) as refused, empty.open():
        pass
    assert refused.value.response.status_code == 403


def test_a_stage_is_found_by_its_name_alone_unless_there_are_several(target: ChatopsTarget, chat: Chat) -> None:
    gateway = client("apigatewayv2", target.aws)
    deployment = gateway.create_deployment(ApiId=chat.api_id)["DeploymentId"]
    gateway.create_stage(ApiId=chat.api_id, StageName="only-here", DeploymentId=deployment)
    address = "ws" + target.url.removeprefix("http")
    open_stage = replace(chat, url=f"{address}/only-here")
    with pytest.raises(InvalidStatus) as status, open_stage.open():
        pass
    # Its function may be invoked for the stage `demo` only: it was found.
    assert status.value.response.status_code == 500
    target.chat(FEW)
    with pytest.raises(InvalidStatus) as refused, replace(chat, url=f"{address}/{STAGE}").open():
        pass
    assert refused.value.response.status_code == 400
    assert f"/{chat.api_id}/{STAGE}" in json.loads(refused.value.response.body)["message"]


def test_a_backend_may_leave_the_api_out_too(target: ChatopsTarget, tmp_path: Path) -> None:
    shape = Shape((Route("$connect"), Route("$default")), "$request.body.left_out")
    chat = target.chat(shape)
    gateway = client("apigatewayv2", target.aws)
    deployment = gateway.get_stage(ApiId=chat.api_id, StageName=STAGE)["DeploymentId"]
    gateway.create_stage(ApiId=chat.api_id, StageName="alone", DeploymentId=deployment)
    with chat.join():
        management = client("apigatewaymanagementapi", f"{target.url}/alone")
        with pytest.raises(management.exceptions.GoneException):
            management.get_connection(ConnectionId=new_id())
        with pytest.raises(management.exceptions.ClientError, match="Invalid connectionId: nobody="):
            management.get_connection(ConnectionId="nobody=")


@pytest.mark.parametrize("operation", ["delete_stage", "delete_api"])
def test_the_connections_of_a_stage_that_is_deleted_are_closed(target: ChatopsTarget, operation: str) -> None:
    shape = Shape((Route("$default"),), f"$request.body.{operation}")
    chat, gateway = target.chat(shape), client("apigatewayv2", target.aws)
    kept = target.chat(FEW)
    with chat.open() as doomed, kept.join() as other:
        if operation == "delete_api":
            gateway.delete_api(ApiId=chat.api_id)
        else:
            gateway.delete_stage(ApiId=chat.api_id, StageName=STAGE)
        with pytest.raises(ConnectionClosed) as closed:
            doomed.recv(timeout=10)
        assert closed.value.rcvd and closed.value.rcvd.code == 1001
        assert post(kept, other.id) == "200"
