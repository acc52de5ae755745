"""A stand to try one resource on: the parts of a small stack, and the engine run over one of them and what it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import moto.core.models  # noqa: F401  (a session that is older than this import would ask the real AWS)
from botocore.exceptions import ClientError
from pytest import MonkeyPatch

from chatops.aws import Aws, Interrupted, TimedOut
from chatops.config.files import File
from chatops.deploy.apply import Outcome, apply
from chatops.deploy.plan import Plan, observe, plan_down, plan_up
from chatops.deploy.resource import Live, Resource
from chatops.package import Package
from chatops.resources.api import Api, HttpApi, WebSocketApi
from chatops.resources.function import Function
from chatops.resources.log_group import LogGroup
from chatops.resources.role import MANAGE_CONNECTIONS, Role
from chatops.resources.stage import HttpStage, WebSocketStage
from chatops.resources.table import Table

STACK, REGION = "chat", "ap-northeast-2"
READS = ("Get", "List", "Describe")


class Killed(Exception):
    """The process that made the call is dead."""


class StandAws(Aws):
    """AWS almost without the waiting, that can end a run before or after any call that changes something."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        super().__init__(REGION, endpoint_url=endpoint_url, keys=("test", "test"))
        # A server gets ready by itself, in this process nothing does: then waiting for longer is waiting for ever.
        self.patience = 600.0 if endpoint_url else 30.0
        self.calls: list[str] = []
        self._kill_at: tuple[int, str] | None = None
        self.is_dead = False
        self.waited = 0.0
        self._writing = threading.Lock()

    def kill_at(self, number: int | None, moment: str = "") -> None:
        """Dies at the write with this number, counted from now; None revives."""
        self.calls, self.is_dead = [], False
        self._kill_at = None if number is None else (number, moment)

    @property
    def _session(self) -> Any:
        return shared_session()

    def pause(self, seconds: float) -> None:
        self.waited += seconds
        if self.stop.wait(0.02 if self.endpoint_url else 0):
            raise Interrupted
        if self.waited > self.patience:
            raise TimedOut(f"somebody would wait for more than {self.patience} seconds")

    def _make_client(self, service: str, endpoint_url: str | None) -> Any:
        with MonkeyPatch.context() as patch:
            patch.setattr("chatops.aws.RATES", {})
            client = super()._make_client(service, endpoint_url)
        client.meta.events.register("before-call", self._before)
        client.meta.events.register("after-call", self._after)
        if self.endpoint_url:
            client.meta.events.register("after-call.apigatewayv2.GetApis", self._show_the_tags_of_now)
        return client

    def _before(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        with self._writing:
            if self.is_dead:
                raise Killed
            if not model.name.startswith(READS):
                context["write"] = len(self.calls)
                self.calls.append(model.name)
                self._die_at(context, "before")

    def _after(self, context: dict[str, Any], **_: Any) -> None:
        with self._writing:
            if self.is_dead:
                raise Killed
            self._die_at(context, "after")

    def _show_the_tags_of_now(self, parsed: dict[str, Any], **_: Any) -> None:
        # MiniStack lists an API with the tags of its creation; AWS with those that it has.
        for api in parsed.get("Items", ()):
            arn = self.arn("apigateway", f"/apis/{api['ApiId']}", account=False)
            api["Tags"] = self.client("apigatewayv2").get_tags(ResourceArn=arn)["Tags"]

    def _die_at(self, context: dict[str, Any], moment: str) -> None:
        if self._kill_at and (context.get("write"), moment) == self._kill_at:
            self.is_dead = True
            raise Killed


class Scripted:
    """A client that gives its answers in order, and the last one for ever. An answer that is an error is raised."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: [*given] if isinstance(given, list) else [given] for name, given in answers.items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def called(self, *names: str) -> list[str]:
        """The operations that were called, in order; of these alone, when any are named."""
        return [name for name, _ in self.calls if not names or name in names]

    def given(self, name: str) -> list[dict[str, Any]]:
        """What each call of one operation was given."""
        return [arguments for called, arguments in self.calls if called == name]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            assert name in self._answers, f"{name} was not expected"
            self.calls.append((name, arguments))
            answers = self._answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer.with_traceback(None)
            return answer

        return call


class ScriptedAws(StandAws):
    """AWS by scripted clients, in a time that passes only while somebody waits."""

    def __init__(self, **clients: Scripted) -> None:
        super().__init__()
        self.scripts = {name.rstrip("_"): client for name, client in clients.items()}
        self.patience = 600.0
        self.__dict__["account"] = "123456789012"

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        return self.scripts[service]

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        yield from getattr(self.client(service), operation)(**arguments).get(key, ())

    @contextmanager
    def time_flies(self) -> Iterator[None]:
        """Within it the clock that limits waiting is the one that passes only while somebody waits."""
        with MonkeyPatch.context() as patch:
            patch.setattr("chatops.aws.time", SimpleNamespace(monotonic=lambda: self.waited))
            yield


@cache
def _stand(endpoint_url: str | None) -> StandAws:
    return StandAws(endpoint_url)


def stand_aws(endpoint_url: str | None = None) -> StandAws:
    """One for all tests, as good as new: making its clients takes longer than most tests."""
    aws = _stand(endpoint_url)
    aws.kill_at(None)
    aws.waited = 0.0
    aws.stop.clear()
    return aws


@cache
def shared_session() -> Any:
    """One session for all: reading AWS's models is what takes the time."""
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return session


def table() -> Table:
    return Table(STACK, "connections", "connectionId")


def websocket(name: str = "chat") -> WebSocketApi:
    return WebSocketApi(STACK, name, "demo", "$request.body.action")


def http(name: str = "page") -> HttpApi:
    return HttpApi(STACK, name, "$default", "$request.method $request.path")


def log_group(function: str = "send") -> LogGroup:
    return LogGroup(STACK, function, 14)


def role(function: str = "send", api: Api | None = None) -> Role:
    allow = ("dynamodb:Scan", *([MANAGE_CONNECTIONS] if api else []))
    return Role(STACK, function, REGION, allow, (), table().table, api, "demo")


def code(text: str = "def lambda_handler(event, context):\n    return {'statusCode': 200}\n") -> Package:
    """A function's package with one file."""
    path = Path("send.py")
    return Package((("send.py", File(path, path, text.encode())),))


def function(name: str = "send", api: Api | None = None, package: Package | None = None) -> Function:
    package = package or code()
    return Function(
        STACK,
        name,
        "python3.12",
        "send.lambda_handler",
        128,
        10,
        {"WEBSOCKET_TABLE": "connections"},
        package.sha256,
        package.read,
        role(name, api),
        log_group(name),
        {"CHAT_URL": ((api, "websocket_url"),)} if api else {},
    )


def websocket_stage(*more: str, api: WebSocketApi | None = None) -> WebSocketStage:
    """A stage with $connect, and more routes to the same function."""
    api = api or websocket()
    send = function(api=api)
    return WebSocketStage(STACK, api, dict.fromkeys(("$connect", *more), send), {})


def http_stage(*more: str) -> HttpStage:
    """A stage with GET /, and more routes to the same function."""
    send = function()
    return HttpStage(STACK, http(), dict.fromkeys(("GET /", *more), send), {})


def closure(*resources: Resource) -> list[Resource]:
    """The resources after all that they need."""
    found: dict[str, Resource] = {}

    def add(resource: Resource) -> None:
        for need in resource.dependencies:
            if need.name not in found:
                add(need)
        found[resource.name] = resource

    for resource in resources:
        add(resource)
    return list(found.values())


def plan(aws: Aws, *resources: Resource, adopt: bool = False) -> Plan:
    """What makes AWS equal to these resources and what they need."""
    everything = closure(*resources)
    return plan_up(everything, [], observe(everything, aws), aws, adopt=adopt)


def plan_to_delete(aws: Aws, *resources: Resource) -> Plan:
    """What deletes these resources and what they need."""
    everything = closure(*resources)
    return plan_down(everything, observe(everything, aws))


def carry_out(aws: Aws, plan: Plan) -> Outcome:
    """Applies a plan. Nothing lags here, so what does not show at once never will."""
    return apply(plan, aws, lambda _: None, aws.stop, settle=0)


def up(aws: Aws, *resources: Resource, adopt: bool = False) -> Outcome:
    """Brings resources up, with what they need; a failure is raised."""
    return _raised(carry_out(aws, plan(aws, *resources, adopt=adopt)))


def down(aws: Aws, *resources: Resource) -> Outcome:
    """Takes resources down, with what they need; a failure is raised."""
    return _raised(carry_out(aws, plan_to_delete(aws, *resources)))


def live(aws: Aws, resource: Resource) -> Live | None:
    """What a resource is now."""
    seen = observe(closure(resource), aws)[resource.name]
    if isinstance(seen, Exception):
        raise seen
    return seen


def properties(aws: Aws, resource: Resource) -> Mapping[str, Any]:
    """The properties of a resource that exists."""
    seen = live(aws, resource)
    assert seen, f"{resource.name} does not exist"
    return seen.properties


def outputs(aws: Aws, resource: Resource) -> Mapping[str, str]:
    """The outputs of a resource that exists."""
    seen = live(aws, resource)
    assert seen, f"{resource.name} does not exist"
    return seen.outputs


def differing(aws: Aws, resource: Resource, *, adopt: bool = False) -> list[str]:
    """The paths at which a resource differs from what it should be."""
    step = next(step for step in plan(aws, resource, adopt=adopt).steps if step.name == resource.name)
    return [change.path for change in step.changes]


def routes_to(stage: WebSocketStage, **routes: str) -> WebSocketStage:
    """The same stage with other routes, each to the function with this name."""
    made = {name: function(name, stage.api) for name in routes.values()}
    return replace(stage, routes={route: made[name] for route, name in routes.items()})


def client_error(code: str, message: str = "", operation: str = "Operation", status: int = 400) -> ClientError:
    """An error as botocore raises it."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)


def _raised(outcome: Outcome) -> Outcome:
    for error in outcome.failed.values():
        raise error
    return outcome


def walk_kinds(kind: type[Resource] = Resource) -> Iterator[type[Resource]]:
    """Every kind of resource: the classes that no other class refines."""
    for one in kind.__subclasses__():
        if one.__module__.startswith("chatops."):
            yield from walk_kinds(one)
            if not any(other.__module__.startswith("chatops.") for other in one.__subclasses__()):
                yield one
