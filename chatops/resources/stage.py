"""What an API does once it is called: routes, integrations, permissions, and the stage that makes them live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, existing_is_fine
from ..deploy.resource import Change, Live, Look, Properties, Resource, is_glance_enough, output
from . import permission, route, throttle
from .api import Api
from .deployment import delete_unused, deploy, fingerprint, unused
from .function import Function
from .live_api import Seen, leads_to_function_of, see, see_contents, see_routes
from .throttle import Limit

BY_HAND = "integrations_made_by_hand"
"""The fact of a stage that names the integrations which no route leads to and chatops did not make."""


@dataclass(frozen=True, eq=False)
class Stage(Resource):
    """The routes of an API and the stage that serves them.

    "Exists but is not live" is a difference: a deployment is a snapshot of the routes, and ours carries their
    fingerprint in its description.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
    """

    api: Api
    routes: Mapping[str, Function]
    authorization: Mapping[str, str]
    limit: Limit | None = None
    """What each route takes, from all clients together; nothing leaves that to the account's quota."""
    route_limits: Mapping[str, Limit] = field(default_factory=dict)
    """Limits of single routes instead."""

    kind: ClassVar[str] = "stage"
    payload_format: ClassVar[str | None] = None
    """The event's format, where the API has more than one."""
    deploys: ClassVar[bool] = False
    """Whether a change is live only after a deployment of ours."""

    @property
    def title(self) -> str:
        return self.api.api

    def integration_uri(self, aws: Aws, function: Function) -> str:
        """The function's address in an integration."""
        raise NotImplementedError

    def source_arn(self, aws: Aws, api_id: str, route: str) -> str:
        """The one route that may invoke the function, as Lambda's permission names it."""
        raise NotImplementedError

    def desired_stage(self, routes: Properties) -> dict[str, Any]:
        """The stage itself, given its routes."""
        raise NotImplementedError

    def desired(self, aws: Aws, look: Look) -> Properties:
        api_id = output(look, self.api, "api_id")
        routes = {
            key: route.desired(
                self.integration_uri(aws, function), self.authorization.get(key, "NONE"), self.payload_format
            )
            for key, function in self.routes.items()
        }
        permissions: dict[str, list[str]] = {}
        for key, function in self.routes.items():
            permissions.setdefault(function.function, []).append(self.source_arn(aws, api_id, key))
        limits = throttle.desired(self.limit, self.route_limits)
        return {
            "routes": routes,
            "permissions": {name: sorted(arns) for name, arns in permissions.items()},
            "unused_integrations": [],
            **({"unused_deployments": []} if self.deploys else {}),
            "stages": {self.api.stage: {**self.desired_stage(routes), **limits}},
        }

    def observe(self, aws: Aws, look: Look) -> Live | None:
        api = look(self.api)
        if not api:
            return None
        glance = is_glance_enough()
        seen = see_contents(aws, api.outputs["api_id"]) if glance else self._see(aws, api.outputs["api_id"])
        if not (seen.routes or seen.integrations or seen.stages):
            return None
        if glance:
            return Live({}, dict(api.outputs), api.owner)
        return Live(
            {
                "routes": route.live(seen, self.payload_format),
                "permissions": {
                    name: sorted({permission.source(one) for one in statements})
                    for name, statements in seen.policies.items()
                    if statements
                },
                "unused_integrations": route.unused_integrations(seen),
                **({"unused_deployments": unused(seen)} if self.deploys else {}),
                "stages": {
                    name: self._live_stage(stage, seen)
                    for name, stage in seen.stages.items()
                    if name == self.api.stage or stage.get("Tags", {}).get(STACK_TAG) == self.stack
                },
            },
            dict(api.outputs),
            api.owner,
            facts={BY_HAND: self._made_by_hand(aws, seen, api.owner)},
        )

    def _made_by_hand(self, aws: Aws, seen: Seen, owner: str | None) -> list[str]:
        """The unused integrations that no run of chatops can have left: those of its own lead to its functions."""
        own = {self.integration_uri(aws, one) for one in self.routes.values()}

        def is_left_by_a_run(integration: Any) -> bool:
            uri = integration.get("IntegrationUri", "")
            is_proxy = owner == self.stack and integration.get("IntegrationType") == "AWS_PROXY"
            return is_proxy and (uri in own or leads_to_function_of(aws, uri, self.stack))

        return [one for one in route.unused_integrations(seen) if not is_left_by_a_run(seen.integrations[one])]

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        self.update(aws, (), desired, look)

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        api = look(self.api)
        if not api:
            return
        api_id = api.outputs["api_id"]
        seen = self._see(aws, api_id, look)
        routes, permissions = desired["routes"], desired["permissions"]
        for name, stage in desired["stages"].items():
            throttle.forget(aws, api_id, seen.stages.get(name, {}), stage, routes)
        *_, changed = aws.together(
            *(
                lambda f=name: permission.permit(aws, f, permissions.get(f, []), seen.policies.get(f, []))
                for name in {*permissions, *seen.policies}
            ),
            lambda: route.put(aws, api_id, routes, seen, self.payload_format),
        )
        served = {
            name: self._set_stage(aws, api_id, name, stage, routes, seen, changed=changed)
            for name, stage in desired["stages"].items()
        }
        for name in seen.stages:
            if name not in desired["stages"] and seen.stages[name].get("Tags", {}).get(STACK_TAG) == self.stack:
                served[name] = ""
                with absent_is_fine():
                    aws.client("apigatewayv2").delete_stage(ApiId=api_id, StageName=name)
        if self.deploys:
            delete_unused(aws, api_id, seen, {name: one for name, one in served.items() if one is not None})

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        parts, before = {"routes": "the route", "stages": "the stage"}, seen.properties
        return [
            *(
                f"{word} {key}"
                for part, word in parts.items()
                for key in before.get(part, ())
                if key not in desired[part]
            ),
            *(f"the integration {one}" for one in seen.facts.get(BY_HAND, ())),
        ]

    def delete(self, aws: Aws, look: Look) -> None:
        api = look(self.api)
        if not api:
            return
        api_id, gateway = api.outputs["api_id"], aws.client("apigatewayv2")
        seen = self._see(aws, api_id, look)

        def gone(call: Any, **arguments: Any) -> None:
            with absent_is_fine():
                call(ApiId=api_id, **arguments)

        aws.together(*(lambda n=name: gone(gateway.delete_stage, StageName=n) for name in seen.stages))
        aws.together(
            *(lambda i=one["RouteId"]: gone(gateway.delete_route, RouteId=i) for one in seen.routes.values()),
            *(lambda f=name: permission.permit(aws, f, [], seen.policies[f]) for name in seen.policies),
        )
        aws.together(*(lambda i=one: gone(gateway.delete_integration, IntegrationId=i) for one in seen.integrations))

    def tag(self, aws: Aws, look: Look) -> None:
        api = look(self.api)
        if api and self.api.stage in see_contents(aws, api.outputs["api_id"]).stages:
            path = f"/apis/{api.outputs['api_id']}/stages/{self.api.stage}"
            arn = aws.arn("apigateway", path, account=False)
            aws.client("apigatewayv2").tag_resource(ResourceArn=arn, Tags={STACK_TAG: self.stack})

    def _see(self, aws: Aws, api_id: str, look: Look | None = None) -> Seen:
        """Read the API and its functions' policies. Without `look` the config's functions count as the stack's.

        An observation does that: `up` changes nothing before they are, and may be about to adopt them.
        """
        owners: dict[str, str | None] = {}
        for one in self.routes.values():
            live = look(one) if look else None
            owners[one.function] = self.stack if look is None else live.owner if live else None
        return see(aws, api_id, self.stack, owners, deployments_too=self.deploys)

    def _set_stage(
        self, aws: Aws, api_id: str, name: str, desired: Properties, routes: Properties, seen: Seen, *, changed: bool
    ) -> str | None:
        """Makes the stage what it should be; gives the id of the deployment that it serves from now on, if of ours."""
        gateway, live = aws.client("apigatewayv2"), seen.stages.get(name)
        now = self._live_stage(live, seen) if live else {}
        # A fingerprint says what was meant to be deployed: who changes a route deploys, whatever stands there.
        is_new = self.deploys and (changed or now.get("deployment") != desired["deployment"])
        if now == desired and not is_new:
            return None
        deployment: dict[str, str] = {}
        if is_new:
            still = partial(self._are_still, aws, api_id, routes)
            deployment = {"DeploymentId": deploy(aws, api_id, desired["deployment"], still)}
        if live is None:
            with existing_is_fine():
                gateway.create_stage(
                    ApiId=api_id,
                    StageName=name,
                    AutoDeploy=desired["auto_deploy"],
                    Tags={STACK_TAG: self.stack},
                    **deployment,
                    **throttle.route_settings(desired),
                )
            return deployment.get("DeploymentId")
        if live.get("AutoDeploy", False) != desired["auto_deploy"]:
            # A deployment cannot be chosen while AutoDeploy is on, so that goes first.
            gateway.update_stage(ApiId=api_id, StageName=name, AutoDeploy=desired["auto_deploy"])
        if deployment:
            gateway.update_stage(ApiId=api_id, StageName=name, **deployment)
        throttle.apply(aws, api_id, name, desired, now)
        return deployment.get("DeploymentId")

    def _are_still(self, aws: Aws, api_id: str, routes: Properties) -> bool:
        """Whether the API has these routes and no others, now."""
        return route.live(see_routes(aws, api_id), self.payload_format) == routes

    def _live_stage(self, stage: Any, seen: Seen) -> Properties:
        return {
            "auto_deploy": stage.get("AutoDeploy", False),
            "deployment": seen.deployments.get(stage.get("DeploymentId", ""), None),
            **throttle.live(stage, self.limit, self.route_limits),
        }


