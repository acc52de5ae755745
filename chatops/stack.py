"""Config → resources: the picture of what runs on AWS, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .aws import STACK_TAG, Aws
from .config import Config, Throttle
from .config import Function as FunctionConfig
from .deploy.plan import Action, Plan, Step, observe, plan_down, plan_up
from .deploy.resource import Blocked, Live, Resource, sharing
from .errors import ChatopsError, ConfigError, UsageError
from .ops.management import Management
from .package import Package, package
from .reader import suggestion
from .resources.api import Api, HttpApi, WebSocketApi, every_api
from .resources.function import Function
from .resources.log_group import LogGroup
from .resources.role import MANAGE_CONNECTIONS, Grant, Role, role_path
from .resources.stage import HttpStage, Stage, WebSocketStage
from .resources.table import Table
from .resources.tagged import tagged
from .resources.throttle import Limit

SERVICES = ("resourcegroupstaggingapi", "dynamodb", "logs", "apigatewayv2", "iam", "lambda")
"""Whom a plan asks, in the order in which it does."""
DEFAULT_KEY = "connectionId"
WEBSOCKET_URL = "{websocket_url}"
"""Stands for the chat's address in a function's environment."""
ORIGINS = "ALLOWED_ORIGINS"
"""Where the connect function finds the pages that may open the chat; without it all may."""
CONNECTIONS_ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
"""boto3's own variable: leads a function's posts to what stands in for AWS.

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
        config, name, region = self.config, self.config.stack, self.aws.region
        table = Table(name, config.table.name, config.table.key)
        websocket = self.websocket
        web = {
            key: HttpApi(name, one.name, "$default", "$request.method $request.path")
            for key, one in config.http_apis.items()
        }
        functions: dict[str, Function] = {}
        for key, one in config.functions.items():
            log_group = LogGroup(name, one.name, one.log_retention)
            actions = tuple(allow.action for allow in one.allow if not allow.resource)
            grants = tuple(Grant(allow.action, allow.resource) for allow in one.allow if allow.resource)
            posts_to = websocket if MANAGE_CONNECTIONS in actions else None
            role = Role(name, one.name, region, actions, grants, config.table.name, posts_to, config.websocket.stage)
            code = _package(config, one)
            functions[key] = Function(
                stack=name,
                function=one.name,
                runtime=one.runtime,
                handler=one.handler,
                memory=one.memory,
                timeout=one.timeout,
                environment=self._environment(key, one),
                code_sha256=code.sha256,
                read_zip=code.read,
                role=role,
                log_group=log_group,
                addresses=self._addresses(key, one),
                reserved_concurrency=one.reserved_concurrency,
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
    def websocket(self) -> WebSocketApi:
        """The API that the chat's clients connect to."""
        one = self.config.websocket
        return WebSocketApi(self.config.stack, one.name, one.stage, one.route_selection)

    @property
    def files(self) -> set[Path]:
        """Every file that what runs is made from: the config and what goes into the functions' zips."""
        packages = (_package(self.config, one) for one in self.config.functions.values())
        return {self.config.file, *(path for one in packages for _, path in one.files)}

    def plan_up(self, *, adopt: bool = False) -> Plan:
        """What makes AWS equal to the config."""
        leftovers, observed = self._observe(hearsay=True)
        plan = plan_up(self.resources, leftovers, observed, self.aws, adopt=adopt)
        return replace(plan, steps=tuple(self._spare_rows(step) for step in plan.steps))

    def _spare_rows(self, step: Step) -> Step:
        """The step; a table that the config no longer names is not deleted while it lists connections."""
        table = step.resource
        if step.action is not Action.DELETE or not isinstance(table, Table) or table.is_empty(self.aws):
            return step
        return Step(table, Action.KEEP, reason="not in the config any more, and holds rows; `down` deletes it")

    def plan_down(self) -> Plan:
        """What deletes everything of this stack, and of its earlier configs."""
        leftovers, observed = self._observe()
        return plan_down([*self.resources, *leftovers], observed)

    def _observe(self, *, hearsay: bool = False) -> tuple[list[Resource], dict[str, Live | Blocked | None]]:
        """What is left over from earlier configs, and the live state of that and of what the config asks for."""
        resources = self.resources
        with sharing(hearsay=hearsay):
            leftovers, observed = self.aws.together(self.leftovers, lambda: observe(resources, self.aws))
        with sharing():
            return leftovers, {**observed, **observe(leftovers, self.aws)}

    def remains(self) -> list[str]:
        """The names of what still exists of this stack and is its own."""
        return [step.name for step in self.plan_down().of(Action.DELETE)]

    def leftovers(self) -> list[Resource]:
        """What carries this stack's tag and is not in the config (any more)."""
        known = {one.name for one in self.resources}
        found = {one.name: one for one in self._tagged() if one.name not in known}
        return list(found.values())

    def url(self, name: str | None) -> str:
        """The chat's address, or that of the HTTP API with this name. Raises UsageError when there is none."""
        if name is not None and name not in self.config.http_apis:
            known = ", ".join(self.config.http_apis) or "none"
            near = suggestion(name, self.config.http_apis).removeprefix("; ")
            raise UsageError(f"The config has no HTTP API {name!r}", f"it has: {known}", near.capitalize())
        api: Api = self.websocket
        if name is not None:
            api = HttpApi(self.config.stack, self.config.http_apis[name].name, "$default", "")
        return self._found(api).outputs["websocket_url" if name is None else "http_url"]

    def connections_url(self, live: Mapping[str, Live | None]) -> str | None:
        """The @connections endpoint, when the WebSocket API is among what is live and is ours."""
        api = live.get(self.websocket.name)
        return api.outputs["connections_url"] if api and api.owner == self.config.stack else None

    def management(self) -> Management:
        """The chat's connections, to ask about, post to and close. Raises ChatopsError when there is no chat."""
        return Management(self.aws, self._found(self.websocket).outputs["connections_url"])

    def _found(self, api: Api) -> Live:
        live = api.observe(self.aws, lambda _: None)
        if not live or live.owner != self.config.stack:
            where = f"account {self.aws.account}, region {self.aws.region}"
            raise ChatopsError(f"{api.name} does not exist", where, "Run `chatops up` first, or check the region.")
        return live

    @property
    def page(self) -> str:
        """The name of the HTTP API that serves the chat page. Raises UsageError when the config has none."""
        for key in self.pages:
            return key
        raise UsageError(
            "The config has no chat page",
            f"no function of an HTTP API at GET / has an environment variable {WEBSOCKET_URL!r}",
            "Name an HTTP API, or give http_apis its default back.",
        )

    @property
    def pages(self) -> Iterator[str]:
        """The names of the HTTP APIs that serve a chat page."""
        for key, api in self.config.http_apis.items():
            for route, function in api.routes.items():
                if route == "GET /" and WEBSOCKET_URL in self.config.functions[function].environment.values():
                    yield key

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
        if websocket.allowed_origins and key == websocket.routes.get("$connect"):
            environment[ORIGINS] = ",".join(websocket.allowed_origins)
        return environment

    def _addresses(self, key: str, function: FunctionConfig) -> dict[str, tuple[Resource, str]]:
        addresses: dict[str, tuple[Resource, str]] = {
            key: (self.websocket, "websocket_url")
            for key, value in function.environment.items()
            if value == WEBSOCKET_URL
        }
        websocket = self.config.websocket
        if websocket.allowed_origins and key == websocket.routes.get("$connect"):
            for page in self.pages:
                api = HttpApi(self.config.stack, self.config.http_apis[page].name, "$default", "")
                addresses[ORIGINS] = (api, "origin")
        if self.aws.endpoint_url and any(one.action == MANAGE_CONNECTIONS for one in function.allow):
            addresses[CONNECTIONS_ENDPOINT] = (self.websocket, "connections_url")
        return addresses

    def _tagged(self) -> Iterator[Resource]:
        name, region = self.config.stack, self.aws.region

        def logs(function: str) -> LogGroup:
            return LogGroup(name, function, 1)

        def role(function: str) -> Role:
            return Role(name, function, region, (), (), "", None, "")

        for arn in tagged(self.aws, name):
            service, what = arn.split(":", 5)[2::3]
            if service == "dynamodb" and what.startswith("table/"):
                yield Table(name, what.removeprefix("table/"), DEFAULT_KEY)
            elif service == "logs" and what.startswith("log-group:/aws/lambda/"):
                yield logs(what.removeprefix("log-group:/aws/lambda/"))
            elif service == "lambda" and what.startswith("function:"):
                function = what.removeprefix("function:")
                yield Function(name, function, "", "", 0, 0, {}, "", bytes, role(function), logs(function), {})
                yield logs(function)
        for one in self.aws.pages("iam", "list_roles", "Roles", PathPrefix=role_path(name, region)):
            function = one["RoleName"].removesuffix(f"-{region}")
            yield from (role(function), logs(function))
        for one in every_api(self.aws):
            if one.get("Tags", {}).get(STACK_TAG) == name:
                api: Api
                if one["ProtocolType"] == "WEBSOCKET":
                    api = WebSocketApi(name, one["Name"], "", "")
                    yield from (api, WebSocketStage(name, api, {}, {}))
                else:
                    api = HttpApi(name, one["Name"], "", "")
                    yield from (api, HttpStage(name, api, {}, {}))


def outputs(stack: Stack, live: Mapping[str, Live | None]) -> dict[str, Any]:
    """The addresses that a stack gives its users."""
    api = live.get(stack.websocket.name)
    urls = {}
    for key, one in stack.config.http_apis.items():
        found = live.get(f"http_api.{one.name}")
        if found:
            urls[key] = found.outputs["http_url"]
    return {"websocket_url": api.outputs["websocket_url"] if api else None, "http_urls": urls}


def _limits(throttle: Throttle) -> tuple[Limit, dict[str, Limit]]:
    routes = {key: Limit(one.rate, one.burst) for key, one in throttle.routes.items()}
    return Limit(throttle.each.rate, throttle.each.burst), routes


def _package(config: Config, function: FunctionConfig) -> Package:
    try:
        return package(function.source, function.include)
    except SyntaxError as error:
        problem = f"{error.filename}:{error.lineno}: functions.{function.name}.source: {error.msg}"
        raise ConfigError(str(config.file), [problem]) from None
