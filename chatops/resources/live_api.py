"""What an API holds now: routes, integrations, stages, deployments, and who may invoke its functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ..aws import Aws
from ..aws.refusal import absent_is_fine, code
from . import function, permission


@dataclass
class Seen:
    """What an API holds now, with the ids that changing it takes."""

    routes: dict[str, Any] = field(default_factory=dict)
    integrations: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    deployments: dict[str, str] = field(default_factory=dict)
    policies: dict[str, list[Any]] = field(default_factory=dict)
    """By function, the statements about this API that may be changed: see `see`."""


def see(aws: Aws, api_id: str, stack: str, functions: Mapping[str, str | None], *, deployments_too: bool) -> Seen:
    """Read everything at once, with the policies of these functions and of those that integrations lead to.

    `functions` are names with the stack in their tag, None for no tag. Of a function that is not this stack's only the
    statements are given that name this API by its id: others may be what lets someone else's API in.
    """
    known = sorted(functions)
    seen: Seen
    seen, deployments, *policies = aws.together(
        lambda: see_contents(aws, api_id),
        lambda: _listed(aws, api_id, "get_deployments") if deployments_too else [],
        *(lambda n=name: permission.statements(aws, n, api_id) for name in known),
    )
    seen.deployments = {one["DeploymentId"]: one.get("Description", "") for one in deployments}
    uris = [one.get("IntegrationUri", "") for one in seen.integrations.values()]
    others = sorted({name for uri in uris for name in [_function_in(aws, uri)] if name} - {*known})
    policies += aws.together(*(lambda n=name: permission.statements(aws, n, api_id) for name in others))
    seen.policies = {
        name: [one for one in statements if permission.is_only_about(one, api_id)]
        if _is_foreign(aws, name, api_id, stack, functions, statements)
        else statements
        for name, statements in zip([*known, *others], policies, strict=True)
    }
    return seen


def _is_foreign(
    aws: Aws, name: str, api_id: str, stack: str, owners: Mapping[str, str | None], statements: Iterable[Any]
) -> bool:
    """Whether a function is not this stack's. One that is not known is asked only where that makes a difference."""
    if name in owners:
        return owners[name] != stack
    if all(permission.is_only_about(one, api_id) for one in statements):
        return True
    with absent_is_fine():
        return function.owner(aws, aws.client("lambda").get_function(FunctionName=name)) != stack
    return True


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


def _function_in(aws: Aws, uri: str) -> str | None:
    """The name of the function of this account and region in an integration's URI, which names it by its ARN.

    A function of another account may have the same name as one of this account. A stage variable names none.
    """
    found = re.search(r"(arn:[\w-]+:lambda:[\w-]*:\d*:function:)([\w-]+)(?=[:/]|$)", uri, re.ASCII)
    return found[2] if found and found[1] == aws.arn("lambda", "function:") else None


def leads_to_function_of(aws: Aws, uri: str, stack: str) -> bool:
    """Whether an integration's URI is the whole address of a function, no version or alias, with the stack's tag.

    A function that may not be looked at is not known to have it.
    """
    name = _function_in(aws, uri)
    if not name or not uri.endswith((f":function:{name}", f":function:{name}/invocations")):
        return False
    try:
        with absent_is_fine():
            return function.owner(aws, aws.client("lambda").get_function(FunctionName=name)) == stack
    except ClientError as error:
        if code(error) not in ("AccessDenied", "AccessDeniedException"):
            raise
    return False


def integration_id(route: Any) -> str:
    """The id of the integration that a route leads to."""
    return str(route.get("Target", "")).removeprefix("integrations/")
