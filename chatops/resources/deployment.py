"""A deployment: the snapshot of an API's routes that a stage serves.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..aws import Aws, absent_is_fine
from ..deploy.resource import Properties, progress
from .live_api import Seen

DEPLOYED_BY = "chatops "
"""How the description of a deployment of ours begins; the fingerprint of the routes in it follows."""


class DeploymentFailed(Exception):
    """API Gateway could not deploy the routes."""


def fingerprint(routes: Properties) -> str:
    """The description of a deployment of these routes: the same for the same routes."""
    return DEPLOYED_BY + hashlib.sha256(json.dumps(routes, sort_keys=True).encode()).hexdigest()[:16]


def deploy(aws: Aws, api_id: str, description: str) -> str:
    """Deploys the routes as they are and gives the deployment's id. Raises DeploymentFailed."""
    progress("deploying the routes")
    gateway = aws.client("apigatewayv2")
    deployment_id = str(gateway.create_deployment(ApiId=api_id, Description=description)["DeploymentId"])

    def ended() -> Any:
        now = gateway.get_deployment(ApiId=api_id, DeploymentId=deployment_id)
        return now if now["DeploymentStatus"] != "PENDING" else None

    now = aws.wait_until(ended, what=f"deploying the API {api_id}")
    if now["DeploymentStatus"] == "FAILED":
        raise DeploymentFailed(f"{api_id}: {now.get('DeploymentStatusMessage', 'no reason given')}")
    return deployment_id


def delete_old(aws: Aws, api_id: str, stage: str, current: str, seen: Seen) -> None:
    """Deletes the deployments of ours that no stage serves any more."""
    used = {one.get("DeploymentId") for name, one in seen.stages.items() if name != stage}
    for old, description in seen.deployments.items():
        if description.startswith(DEPLOYED_BY) and old not in {current, *used}:
            with absent_is_fine():
                aws.client("apigatewayv2").delete_deployment(ApiId=api_id, DeploymentId=old)
