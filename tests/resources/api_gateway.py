"""An API as boto3 shows it, and an API Gateway that answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chatops.aws.refusal import absent_is_fine
from chatops.deploy.resource import Change, Live, Look
from chatops.resources.stage import Stage

from .stand import STACK, Scripted, ScriptedAws, StandAws, client_error, function, outputs, websocket_stage


class Seen:
    """An API as boto3 shows it."""

    def __init__(self, aws: StandAws, stage: Stage) -> None:
        self.gateway = aws.client("apigatewayv2")
        self.api_id = outputs(aws, stage.api)["api_id"]

    def items(self, operation: str) -> list[dict[str, Any]]:
        return list(getattr(self.gateway, operation)(ApiId=self.api_id)["Items"])

    @property
    def routes(self) -> dict[str, dict[str, Any]]:
        return {one["RouteKey"]: one for one in self.items("get_routes")}

    @property
    def integrations(self) -> dict[str, dict[str, Any]]:
        return {one["IntegrationId"]: one for one in self.items("get_integrations")}

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        return {one["StageName"]: one for one in self.items("get_stages")}

    @property
    def deployments(self) -> dict[str, str]:
        return {one["DeploymentId"]: one.get("Description", "") for one in self.items("get_deployments")}

    def integrate(self, uri: str, **more: str) -> str:
        """An integration by hand; gives a route's target."""
        made = self.gateway.create_integration(
            **{
                "ApiId": self.api_id,
                "IntegrationType": "AWS_PROXY",
                "IntegrationMethod": "POST",
                "IntegrationUri": uri,
                **more,
            }
        )
        return f"integrations/{made['IntegrationId']}"

    def deploy(self, description: str = "by hand", stage: str = "demo") -> str:
        """A deployment by hand, and live."""
        made = self.gateway.create_deployment(ApiId=self.api_id, Description=description)
        self.gateway.update_stage(ApiId=self.api_id, StageName=stage, DeploymentId=made["DeploymentId"])
        return str(made["DeploymentId"])


@contextmanager
def listening(aws: StandAws, event: str, handler: Callable[..., None]) -> Iterator[None]:
    """Within it a handler sees every call of one operation before it is made."""
    events = aws.client("apigatewayv2").meta.events
    events.register(event, handler)
    try:
        yield
    finally:
        events.unregister(event, handler)


def allowed(aws: StandAws, name: str = "send") -> list[tuple[str, str]]:
    """The statements of a function's policy: id and source."""
    with absent_is_fine():
        found = json.loads(aws.client("lambda").get_policy(FunctionName=name)["Policy"])["Statement"]
        sources = [one.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*") for one in found]
        return [(one["Sid"], arn) for one, arn in zip(found, sources, strict=True)]
    return []


# What the local AWS does not do: conflicts, and deployments that are slow or fail.


def owned_by(owner: str | None) -> Look:
    """Only the API is known, and whose it is."""
    return lambda one: Live({}, {"api_id": "abc"}, owner) if one.name == "websocket_api.chat" else None


known = owned_by(STACK)


def gateway(**answers: Any) -> Scripted:
    """An API Gateway where nothing is yet, and everything works but what is said here."""
    empty: dict[str, Any] = {"Items": []}
    uri = websocket_stage().integration_uri(ScriptedAws(), function())
    usual = {
        **dict.fromkeys(("get_stages", "get_deployments"), empty),
        "get_routes": [empty, {"Items": [{"RouteKey": "$connect", "RouteId": "r1", "Target": "integrations/i1"}]}],
        "get_integrations": [
            empty,
            {"Items": [{"IntegrationId": "i1", "IntegrationUri": uri, "IntegrationType": "AWS_PROXY"}]},
        ],
        "create_integration": {"IntegrationId": "i1"},
        "create_deployment": {"DeploymentId": "d1"},
        "get_deployment": {"DeploymentStatus": "DEPLOYED"},
        "create_route": {},
        "create_stage": {},
    }
    return Scripted(**{**usual, **answers})


def functions() -> Scripted:
    """A Lambda that lets anybody be permitted."""
    return Scripted(get_policy=client_error("ResourceNotFoundException"), add_permission={}, remove_permission={})


def create(client: Scripted) -> ScriptedAws:
    aws = ScriptedAws(apigatewayv2=client, lambda_=functions())
    stage = websocket_stage()
    stage.create(aws, stage.desired(aws, known), known)
    return aws


def update(client: Scripted) -> ScriptedAws:
    aws = ScriptedAws(apigatewayv2=client, lambda_=functions())
    stage = websocket_stage()
    stage.update(aws, [Change("routes", None, None)], stage.desired(aws, known), known)
    return aws