@dataclass(frozen=True, eq=False)
class WebSocketStage(Stage):
    """The routes that a message's `action` selects, deployed by an explicit deployment."""

    deploys: ClassVar[bool] = True

    def integration_uri(self, aws: Aws, function: Function) -> str:
        path = f"path/2015-03-31/functions/{function.arn(aws)}/invocations"
        return f"arn:{aws.partition}:apigateway:{aws.region}:lambda:{path}"

    def source_arn(self, aws: Aws, api_id: str, route: str) -> str:
        return aws.arn("execute-api", f"{api_id}/{self.api.stage}/{route}")

    def desired_stage(self, routes: Properties) -> dict[str, Any]:
        return {"auto_deploy": False, "deployment": fingerprint(routes)}


@dataclass(frozen=True, eq=False)
class HttpStage(Stage):
    """HTTP routes; the stage $default serves them at the root, and AutoDeploy makes every change live.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
    """

    payload_format: ClassVar[str | None] = "2.0"

    def integration_uri(self, aws: Aws, function: Function) -> str:
        return function.arn(aws)

    def source_arn(self, aws: Aws, api_id: str, route: str) -> str:
        method, _, path = route.partition(" ")
        where = f"*/{'*' if method == 'ANY' else method}{path}" if path else f"*/{route}"
        return aws.arn("execute-api", f"{api_id}/{where}")

    def desired_stage(self, routes: Properties) -> dict[str, Any]:
        return {"auto_deploy": True, "deployment": None}
