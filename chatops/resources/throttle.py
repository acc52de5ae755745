"""How many calls a stage and its routes take: API Gateway refuses what comes faster.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..aws import Aws
from ..aws.refusal import absent_is_fine
from ..deploy.resource import Properties


class Limit(NamedTuple):
    """Requests per second, and how many at once."""

    rate: float
    burst: int


def settings(limit: Properties) -> dict[str, Any]:
    """A limit as API Gateway takes it."""
    return {"ThrottlingRateLimit": float(limit["rate"]), "ThrottlingBurstLimit": limit["burst"]}


def limit_in(settings: Any) -> Properties | None:
    """The limit in what API Gateway says of a stage or route; nothing where it has none of its own."""
    rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return None
    return {"rate": int(rate) if rate is not None and rate == int(rate) else rate, "burst": burst}


def desired(limit: Limit | None, routes: Mapping[str, Limit]) -> dict[str, Any]:
    """The words of a stage's properties for its limit and those of single routes."""
    return {
        "throttle": limit._asdict() if limit else None,
        "route_throttles": {key: one._asdict() for key, one in routes.items()},
    }


def live(stage: Any, limit: Limit | None, routes: Mapping[str, Limit]) -> Properties:
    """What a stage has, in the same words. Without a limit of ours, what others may have set is left alone."""
    if not limit:
        return desired(limit, routes)
    limits = {route: limit_in(one) for route, one in stage.get("RouteSettings", {}).items()}
    return {
        "throttle": limit_in(stage.get("DefaultRouteSettings", {})),
        "route_throttles": {route: one for route, one in limits.items() if one},
    }


def route_settings(desired: Properties) -> dict[str, Any]:
    """The arguments of CreateStage and UpdateStage; none without a limit."""
    if not desired["throttle"]:
        return {}
    return {
        "DefaultRouteSettings": settings(desired["throttle"]),
        "RouteSettings": {route: settings(limit) for route, limit in desired["route_throttles"].items()},
    }


def forget(aws: Aws, api_id: str, stage: Any, desired: Properties, routes: Collection[str]) -> None:
    """Takes the settings off a live stage that it is not to have, and off those of its routes that go.

    API Gateway refuses every later update of a stage that has settings for a route that is gone.
    https://github.com/hashicorp/terraform-provider-aws/issues/16094
    """
    settings = stage.get("RouteSettings", {})

    def is_kept(route: str) -> bool:
        wanted = not desired["throttle"] or route in desired["route_throttles"] or not limit_in(settings[route])
        return route in routes and wanted

    kept = {route: one for route, one in settings.items() if is_kept(route)}
    if kept == settings:
        return
    gateway, where = aws.client("apigatewayv2"), {"ApiId": api_id, "StageName": stage["StageName"]}
    left = settings
    with absent_is_fine():  # such a route is gone already
        left = gateway.update_stage(**where, RouteSettings=kept).get("RouteSettings", {})
    for route in settings:
        # An update may add to what is there; then what is not wanted is still there.
        if route not in kept and route in left:
            with absent_is_fine():
                gateway.delete_route_settings(**where, RouteKey=route)
    stage["RouteSettings"] = kept


def apply(aws: Aws, api_id: str, name: str, desired: Properties, live: Properties) -> None:
    """Gives a stage the limits that it should have, once `forget` has taken away the others."""
    if any(desired[key] != live[key] for key in ("throttle", "route_throttles")):
        aws.client("apigatewayv2").update_stage(ApiId=api_id, StageName=name, **route_settings(desired))
