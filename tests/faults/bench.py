"""The fault bench: the command line, a proxy that breaks what it asks for, and what is there afterwards."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from ..forked import LIMIT, Finished, Running, start
from .proxy import CLEAR, Fault, Kind, Proxy, Weather

REGION, STACK = "ap-northeast-2", "websocket-chat"
HANDLERS = Path(__file__).parents[2] / "handlers"

SMALL = """
functions:
  connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  send: {source: handlers/send.py, allow: [dynamodb:Scan, execute-api:ManageConnections]}
websocket:
  routes: {$connect: connect, sendMessage: send}
http_apis:
  page: {routes: {GET /: connect}}
"""
"""Every kind of resource, and of most of them two."""


MAX_UNMET = 2
"""Kill points of one command, in all tests of it together, that a second run may not come to."""
Counts = Callable[..., None]
"""Tells under a title how many of what there were."""


@dataclass
class Bench:
    """An AWS of its own behind a proxy. `pace` is how long chatops's pauses last; None leaves it as it is."""

    upstream: str
    proxy: Proxy
    folder: Path
    reset_upstream: Callable[[], None]
    pace: float | None = 0.1
    environment: Mapping[str, str] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A copy: the handlers stay what they are for as long as a test runs.
        shutil.copytree(HANDLERS, self.folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))

    def start(self, *arguments: str, config: str = "") -> Running:
        """Starts a command against the proxy, with --json."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "HOME", "TMPDIR") if key in os.environ}
        environment = {
            **kept,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.environment,
        }
        more = ["--config", config] if config else []
        command = [*arguments, *more, "--json", "--endpoint-url", self.proxy.url]
        return start(command, self.folder, environment, pace=self.pace)

    def run(self, *arguments: str, config: str = "") -> Finished:
        return self.start(*arguments, config=config).end()

    def must(self, *arguments: str, config: str = "") -> Finished:
        """Runs a command that must end well."""
        finished = self.run(*arguments, config=config)
        assert finished.code == 0, f"{arguments}: {finished}"
        return finished

    def up(self, config: str = "") -> Finished:
        return self.must("up", "--yes", config=config)

    def down(self, config: str = "") -> Finished:
        return self.must("down", "--yes", config=config)

    def killed(self, kind: Kind, label: str, nth: int, *arguments: str, config: str = "") -> bool:
        """Runs a command that is killed at this call; False when the call was never made."""
        self.proxy.plan(Fault(kind, label=label, nth=nth))
        running: list[Running] = []
        began = threading.Event()

        def kill() -> None:
            assert began.wait(LIMIT)
            running[0].kill()

        self.proxy.kill = kill
        running.append(self.start(*arguments, config=config))
        began.set()
        finished = running[0].end()
        self.proxy.drain()
        hit = bool(self.proxy.broken)
        assert finished.code == (-9 if hit else 0), finished
        self.proxy.plan()
        return hit

    def write(self, text: str, name: str = "config.yaml") -> str:
        """A config in the bench's folder; gives its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def reset(self) -> None:
        """An empty AWS in clear weather."""
        self.proxy.drain()
        self.reset_upstream()
        self.proxy.forget()

    def client(self, service: str) -> Any:
        """boto3 straight to the AWS behind the proxy, as its root."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.upstream,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    def each(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        pages = self.client(service).get_paginator(operation).paginate(**arguments)
        return [one for page in pages for one in page[key]]

    def apis(self) -> list[Any]:
        return self.each("apigatewayv2", "get_apis", "Items")

    def api_id(self, name: str = "websocket-api") -> str:
        return str(next(one["ApiId"] for one in self.apis() if one["Name"] == name))

    def weather(self, weather: Weather = CLEAR, *faults: Fault) -> None:
        self.proxy.plan(*faults, weather=weather)

    def names(self) -> list[str]:
        """The name of everything that there is."""
        return [
            *self.client("dynamodb").list_tables()["TableNames"],
            *(one["RoleName"] for one in self.each("iam", "list_roles", "Roles")),
            *(one["FunctionName"] for one in self.each("lambda", "list_functions", "Functions")),
            *(one["logGroupName"] for one in self.each("logs", "describe_log_groups", "logGroups")),
            *(one["Name"] for one in self.apis()),
        ]

    def inventory(self) -> dict[str, Any]:
        """All that there is, in every detail that somebody could miss, without ids and times."""
        text = json.dumps(dict(self._things()), sort_keys=True, default=str)
        for api in self.apis():
            text = text.replace(api["ApiId"], f"<{api['Name']}>")
        found: dict[str, Any] = json.loads(text)
        for what in found.values():
            if isinstance(what, dict) and "permissions" in what:
                # What names an API that is gone lets nobody in, and goes with the function.
                alive = [one for one in what["permissions"] if ":execute-api:" not in one or ":<" in one]
                what["permissions"] = sorted(alive)
        return found

    def _things(self) -> Iterator[tuple[str, Any]]:
        dynamodb, iam, functions = self.client("dynamodb"), self.client("iam"), self.client("lambda")
        for name in dynamodb.list_tables()["TableNames"]:
            table = dynamodb.describe_table(TableName=name)["Table"]
            ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
            tags = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
            billing = table.get("BillingModeSummary", {}).get("BillingMode")
            yield f"table {name}", [table["KeySchema"], billing, ttl, tags]
        for role in self.each("iam", "list_roles", "Roles"):
            name = role["RoleName"]
            inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
            yield (
                f"role {name}",
                [
                    role["Path"],
                    role["AssumeRolePolicyDocument"],
                    {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline},
                    iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
                    iam.list_role_tags(RoleName=name)["Tags"],
                ],
            )
        for one in self.each("lambda", "list_functions", "Functions"):
            name = one["FunctionName"]
            kept = ("Runtime", "Handler", "MemorySize", "Timeout", "Environment", "Role", "CodeSha256")
            tags = functions.list_tags(Resource=one["FunctionArn"])["Tags"]
            about = {key: one.get(key) for key in kept}
            reserved = functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
            about["ReservedConcurrentExecutions"] = reserved
            yield f"function {name}", {**about, "tags": tags, "permissions": self.permissions(name)}
        for group in self.each("logs", "describe_log_groups", "logGroups"):
            arn = group["arn"].removesuffix(":*")
            tags = self.client("logs").list_tags_for_resource(resourceArn=arn)["tags"]
            yield f"log group {group['logGroupName']}", [group.get("retentionInDays"), tags]
        for number, api in enumerate(sorted(self.apis(), key=lambda one: str(one["Name"]))):
            yield f"api {number} {api['Name']}", self._api(api)

    def _api(self, api: Any) -> Any:
        given = {"ApiId": api["ApiId"]}
        integrations = {
            one["IntegrationId"]: [one["IntegrationType"], one["IntegrationUri"], one.get("PayloadFormatVersion")]
            for one in self.each("apigatewayv2", "get_integrations", "Items", **given)
        }
        routes = self.each("apigatewayv2", "get_routes", "Items", **given)
        deployments = {
            one["DeploymentId"]: one.get("Description")
            for one in self.each("apigatewayv2", "get_deployments", "Items", **given)
        }
        stages = {
            one["StageName"]: [
                one.get("AutoDeploy", False),
                deployments.get(one.get("DeploymentId", "")),
                one.get("DefaultRouteSettings", {}).get("ThrottlingRateLimit"),
                one.get("DefaultRouteSettings", {}).get("ThrottlingBurstLimit"),
                {route: limit for route, limit in one.get("RouteSettings", {}).items() if limit},
            ]
            for one in self.each("apigatewayv2", "get_stages", "Items", **given)
        }
        arn = f"arn:aws:apigateway:{REGION}::/apis/{api['ApiId']}"
        return {
            "protocol": api["ProtocolType"],
            "selection": api["RouteSelectionExpression"],
            "tags": self.client("apigatewayv2").get_tags(ResourceArn=arn)["Tags"],
            "integrations": sorted(integrations.values()),
            "routes": {
                one["RouteKey"]: [
                    one.get("AuthorizationType"),
                    integrations.get(str(one.get("Target", "")).partition("/")[2]),
                ]
                for one in routes
            },
            "stages": stages,
            "deployments of ours": sorted(one for one in deployments.values() if str(one).startswith("chatops ")),
        }

    def permissions(self, function: str) -> list[Any]:
        """Who may invoke a function."""
        functions = self.client("lambda")
        try:
            policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
        except functions.exceptions.ResourceNotFoundException:
            return []
        return [f"{one['Principal']} {one.get('Condition')}" for one in policy["Statement"]]
