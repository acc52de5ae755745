"""The WebSocket APIs of the local AWS, and what of them is live.

A stage serves its deployment, and a deployment is a snapshot. The control plane keeps no such snapshots: the front
takes one when it first sees a deployment, within half a second of its creation, and keeps it in a file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .address import Address
from .aws import LocalAws
from .deployment import Deployment, Integration, Route, Stage
from .errors import Refused, forbidden
from .throttle import Limit

log = logging.getLogger(__name__)

EVERY, SELDOM = 0.4, 2.0
"""Seconds between two looks at the control plane, at least and at most."""

JUST_NOW = 0.05
"""Seconds for which a look is good enough for one who asks: many handshakes at once share one."""

ACCOUNT_LIMIT = Limit(10_000, 5_000)
"""What an account may do when a stage sets one half of a limit only.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""


class Catalog:
    """Every stage that is live, by API id and name. `ended` is told of each that is no longer."""

    def __init__(self, aws: LocalAws, folder: Path | None, ended: Callable[[str, str], None]) -> None:
        self.endpoint_url, self.forward_header = aws.endpoint_url, aws.forward_header
        self._aws = aws
        self._folder = folder
        self._ended = ended
        self._deployments: dict[tuple[str, str], Deployment] = {}
        self._account: str | None = None
        self._api_ids: set[str] = set()
        self._lock = asyncio.Lock()
        self._looked: dict[str | None, float] = {}
        self._unreachable = False
        self.stages: Mapping[tuple[str, str], Stage] = {}
        self.http_api_ids: frozenset[str] = frozenset()

    async def watch(self) -> None:
        """Looks for changes for as long as it is let; less often where a look takes long, as with dozens of APIs."""
        while True:
            began = time.monotonic()
            await self.refresh()
            took = time.monotonic() - began
            await asyncio.sleep(min(max(EVERY, 4 * took), SELDOM))

    async def refresh(self, api_id: str | None = None, *, older_than: float = 0.0) -> None:
        """Read one API, or all of them, unless a read that succeeded began less than `older_than` seconds ago.

        Callers that wait for a read share the next one. While the local AWS does not answer, what was live stays live.
        """
        # A read in progress may have begun before the deployment that this caller asks for.
        good_enough = time.monotonic() - (0.0 if self._lock.locked() else older_than)
        async with self._lock:
            now = time.monotonic()
            if max(self._looked.get(None, 0.0), self._looked.get(api_id, 0.0)) > good_enough:
                return
            try:
                others = {key: one for key, one in self.stages.items() if api_id not in (None, key[0])}
                before, self.stages = self.stages, {**others, **await self._aws.read(self._look, api_id)}
                self._looked = {None: now} if api_id is None else {**self._looked, api_id: now}
                self._unreachable = False
                for gone in before.keys() - self.stages.keys():
                    self._ended(*gone)
            except (BotoCoreError, ClientError) as error:
                if not self._unreachable:
                    log.warning("The local AWS at %s does not answer: %s", self.endpoint_url, error)
                self._unreachable = True

    async def find_fresh(self, address: Address) -> Stage:
        """`find`, in what is deployed now: a client that comes right after a deployment meets it."""
        try:
            await self.refresh(self.find(address).api_id, older_than=JUST_NOW)
        except Refused:
            await self.refresh()
        return self.find(address)

    def find(self, address: Address) -> Stage:
        """The stage that an address means. Refused when there is none, or when a bare stage name fits several APIs."""
        found = [
            stage
            for (api_id, name), stage in self.stages.items()
            if name == address.stage and address.api_id in (None, api_id)
        ]
        if not found:
            where = f"{address.api_id}/{address.stage}" if address.api_id else address.stage
            raise forbidden(f"no WebSocket API has anything deployed to a stage {where}")
        if len(found) > 1:
            choices = ", ".join(sorted(f"/{stage.api_id}/{stage.name}" for stage in found))
            raise Refused(
                400, f"Several WebSocket APIs have a stage {address.stage}: use one of {choices}", "ambiguous"
            )
        return found[0]

    def of_name(self, stage: str) -> list[Stage]:
        """The stages of this name, of whatever APIs."""
        return [one for (_, name), one in self.stages.items() if name == stage]

    def _look(self, api_id: str | None) -> dict[tuple[str, str], Stage]:
        if self._account is None:
            self._account = self._aws.sts.get_caller_identity()["Account"]
        if api_id is not None:
            with suppress(self._aws.gateway.exceptions.NotFoundException):
                return dict(self._stages_of(self._aws.gateway.get_api(ApiId=api_id)))
            return {}
        every = list(self._aws.pages("get_apis"))
        self.http_api_ids = frozenset(api["ApiId"] for api in every if api["ProtocolType"] == "HTTP")
        apis = [api for api in every if api["ProtocolType"] == "WEBSOCKET"]
        stages: dict[tuple[str, str], Stage] = {}
        for api in apis:
            # An API that is deleted meanwhile has no stages.
            with suppress(self._aws.gateway.exceptions.NotFoundException):
                stages.update(self._stages_of(api))
        self._forget_others({api["ApiId"] for api in apis})
        return stages

    def _stages_of(self, api: Any) -> Iterator[tuple[tuple[str, str], Stage]]:
        for stage in self._aws.pages("get_stages", ApiId=api["ApiId"]):
            deployment = self._deployment(api, stage)
            if deployment:
                yield (api["ApiId"], stage["StageName"]), self._stage(api, stage, deployment)

    def _stage(self, api: Any, stage: Any, deployment: Deployment) -> Stage:
        limits = {key: _limit(one) for key, one in stage.get("RouteSettings", {}).items()}
        return Stage(
            api["ApiId"],
            stage["StageName"],
            deployment,
            f"arn:{self._aws.partition}:execute-api:{self._aws.region}:{self._account}:",
            _limit(stage.get("DefaultRouteSettings", {})),
            {key: limit for key, limit in limits.items() if limit},
        )

    def _deployment(self, api: Any, stage: Any) -> Deployment | None:
        """What a stage serves: its deployment, or with AutoDeploy the routes as they are.

        MiniStack forgets the StageName of CreateDeployment: a stage without a deployment serves the API's newest.
        """
        api_id = api["ApiId"]
        if stage.get("AutoDeploy"):
            return self._snapshot(api, "$auto")
        deployment_id = stage.get("DeploymentId")
        if not deployment_id:
            made = list(self._aws.pages("get_deployments", ApiId=api_id))
            if not made:
                return None
            deployment_id = made[-1]["DeploymentId"]
        key = (api_id, deployment_id)
        if key not in self._deployments:
            self._deployments[key] = self._remembered(*key) or self._remember(
                api_id, self._snapshot(api, deployment_id)
            )
        return self._deployments[key]

    def _snapshot(self, api: Any, deployment_id: str) -> Deployment:
        api_id = api["ApiId"]
        integrations = {one["IntegrationId"]: one for one in self._aws.pages("get_integrations", ApiId=api_id)}
        routes = [
            Route(
                one["RouteKey"],
                one.get("AuthorizationType", "NONE"),
                one.get("ApiKeyRequired", False),
                bool(one.get("RouteResponseSelectionExpression")) and self._has_response(api_id, one["RouteId"]),
                integration(integrations.get(one.get("Target", "").removeprefix("integrations/"))),
            )
            for one in self._aws.pages("get_routes", ApiId=api_id)
        ]
        return Deployment(deployment_id, api["RouteSelectionExpression"], {route.key: route for route in routes})

    def _has_response(self, api_id: str, route_id: str) -> bool:
        return any(self._aws.pages("get_route_responses", ApiId=api_id, RouteId=route_id))

    def _remember(self, api_id: str, deployment: Deployment) -> Deployment:
        log.info("%s: deployment %s with routes %s", api_id, deployment.id, ", ".join(deployment.routes))
        if self._folder:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file(api_id, deployment.id).write_text(json.dumps(deployment.to_dict()))
            except OSError as error:
                log.warning("%s: deployment %s is not kept for another start: %s", api_id, deployment.id, error)
        return deployment

    def _remembered(self, api_id: str, deployment_id: str) -> Deployment | None:
        if self._folder:
            with suppress(OSError, ValueError, TypeError, KeyError):
                return Deployment.from_dict(json.loads(self._file(api_id, deployment_id).read_text()))
        return None

    def _forget_others(self, api_ids: set[str]) -> None:
        """Drops the snapshots of APIs that are gone."""
        if api_ids == self._api_ids:
            return
        self._api_ids = api_ids
        self._deployments = {key: one for key, one in self._deployments.items() if key[0] in api_ids}
        for file in self._folder.glob("*.json") if self._folder else ():
            if file.name.partition(".")[0] not in api_ids:
                with suppress(OSError):
                    file.unlink()

    def _file(self, api_id: str, deployment_id: str) -> Path:
        assert self._folder
        return self._folder / f"{api_id}.{deployment_id}.json"


def integration(one: Any) -> Integration | None:
    """An integration as the front needs it; nothing where a route has none."""
    if one is None:
        return None
    milliseconds = min(one.get("TimeoutInMillis", 29_000), 29_000)
    return Integration(
        one["IntegrationType"], one.get("IntegrationUri", ""), milliseconds / 1000, one.get("CredentialsArn")
    )


def _limit(settings: Any) -> Limit | None:
    rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return None
    return Limit(ACCOUNT_LIMIT.rate if rate is None else rate, ACCOUNT_LIMIT.burst if burst is None else burst)
