"""A deployment: the snapshot of an API's routes that a stage serves.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from ..aws import Aws, TimedOut
from ..aws.refusal import absent_is_fine, code
from ..deploy.resource import Properties, progress
from .live_api import Seen

DEPLOYED_BY = "chatops "
"""How the description of a deployment of ours begins; the fingerprint of the routes in it follows."""

SHOWN = 10.0
"""Seconds that a route may take to show in what API Gateway says, before it counts as changed by somebody else."""


class DeploymentFailed(Exception):
    """API Gateway could not deploy the routes."""


def fingerprint(routes: Properties) -> str:
    """The description of a deployment of these routes: the same for the same routes."""
    return DEPLOYED_BY + hashlib.sha256(json.dumps(routes, sort_keys=True).encode()).hexdigest()[:16]


def deploy(aws: Aws, api_id: str, description: str, are_still: Callable[[], bool]) -> str:
    """Deploys the routes as they are and gives the deployment's id. Raises DeploymentFailed.

    What is deployed is what the API has at that moment, and somebody else may have changed it: a deployment is good
    only when the routes `are_still` what its description says.
    """
    progress("deploying the routes")
    gateway = aws.client("apigatewayv2")
    deployment_id = str(gateway.create_deployment(ApiId=api_id, Description=description)["DeploymentId"])

    def ended() -> Any:
        now = gateway.get_deployment(ApiId=api_id, DeploymentId=deployment_id)
        return now if now["DeploymentStatus"] != "PENDING" else None

    now = aws.wait_until(ended, what=f"deploying the API {api_id}")
    if now["DeploymentStatus"] == "FAILED":
        raise DeploymentFailed(f"the API {api_id}: {now.get('DeploymentStatusMessage', 'no reason given')}")
    try:
        aws.wait_until(are_still, what="seeing the routes that were deployed", limit=SHOWN)
    except TimedOut:
        gateway.delete_deployment(ApiId=api_id, DeploymentId=deployment_id)
        raise DeploymentFailed(f"the API {api_id}: somebody else changed its routes while they were deployed") from None
    return deployment_id


def unused(seen: Seen) -> list[str]:
    """The ids of the deployments of ours that no stage serves."""
    used = {one.get("DeploymentId") for one in seen.stages.values()}
    return sorted(key for key, text in seen.deployments.items() if text.startswith(DEPLOYED_BY) and key not in used)


def delete_unused(aws: Aws, api_id: str, seen: Seen, served: Mapping[str, str]) -> None:
    """Deletes the deployments of ours that no stage serves any more; `served` is what some stages do since."""
    stages = {**seen.stages, **{name: {"DeploymentId": key} for name, key in served.items()}}
    for key in unused(replace(seen, stages=stages)):
        try:
            with absent_is_fine():
                aws.client("apigatewayv2").delete_deployment(ApiId=api_id, DeploymentId=key)
        except ClientError as error:
            # Refused where another run has given it to a stage meanwhile.
            if code(error) != "BadRequestException":
                raise
