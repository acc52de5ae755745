"""Config → resources: the picture of what runs on AWS, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from . import leftovers
from .aws import Aws
from .config import OWN, WEBSOCKET_URL, Config, Throttle
from .config import Function as FunctionConfig
from .config import Table as TableConfig
from .deploy.plan import Action, Plan, Step, observe, plan_down, plan_up
from .deploy.resource import Blocked, Live, Resource, sharing
from .errors import ChatopsError, UsageError
from .handler import packages
from .ops.management import Management
from .package import Package
from .reader import question
from .resources.api import Api, HttpApi, WebSocketApi
from .resources.function import Function
from .resources.log_group import LogGroup
from .resources.role import MANAGE_CONNECTIONS, Grant, Role
from .resources.stage import HttpStage, Stage, WebSocketStage
from .resources.table import Table
from .resources.throttle import Limit

SERVICES = ("resourcegroupstaggingapi", "dynamodb", "logs", "apigatewayv2", "iam", "lambda")
"""Whom a plan asks, in the order in which it does."""
DEFAULT_KEY = "connectionId"
LOOKS = 4
"""How often `down` looks again for log groups that come back."""
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
        return self._resources(self.packages)

    @cached_property
    def doomed(self) -> list[Resource]:
        """The same without the functions' code: to delete something, nobody needs a handler that can be packed."""
        return self._resources(dict.fromkeys(self.config.functions, Package(())))

    def _resources(self, packages: Mapping[str, Package]) -> list[Resource]:
        config, name, region = self.config, self.config.stack, self.aws.region
        table = Table(name, config.table.name, config.table.key)
        websocket, web = self.websocket, self.web
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
        """The functions' code, by their keys in the config. Raises ConfigError where Lambda could not start one."""
        return packages(self.config)

    @property
    def files(self) -> set[Path]:
        """Every file that what runs is made from: the config and what goes into the functions' zips."""
        return {self.config.file, *(path for one in self.packages.values() for _, path in one.files)}

    def plan_up(self, *, adopt: bool = False) -> Plan:
        """What makes AWS equal to the config."""
        left, observed = self._observe(self.resources, hearsay=True)
        plan = plan_up(self.resources, left, observed, self.aws, adopt=adopt)
        return replace(plan, steps=tuple(self._spare_rows(step) for step in plan.steps))

    def _spare_rows(self, step: Step) -> Step:
        """The step; a table that the config no longer names is not deleted while it lists connections."""
        table = step.resource
        if step.action is not Action.DELETE or not isinstance(table, Table):
            return step
        if table.is_empty(self.aws):
            return replace(step, resource=replace(table, spares_rows=True))
        return Step(table, Action.KEEP, reason="not in the config any more, and holds rows; `down` deletes it")

    def plan_down(self) -> Plan:
        """What deletes everything of this stack, and of its earlier configs."""
        left, observed = self._observe(self.doomed)
        return plan_down([*self.doomed, *left], observed)

    def _observe(
        self, resources: list[Resource], *, hearsay: bool = False
    ) -> tuple[list[Resource], dict[str, Live | Blocked | None]]:
        """What is left over from earlier configs, and the live state of that and of these resources."""
        with sharing(hearsay=hearsay):
            left, observed = self.aws.together(self.leftovers, lambda: observe(resources, self.aws))
        with sharing():
            return left, {**observed, **observe(left, self.aws)}

    def remains(self, deleted: Sequence[Resource] = ()) -> list[str]:
        """The names of what exists of this stack and is its own, and of what was `deleted` and is back without a tag.

        A function's last invocation can bring its log group back: that one is deleted again.
        """
        for look in range(LOOKS):
            left, observed = self._observe(self.doomed)
            unseen = [one for one in deleted if one.name not in observed and isinstance(one, LogGroup)]
            observed |= observe(unseen, self.aws)
            back = [one for one in deleted if _may_be_ours(observed.get(one.name), self.config.stack)]
            groups = [one for one in back if isinstance(one, LogGroup)]
            if not groups or look == LOOKS - 1:
                break
            self.aws.together(*(partial(one.delete, self.aws, lambda _: None) for one in groups))
            self.aws.pause(1.0)
        ours = [step.resource for step in plan_down([*self.doomed, *left], observed).of(Action.DELETE)]
        return sorted({one.name for one in (*ours, *back)})

    def leftovers(self) -> list[Resource]:
        """What carries this stack's tag and is not in the config (any more)."""
        return leftovers.find(self.aws, self.config.stack, {one.name for one in self.doomed})

    def url(self, name: str | None) -> str:
        """The chat's address, or that of the HTTP API with this name. Raises UsageError when there is none."""
        if name is None:
            return self._found(self.websocket).outputs["websocket_url"]
        if name not in self.web:
            known = ", ".join(self.web) or "none"
            near = question(name, self.web)
            raise UsageError(
                "no-such-http-api",
                f"The config has no HTTP API {name!r}",
                f"it has: {known}",
                near or "Give one of these names.",
            )
        return self._found(self.web[name]).outputs["http_url"]

    def is_in(self, plan: Plan) -> bool:
        """Whether anything that a plan has seen is the stack's own."""
        return any(one and one.owner == self.config.stack for one in plan.live.values())

    def tables(self, plan: Plan) -> list[TableConfig]:
        """Every table of a plan that exists, of an earlier config too, with the key that it has."""
        found = ((step.resource, plan.live.get(step.name)) for step in plan.steps)
        return [
            TableConfig(table.table, next(iter(live.properties["key"])))
            for table, live in found
            if isinstance(table, Table) and live
        ]

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
            raise ChatopsError(
                "not-deployed",
                f"{api.name} does not exist",
                f"the stack {self.config.stack} has none in {where}",
                "Run `chatops up` first; or check the region: `chatops find` looks in all.",
            )
        return live

    @property
    def page(self) -> str:
        """The name of the HTTP API that serves the chat page. Raises UsageError when the config has none."""
        for key in self.config.pages:
            return key
        raise UsageError(
            "no-chat-page",
            "The config has no chat page",
            f"no function at the root of an HTTP API has an environment variable with the value {WEBSOCKET_URL}",
            "Name an HTTP API, or give http_apis its default back.",
        )

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
        if self.aws.endpoint_url and any(one.action == MANAGE_CONNECTIONS for one in function.allow):
            addresses[CONNECTIONS_ENDPOINT] = ((self.websocket, "connections_url"),)
        return addresses


def outputs(stack: Stack, live: Mapping[str, Live | None]) -> dict[str, Any]:
    """The addresses that a stack gives its users."""
    api = live.get(stack.websocket.name)
    urls = {}
    for key, one in stack.config.http_apis.items():
        found = live.get(f"http_api.{one.name}")
        if found:
            urls[key] = found.outputs["http_url"]
    return {"websocket_url": api.outputs["websocket_url"] if api else None, "http_urls": urls}


def _may_be_ours(seen: Live | Blocked | None, stack: str) -> bool:
    return isinstance(seen, Live) and seen.owner in (None, stack)


def _limits(throttle: Throttle) -> tuple[Limit, dict[str, Limit]]:
    routes = {key: Limit(one.rate, one.burst) for key, one in throttle.routes.items()}
    return Limit(throttle.each.rate, throttle.each.burst), routes
