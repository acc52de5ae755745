"""Config → resources: the picture of what runs on AWS, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .aws import Aws
from .config import OWN, WEBSOCKET_URL, Config, Throttle
from .config import Function as FunctionConfig
from .deploy.resource import Resource
from .handler import packages
from .package import Package
from .resources.api import HttpApi, WebSocketApi
from .resources.function import Function
from .resources.log_group import LogGroup
from .resources.role import MANAGE_CONNECTIONS, Grant, Role
from .resources.stage import HttpStage, Stage, WebSocketStage
from .resources.table import Table
from .resources.throttle import Limit

DEFAULT_KEY = "connectionId"
ORIGINS = "ALLOWED_ORIGINS"
"""Where the connect function finds the pages that may open the chat; without it all may."""
CONNECTIONS_ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
"""The AWS SDK's own variable: where a function posts whose code names no endpoint, which by itself it cannot know.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""


@dataclass
class Stack:
    """A config in one account and region."""

    config: Config
    aws: Aws

    @cached_property
    def resources(self) -> list[Resource]:
        """Everything that the config asks for."""
        return self._resources(self.packages)

    @cached_property
    def doomed(self) -> list[Resource]:
        """The same without the functions' code: to delete something, nobody needs a handler that can be packed."""
        return self._resources(dict.fromkeys(self.config.functions, Package(())))

    def _resources(self, packages: Mapping[str, Package]) -> list[Resource]:
        config, name, region = self.config, self.config.stack, self.aws.region
        table, websocket, web = self.table, self.websocket, self.web
        functions: dict[str, Function] = {}
        for key, one in config.functions.items():
            log_group = LogGroup(name, one.name, one.log_retention)
            actions = tuple(allow.action for allow in one.allow if not allow.resource)
            grants = tuple(Grant(allow.action, allow.resource) for allow in one.allow if allow.resource)
            posts_to = websocket if MANAGE_CONNECTIONS in actions else None
            role = Role(name, one.name, region, actions, grants, config.table.name, posts_to, config.websocket.stage)
            code = packages[key]
            environment, addresses = self._environment(key, one), self._addresses(key, one)
            theirs = {variable for variable, value in one.environment.items() if value != WEBSOCKET_URL}
            functions[key] = Function(
                stack=name,
                function=one.name,
                runtime=one.runtime,
                handler=one.handler,
                memory=one.memory,
                timeout=one.timeout,
                environment=environment,
                code_sha256=code.sha256,
                read_zip=code.read,
                role=role,
                log_group=log_group,
                addresses=addresses,
                reserved_concurrency=one.reserved_concurrency,
                shown=frozenset({*environment, *addresses} - theirs),
            )
        stages: list[Stage] = [
            WebSocketStage(
                name,
                websocket,
                {route: functions[key] for route, key in config.websocket.routes.items()},
                {"$connect": "AWS_IAM"} if config.websocket.auth == "iam" else {},
                *_limits(config.websocket.throttle),
            )
        ]
        for key, api in web.items():
            routes = {route: functions[function] for route, function in config.http_apis[key].routes.items()}
            stages.append(HttpStage(name, api, routes, {}, *_limits(config.http_apis[key].throttle)))
        made = functions.values()
        return [
            table,
            websocket,
            *web.values(),
            *(function.log_group for function in made),
            *(function.role for function in made),
            *made,
            *stages,
        ]

    @cached_property
    def table(self) -> Table:
        """The table of connections."""
        return Table(self.config.stack, self.config.table.name, self.config.table.key)

    @cached_property
    def websocket(self) -> WebSocketApi:
        """The API that the chat's clients connect to."""
        one = self.config.websocket
        return WebSocketApi(self.config.stack, one.name, one.stage, one.route_selection)

    @cached_property
    def web(self) -> dict[str, HttpApi]:
        """The HTTP APIs, by their keys in the config."""
        return {
            key: HttpApi(self.config.stack, one.name, "$default", "$request.method $request.path")
            for key, one in self.config.http_apis.items()
        }

    @cached_property
    def packages(self) -> dict[str, Package]:
        """The functions' code, by their keys in the config. Raises HandlerError and ConfigError for what cannot run."""
        return packages(self.config)

    @property
    def files(self) -> set[Path]:
        """Every file that what runs is made from: the config and what goes into the functions' zips."""
        return {self.config.file, *(file.path for one in self.packages.values() for _, file in one.files)}

    @property
    def outside_files(self) -> list[str]:
        """Return the files outside the config's folder that go into the functions' zips, without symlinks."""
        files = {file.real for one in self.packages.values() for _, file in one.files}
        return sorted(str(real) for real in files if self.config.is_outside(real))

    def _environment(self, key: str, function: FunctionConfig) -> dict[str, str]:
        table, websocket = self.config.table, self.config.websocket
        environment = {key: value for key, value in function.environment.items() if value != WEBSOCKET_URL}
        posts = any(one.action == MANAGE_CONNECTIONS for one in function.allow)
        # send.py, which every handler that posts may import, asks for the table's name too.
        if posts or any(one.action.startswith("dynamodb:") and not one.resource for one in function.allow):
            environment["WEBSOCKET_TABLE"] = table.name
            if table.key != DEFAULT_KEY:
                environment["TABLE_KEY"] = table.key
        if posts:
            environment["MAX_MESSAGE_BYTES"] = str(websocket.max_message_bytes)
        elsewhere = [one for one in websocket.allowed_origins if one != OWN]
        if elsewhere and key == websocket.routes.get("$connect"):
            environment[ORIGINS] = ",".join(elsewhere)
        return environment

    def _addresses(self, key: str, function: FunctionConfig) -> dict[str, tuple[tuple[Resource, str], ...]]:
        addresses: dict[str, tuple[tuple[Resource, str], ...]] = {
            key: ((self.websocket, "websocket_url"),)
            for key, value in function.environment.items()
            if value == WEBSOCKET_URL
        }
        websocket = self.config.websocket
        if websocket.allowed_origins and key == websocket.routes.get("$connect"):
            addresses[ORIGINS] = tuple((self.web[page], "origin") for page in self.config.pages)
        if any(one.action == MANAGE_CONNECTIONS for one in function.allow):
            addresses[CONNECTIONS_ENDPOINT] = ((self.websocket, "connections_url"),)
        return addresses


def _limits(throttle: Throttle) -> tuple[Limit, dict[str, Limit]]:
    routes = {key: Limit(one.rate, one.burst) for key, one in throttle.routes.items()}
    return Limit(throttle.each.rate, throttle.each.burst), routes
