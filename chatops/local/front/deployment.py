"""What is deployed: a stage, and the snapshot of routes and integrations that it serves.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .selection import DEFAULT
from .throttle import Limit

FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?")


@dataclass(frozen=True)
class Integration:
    """What a route calls. `timeout` is in seconds; `role` is the role that API Gateway calls it with, if any."""

    type: str
    uri: str = ""
    timeout: float = 29.0
    role: str | None = None

    @property
    def function_arn(self) -> str | None:
        """The Lambda function in the URI, with its version or alias if it names one."""
        found = FUNCTION_ARN.search(self.uri)
        return found[0] if found else None


@dataclass(frozen=True)
class Route:
    """A route. `two_way`: what its integration answers goes back to the client."""

    key: str
    authorization: str = "NONE"
    api_key_required: bool = False
    two_way: bool = False
    integration: Integration | None = None


@dataclass(frozen=True)
class Deployment:
    """The routes of an API as they were when it was deployed."""

    id: str
    route_selection: str
    routes: Mapping[str, Route]

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "route_selection": self.route_selection,
            "routes": [asdict(route) for route in self.routes.values()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Deployment:
        routes = [
            Route(**{**one, "integration": Integration(**one["integration"]) if one["integration"] else None})
            for one in data["routes"]
        ]
        return cls(data["id"], data["route_selection"], {route.key: route for route in routes})


@dataclass(frozen=True)
class Stage:
    """A stage that something is deployed to. Its throttling is live at once, its routes with their deployment."""

    api_id: str
    name: str
    deployment: Deployment
    arn_prefix: str
    """`arn:aws:execute-api:REGION:ACCOUNT:`"""
    limit: Limit | None = None
    route_limits: Mapping[str, Limit] = field(default_factory=dict)

    def arn(self, path: str) -> str:
        """The ARN of a route, or of `POST/@connections/…`, in this stage."""
        return f"{self.arn_prefix}{self.api_id}/{self.name}/{path}"

    def route(self, key: str) -> Route | None:
        """The route of a message with this route key: `$default` where there is none."""
        return self.deployment.routes.get(key) or self.deployment.routes.get(DEFAULT)

    def limit_of(self, route: str) -> Limit | None:
        return self.route_limits.get(route, self.limit)
