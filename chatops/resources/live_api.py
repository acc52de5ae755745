"""What an API holds now: routes, integrations, stages, deployments, and who may invoke its functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..aws import Aws
from ..aws.refusal import absent_is_fine
from . import permission


@dataclass
class Seen:
    """What an API holds now, with the ids that changing it takes."""

    routes: dict[str, Any] = field(default_factory=dict)
    integrations: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    deployments: dict[str, str] = field(default_factory=dict)
    policies: dict[str, list[Any]] = field(default_factory=dict)


def see(aws: Aws, api_id: str, functions: Iterable[str], *, deployments_too: bool) -> Seen:
    """Reads everything at once, with the policies of these functions and of those that integrations lead to."""
    known = sorted(set(functions))
    seen: Seen
    seen, deployments, *policies = aws.together(
        lambda: see_contents(aws, api_id),
        lambda: _listed(aws, api_id, "get_deployments") if deployments_too else [],
        *(lambda n=name: permission.statements(aws, n, api_id) for name in known),
    )
    seen.deployments = {one["DeploymentId"]: one.get("Description", "") for one in deployments}
    uris = [one.get("IntegrationUri", "") for one in seen.integrations.values()]
    others = sorted({name for uri in uris for name in [_function_in(uri)] if name} - {*known})
    policies += aws.together(*(lambda n=name: permission.statements(aws, n, api_id) for name in others))
    seen.policies = dict(zip([*known, *others], policies, strict=True))
    return seen


def see_contents(aws: Aws, api_id: str) -> Seen:
    """Reads the routes, the integrations and the stages, of an API that need not exist any more."""
    listings = ("get_routes", "get_integrations", "get_stages")
    routes, integrations, stages = aws.together(*(lambda o=one: _listed(aws, api_id, o) for one in listings))
    return Seen(
        {one["RouteKey"]: one for one in routes},
        {one["IntegrationId"]: one for one in integrations},
        {one["StageName"]: one for one in stages},
    )


def see_routes(aws: Aws, api_id: str) -> Seen:
    """Reads only the routes and the integrations."""
    routes, integrations = aws.together(
        lambda: list(aws.pages("apigatewayv2", "get_routes", "Items", ApiId=api_id)),
        lambda: list(aws.pages("apigatewayv2", "get_integrations", "Items", ApiId=api_id)),
    )
    return Seen({one["RouteKey"]: one for one in routes}, {one["IntegrationId"]: one for one in integrations})


def _listed(aws: Aws, api_id: str, operation: str) -> list[Any]:
    with absent_is_fine():
        return list(aws.pages("apigatewayv2", operation, "Items", ApiId=api_id))
    return []


def _function_in(uri: str) -> str | None:
    """The function's name in an integration's URI, which names it by its ARN."""
    _, found, rest = uri.partition(":function:")
    return rest.split("/")[0].split(":")[0] if found else None


def integration_id(route: Any) -> str:
    """The id of the integration that a route leads to."""
    return str(route.get("Target", "")).removeprefix("integrations/")
