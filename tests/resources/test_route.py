"""Routes and their integrations: one per function, and nothing left over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chatops.deploy.resource import Change
from chatops.resources import route
from chatops.resources.live_api import Seen as LiveApi
from chatops.resources.stage import Stage

from .api_gateway import Seen, allowed, create, functions, gateway, known
from .stand import (
    Scripted,
    ScriptedAws,
    StandAws,
    client_error,
    differing,
    function,
    http_stage,
    plan,
    routes_to,
    up,
    websocket_stage,
)


@pytest.mark.e2e
def test_every_route_leads_to_its_function_by_one_integration_per_function(aws: StandAws) -> None:
    stage = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send", "sendMessage": "send"})
    up(aws, stage)
    seen = Seen(aws, stage)
    uris = {
        key: seen.integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        for key, route in seen.routes.items()
    }
    assert {key: uri.split(":function:")[1] for key, uri in uris.items()} == {
        "$connect": "connect/invocations",
        "$default": "send/invocations",
        "sendMessage": "send/invocations",
    }
    assert len(seen.integrations) == 2


@pytest.mark.e2e
@pytest.mark.parametrize("make", [websocket_stage, http_stage])
def test_a_removed_route_is_deleted_with_its_permission(aws: StandAws, make: Callable[..., Stage]) -> None:
    more = "more" if make is websocket_stage else "GET /more"
    up(aws, make(more))
    assert f"routes.{more}" in differing(aws, make())
    up(aws, make())
    seen = Seen(aws, make())
    assert more not in seen.routes
    assert len(seen.routes) == len(allowed(aws)) == 1
    assert plan(aws, make()).in_sync


@pytest.mark.e2e
def test_a_route_that_somebody_added_is_a_difference_and_goes(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    target = seen.routes["$connect"]["Target"]
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="backdoor", Target=target)
    assert differing(aws, stage) == ["routes.backdoor"]
    up(aws, stage)
    assert list(seen.routes) == ["$connect"]


@pytest.mark.e2e
def test_a_route_that_leads_to_another_function_is_moved_and_what_it_leaves_is_tidied(aws: StandAws) -> None:
    first = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send"})
    second = routes_to(first, **{"$connect": "connect", "$default": "connect"})
    up(aws, first)
    up(aws, second)
    seen = Seen(aws, second)
    assert len(seen.integrations) == 1
    assert allowed(aws) == []
    assert plan(aws, second).in_sync


@pytest.mark.e2e
@pytest.mark.parametrize("make", [websocket_stage, http_stage])
def test_an_integration_that_no_route_uses_is_a_difference_and_goes(aws: StandAws, make: Callable[..., Stage]) -> None:
    up(aws, make())
    seen = Seen(aws, make())
    seen.integrate("arn:aws:lambda:ap-northeast-2:000000000000:function:elsewhere")
    assert differing(aws, make()) == ["unused_integrations"]
    up(aws, make())
    assert len(seen.integrations) == 1
    assert plan(aws, make()).in_sync


@pytest.mark.e2e
def test_routes_with_an_integration_each_to_one_function_keep_working(aws: StandAws) -> None:
    """What the AWS console makes: an integration per route. AWS refuses to delete one that a route still uses."""
    stage = websocket_stage("more")
    up(aws, stage)
    seen = Seen(aws, stage)
    uri = next(iter(seen.integrations.values()))["IntegrationUri"]
    target = seen.integrate(uri)
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["more"]["RouteId"], Target=target)
    seen.deploy()
    up(aws, stage)
    used = {route["Target"].removeprefix("integrations/") for route in seen.routes.values()}
    assert used == set(seen.integrations), "every route leads to an integration that exists, and none is left over"
    assert plan(aws, stage).in_sync


@pytest.mark.e2e
def test_a_route_to_an_integration_that_is_no_proxy_is_repaired(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    target = seen.integrate("http://example.org", IntegrationType="HTTP_PROXY")
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["$connect"]["RouteId"], Target=target)
    assert "routes.$connect.integration" in differing(aws, stage)
    up(aws, stage)
    assert [one["IntegrationType"] for one in seen.integrations.values()] == ["AWS_PROXY"]


@pytest.mark.e2e
def test_an_http_integration_with_the_old_payload_format_is_repaired(aws: StandAws) -> None:
    stage = http_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    uri = next(iter(seen.integrations.values()))["IntegrationUri"]
    target = seen.integrate(uri, PayloadFormatVersion="1.0")
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["GET /"]["RouteId"], Target=target)
    assert "routes.GET /.payload_format" in differing(aws, stage)
    up(aws, stage)
    assert [one["PayloadFormatVersion"] for one in seen.integrations.values()] == ["2.0"]
    assert plan(aws, stage).in_sync


@pytest.mark.e2e
def test_the_authorization_of_a_route_is_kept_as_the_config_says(aws: StandAws) -> None:
    signed = replace(websocket_stage(), authorization={"$connect": "AWS_IAM"})
    up(aws, signed)
    seen = Seen(aws, signed)
    assert seen.routes["$connect"]["AuthorizationType"] == "AWS_IAM"
    route_id = seen.routes["$connect"]["RouteId"]
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=route_id, AuthorizationType="NONE")
    assert differing(aws, signed) == ["routes.$connect.authorization"]
    up(aws, signed)
    assert seen.routes["$connect"]["AuthorizationType"] == "AWS_IAM"
    up(aws, websocket_stage())
    assert seen.routes["$connect"]["AuthorizationType"] == "NONE"


def test_a_route_that_another_run_made_meanwhile_is_fine() -> None:
    exists = client_error("ConflictException", "Route with key $connect already exists for this API", status=409)
    client = gateway(create_route=exists)
    assert create(client).waited == 0
    assert client.called("create_route") == ["create_route"]


def test_an_integration_that_a_route_still_uses_is_never_deleted() -> None:
    stage, aws = websocket_stage("more"), ScriptedAws(lambda_=functions())
    uri = stage.integration_uri(aws, function())
    integrations = [
        {"IntegrationId": one, "IntegrationUri": uri, "IntegrationType": "AWS_PROXY"} for one in ("i1", "i2", "unused")
    ]
    routes = [
        {"RouteKey": key, "RouteId": key, "Target": f"integrations/{one}", "AuthorizationType": "NONE"}
        for key, one in (("$connect", "i1"), ("more", "i2"))
    ]
    client = gateway(
        get_routes={"Items": routes}, get_integrations={"Items": integrations}, update_route={}, delete_integration={}
    )
    aws.scripts["apigatewayv2"] = client
    stage.update(aws, [Change("stages.demo", None, None)], stage.desired(aws, known), known)
    now = {"$connect": "i1", "more": "i2"}
    now |= {given["RouteId"]: given["Target"].removeprefix("integrations/") for given in client.given("update_route")}
    gone = {given["IntegrationId"] for given in client.given("delete_integration")}
    assert not gone & set(now.values()), "AWS refuses that, and elsewhere it breaks the route"
    assert len({"i1", "i2", "unused"} - gone) == len(set(now.values())), "what no route uses is not left over"


def seen(*routes: tuple[str, str], **integrations: dict[str, Any]) -> LiveApi:
    """An API with these routes, each to an integration, and these integrations."""
    return LiveApi(
        {key: {"RouteKey": key, "RouteId": f"id of {key}", "Target": f"integrations/{to}"} for key, to in routes},
        {key: {"IntegrationId": key, "IntegrationType": "AWS_PROXY", **one} for key, one in integrations.items()},
    )


def test_a_route_is_told_in_the_words_of_what_it_should_be() -> None:
    api = seen(("$connect", "i1"), i1={"IntegrationUri": "uri", "PayloadFormatVersion": "2.0"})
    assert route.live(api, None) == {"$connect": route.desired("uri", "NONE", None)}
    assert route.live(api, "2.0") == {"$connect": route.desired("uri", "NONE", "2.0")}


def test_a_route_to_no_proxy_or_to_nothing_is_not_what_any_route_should_be() -> None:
    api = seen(("a", "i1"), ("b", "gone"), i1={"IntegrationUri": "uri", "IntegrationType": "HTTP"})
    assert [one["integration"] for one in route.live(api, None).values()] == ["HTTP uri", "no integration"]


def test_integrations_that_no_route_leads_to_are_unused() -> None:
    assert route.unused_integrations(seen(("a", "i1"), i1={}, i3={}, i2={})) == ["i2", "i3"]


def test_where_everything_is_as_it_should_be_nothing_is_called() -> None:
    api, client = seen(("a", "i1"), i1={"IntegrationUri": "uri"}), Scripted()
    wanted = {"a": route.desired("uri", "NONE", None)}
    assert route.put(ScriptedAws(apigatewayv2=client), "abc", wanted, api, None) is False
    assert client.calls == []


def test_a_route_that_is_gone_already_and_its_integration_too_are_fine() -> None:
    gone = client_error("NotFoundException", status=404)
    api = seen(("a", "i1"), ("b", "i2"), i1={"IntegrationUri": "uri"}, i2={"IntegrationUri": "other"})
    client = Scripted(delete_route=gone, delete_integration=gone)
    wanted = {"a": route.desired("uri", "NONE", None)}
    assert route.put(ScriptedAws(apigatewayv2=client), "abc", wanted, api, None) is True, "somebody changed a route"
    assert client.called() == ["delete_route", "delete_integration"]
