"""The routes of an API and the integrations that they lead to: one integration per function."""

from __future__ import annotations

from collections.abc import Mapping

from ..aws import Aws
from ..aws.refusal import absent_is_fine, existing_is_fine
from ..deploy.resource import Properties
from .live_api import Seen, integration_id


def integration_settings(payload_format: str | None) -> dict[str, str]:
    """What an integration is beside its address; `payload_format` is the event's, where the API has more than one."""
    more = {"PayloadFormatVersion": payload_format} if payload_format else {}
    return {"IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST", **more}


def desired(uri: str, authorization: str, payload_format: str | None) -> Properties:
    """The words of a route for what it should be."""
    return {
        "integration": uri,
        **({"payload_format": payload_format} if payload_format else {}),
        "authorization": authorization,
    }


def live(seen: Seen, payload_format: str | None) -> dict[str, Properties]:
    """What each route is, in the same words."""
    found: dict[str, Properties] = {}
    for key, route in seen.routes.items():
        to = seen.integrations.get(integration_id(route), {})
        proxy = "" if to.get("IntegrationType") == "AWS_PROXY" else f"{to.get('IntegrationType', 'no')} "
        found[key] = {
            "integration": f"{proxy}{to.get('IntegrationUri', 'integration')}",
            **({"payload_format": to.get("PayloadFormatVersion")} if payload_format else {}),
            "authorization": route.get("AuthorizationType", "NONE"),
        }
    return found


def unused_integrations(seen: Seen) -> list[str]:
    """The ids of the integrations that no route leads to."""
    return sorted(set(seen.integrations) - {integration_id(route) for route in seen.routes.values()})


def put(aws: Aws, api_id: str, wanted: Mapping[str, Properties], seen: Seen, payload_format: str | None) -> bool:
    """Makes these routes and deletes all others, and integrations that are not needed. Says whether a route changed."""
    gateway, now = aws.client("apigatewayv2"), live(seen, payload_format)
    ids = _integrations(aws, api_id, wanted, seen, payload_format)

    def put_one(key: str) -> bool:
        route, there = wanted[key], seen.routes.get(key)
        integration = ids[route["integration"]]
        if there and now[key] == route and integration_id(there) == integration:
            return False
        what = {"Target": f"integrations/{integration}", "AuthorizationType": route["authorization"]}
        if there:
            gateway.update_route(ApiId=api_id, RouteId=there["RouteId"], **what)
        else:
            with existing_is_fine():
                gateway.create_route(ApiId=api_id, RouteKey=key, **what)
        return True

    def delete_one(key: str) -> bool:
        with absent_is_fine():
            gateway.delete_route(ApiId=api_id, RouteId=seen.routes[key]["RouteId"])
        return True

    changed = aws.together(
        *(lambda k=key: put_one(k) for key in wanted),
        *(lambda k=key: delete_one(k) for key in seen.routes if key not in wanted),
    )
    for unused in set(seen.integrations) - set(ids.values()):
        with absent_is_fine():
            gateway.delete_integration(ApiId=api_id, IntegrationId=unused)
    return any(changed)


def _integrations(
    aws: Aws, api_id: str, routes: Mapping[str, Properties], seen: Seen, payload_format: str | None
) -> dict[str, str]:
    """The id of the integration for each address that the routes lead to; those that are missing are made."""
    wanted, settings = {route["integration"] for route in routes.values()}, integration_settings(payload_format)
    # Of two that are alike the one that routes lead to stays: the last one wins.
    used = {integration_id(route) for route in seen.routes.values()}
    ids = {
        one["IntegrationUri"]: key
        for key, one in sorted(seen.integrations.items(), key=lambda item: item[0] in used)
        if one.get("IntegrationUri") in wanted
        and one["IntegrationType"] == settings["IntegrationType"]
        and payload_format in (None, one.get("PayloadFormatVersion"))
    }

    def make(uri: str) -> str:
        made = aws.client("apigatewayv2").create_integration(ApiId=api_id, IntegrationUri=uri, **settings)
        return str(made["IntegrationId"])

    missing = sorted(wanted - set(ids))
    return ids | dict(zip(missing, aws.together(*(lambda u=uri: make(u) for uri in missing)), strict=True))
