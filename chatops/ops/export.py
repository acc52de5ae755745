"""The stack as a CloudFormation template, for who wants to go on without chatops.

What a resource should be is asked of the resource itself, in an account and region that are references: every name,
policy and address in the template is made by the code that makes it on AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..aws import Aws
from ..config import Config
from ..deploy.resource import Live, Properties, Resource
from ..resources.api import Api, HttpApi, WebSocketApi
from ..resources.function import Function
from ..resources.log_group import LogGroup
from ..resources.permission import GRANT
from ..resources.role import Role
from ..resources.route import integration_settings
from ..resources.stage import HttpStage, Stage, WebSocketStage
from ..resources.table import Table
from ..resources.throttle import route_settings
from ..stack import Stack
from .references import Anywhere, capitalized, ref, referring

DESCRIPTION = "The chat {stack}, as chatops export wrote it. Upload code/ to the bucket first."
PARAMETERS = {
    "CodeBucket": {
        "Type": "String",
        "Description": "The S3 bucket, in the stack's region, that holds the zips of code/",
    },
    "CodePrefix": {
        "Type": "String",
        "Default": "",
        "Description": "What stands before their names there, such as chat/",
    },
}
Entry = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Export:
    """A template, and the zips that its functions run, each by the name that the template looks for."""

    template: dict[str, Any]
    code: Mapping[str, Callable[[], bytes]]


def export(config: Config, like: Aws | None = None) -> Export:
    """The template of a config, for AWS or for what `like` leads to instead."""
    return _Exporter(Stack(config, Anywhere(like))).export()


class _Exporter:
    """Walks the resources of a stack; each has its own logical name, and some bring others with them."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.aws = stack, stack.aws
        self._ids: dict[tuple[str, ...], str] = {}
        self._code: dict[str, Callable[[], bytes]] = {}

    def export(self) -> Export:
        resources: dict[str, Any] = {}
        for one in self.stack.resources:
            for logical_id, entry in WRITERS[type(one)](self, one, one.desired(self.aws, self._look)):
                resources[logical_id] = referring(entry)
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": DESCRIPTION.format(stack=self.stack.config.stack),
            "Parameters": PARAMETERS,
            "Resources": resources,
            "Outputs": referring(self._outputs()),
        }
        return Export(template, self._code)

    def id(self, resource: Resource, *more: str) -> str:
        """The logical name of a resource, or of something that comes with it."""
        return self._id(
            (resource.name, *more), [resource.title.rpartition("/")[2], *more], "" if more else resource.kind
        )

    def ref(self, resource: Resource, attribute: str = "") -> str:
        return ref(self.id(resource) + attribute)

    def _id(self, key: tuple[str, ...], words: list[str], kind: str) -> str:
        """Letters and digits, as CloudFormation wants them, and different for different things."""
        plain, end = capitalized(*words), capitalized(kind)
        plain = plain if plain.endswith(end) else plain + end
        if key not in self._ids:
            taken = set(self._ids.values())
            names = (plain, *(f"{plain}{number}" for number in range(2, len(taken) + 3)))
            self._ids[key] = next(name for name in names if name not in taken)
        return self._ids[key]

    def _look(self, resource: Resource) -> Live | None:
        if isinstance(resource, Api):
            api_id = self.ref(resource)
            return Live({}, {"api_id": api_id, **resource.addresses(self.aws, api_id)})
        return Live({}, {"arn": self.ref(resource, ".Arn")})

    def _outputs(self) -> dict[str, Any]:
        stages = (one for one in self.stack.resources if isinstance(one, Stage))
        found = {}
        for stage in stages:
            addresses = stage.api.addresses(self.aws, self.ref(stage.api))
            key = "websocket_url" if isinstance(stage, WebSocketStage) else "http_url"
            found[self.id(stage.api, "Url")] = {"Description": stage.api.api, "Value": addresses[key]}
        return found

    def table(self, one: Table, wanted: Properties) -> Iterator[Entry]:
        (key,) = wanted["key"]
        yield (
            self.id(one),
            {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": one.table,
                    "BillingMode": wanted["billing"],
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": key, "AttributeType": wanted["key"][key]}],
                    "TimeToLiveSpecification": {"AttributeName": wanted["time_to_live"], "Enabled": True},
                },
            },
        )

    def log_group(self, one: LogGroup, wanted: Properties) -> Iterator[Entry]:
        properties = {"LogGroupName": one.title, "RetentionInDays": wanted["retention"]}
        yield self.id(one), {"Type": "AWS::Logs::LogGroup", "Properties": properties}

    def role(self, one: Role, wanted: Properties) -> Iterator[Entry]:
        # Without the path by which chatops finds its own: this role is CloudFormation's.
        policies = [{"PolicyName": name, "PolicyDocument": document} for name, document in wanted["policies"].items()]
        properties = {"RoleName": one.title, "AssumeRolePolicyDocument": wanted["trust"], "Policies": policies}
        yield self.id(one), {"Type": "AWS::IAM::Role", "Properties": properties}

    def function(self, one: Function, wanted: Properties) -> Iterator[Entry]:
        # The hash is in the name: where the code differs, CloudFormation sees a difference.
        archive = f"{one.function}-{base64.b64decode(one.code_sha256).hex()[:16]}.zip"
        self._code[archive] = one.read_zip
        environment = {"Environment": {"Variables": wanted["environment"]}} if wanted["environment"] else {}
        reserved = wanted.get("reserved_concurrency")
        yield (
            self.id(one),
            {
                "Type": "AWS::Lambda::Function",
                "DependsOn": [self.id(one.log_group)],
                "Properties": {
                    "FunctionName": one.function,
                    "Runtime": wanted["runtime"],
                    "Handler": wanted["handler"],
                    "MemorySize": wanted["memory"],
                    "Timeout": wanted["timeout"],
                    "Role": wanted["role"],
                    "Code": {"S3Bucket": ref("CodeBucket"), "S3Key": f"{ref('CodePrefix')}{archive}"},
                    **environment,
                    **({"ReservedConcurrentExecutions": reserved} if reserved else {}),
                },
            },
        )

    def api(self, one: Api, wanted: Properties) -> Iterator[Entry]:
        properties = {
            "Name": one.api,
            "ProtocolType": one.protocol,
            "RouteSelectionExpression": wanted["route_selection"],
        }
        yield self.id(one), {"Type": "AWS::ApiGatewayV2::Api", "Properties": properties}

    def stage(self, one: Stage, wanted: Properties) -> Iterator[Entry]:
        api_id = {"ApiId": self.ref(one.api)}
        integrations: dict[str, str] = {}
        routes = []
        for key, route in wanted["routes"].items():
            function = one.routes[key]
            if function.name not in integrations:
                integrations[function.name] = self.id(one.api, function.function, "Integration")
                uri = {"IntegrationUri": route["integration"]}
                properties = {**api_id, **uri, **integration_settings(one.payload_format)}
                yield integrations[function.name], {"Type": "AWS::ApiGatewayV2::Integration", "Properties": properties}
            routes.append(self.id(one.api, key, "Route"))
            properties = {
                **api_id,
                "RouteKey": key,
                "AuthorizationType": route["authorization"],
                "Target": f"integrations/{ref(integrations[function.name])}",
            }
            yield routes[-1], {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}
            source = one.source_arn(self.aws, self.ref(one.api), key)
            properties = {**GRANT, "FunctionName": self.ref(function), "SourceArn": source}
            yield (
                self.id(one.api, key, "Permission"),
                {"Type": "AWS::Lambda::Permission", "Properties": properties},
            )
        ((name, stage),) = wanted["stages"].items()
        # A deployment is a snapshot: other routes make another one. What stands in for AWS has no such resource.
        deploys = stage["deployment"] and not self.aws.endpoint_url
        deployment = self.id(one.api, "Deployment", str(stage["deployment"]).split()[-1]) if deploys else ""
        if deploys:
            properties = {**api_id, "Description": stage["deployment"]}
            yield (
                deployment,
                {"Type": "AWS::ApiGatewayV2::Deployment", "DependsOn": routes, "Properties": properties},
            )
        live = {"DeploymentId": ref(deployment)} if deploys else {"AutoDeploy": True}
        properties = {**api_id, "StageName": name, **live, **route_settings(stage)}
        yield self.id(one), {"Type": "AWS::ApiGatewayV2::Stage", "DependsOn": routes, "Properties": properties}


WRITERS: dict[type[Resource], Callable[[_Exporter, Any, Properties], Iterator[Entry]]] = {
    Table: _Exporter.table,
    LogGroup: _Exporter.log_group,
    Role: _Exporter.role,
    Function: _Exporter.function,
    WebSocketApi: _Exporter.api,
    HttpApi: _Exporter.api,
    WebSocketStage: _Exporter.stage,
    HttpStage: _Exporter.stage,
}
"""What every kind of resource is in a template."""
