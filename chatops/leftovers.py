"""What earlier configs left on AWS: everything that carries a stack's tag and is not in its config (any more)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .aws import STACK_TAG, Aws
from .deploy.resource import Resource
from .resources.api import Api, HttpApi, WebSocketApi, every_api
from .resources.function import Function
from .resources.log_group import PREFIX, LogGroup
from .resources.role import Role, role_path
from .resources.stage import HttpStage, WebSocketStage
from .resources.table import Table
from .resources.tagged import tagged

if TYPE_CHECKING:
    from .stack import Stack


def find(stack: Stack) -> list[Resource]:
    """What may be left over of a stack and is not in its config: enough of each to look at it and to delete it, and no
    more. Whether it exists, and whose it is, is for an observation to tell.
    """
    known = {one.name for one in stack.doomed}
    found = {one.name: one for one in _found(stack.aws, stack.config.stack) if one.name not in known}
    return list(found.values())


def _found(aws: Aws, stack: str) -> Iterator[Resource]:
    # A function has a role from its first moment on, while the listing by tags lags behind.
    arns, roles, apis = aws.together(
        lambda: tagged(aws, stack),
        lambda: list(aws.pages("iam", "list_roles", "Roles", PathPrefix=role_path(stack, aws.region))),
        lambda: every_api(aws),
    )
    for arn in arns:
        service, what = arn.split(":", 5)[2::3]
        if service == "dynamodb" and what.startswith("table/"):
            yield Table(stack, what.removeprefix("table/"), key="")
        elif service == "logs" and what.startswith(f"log-group:{PREFIX}"):
            yield LogGroup(stack, what.removeprefix(f"log-group:{PREFIX}"), retention=1)
        elif service == "lambda" and what.startswith("function:"):
            yield from _function(aws, stack, what.removeprefix("function:"))
    for one in roles:
        yield from _function(aws, stack, one["RoleName"].removesuffix(f"-{aws.region}"))
    for one in apis:
        if one.get("Tags", {}).get(STACK_TAG) == stack:
            api: Api
            if one["ProtocolType"] == "WEBSOCKET":
                api = WebSocketApi(stack, one["Name"], stage="", route_selection="")
                yield from (api, WebSocketStage(stack, api, {}, {}))
            else:
                api = HttpApi(stack, one["Name"], stage="", route_selection="")
                yield from (api, HttpStage(stack, api, {}, {}))


def _function(aws: Aws, stack: str, name: str) -> Iterator[Resource]:
    """A function with what belongs to it, each of which may be all that is left."""
    log_group = LogGroup(stack, name, retention=1)
    role = Role(stack, name, aws.region, allow=(), grants=(), table="", websocket=None, stage="")
    yield from (log_group, role)
    yield Function(
        stack=stack,
        function=name,
        runtime="",
        handler="",
        memory=0,
        timeout=0,
        environment={},
        code_sha256="",
        read_zip=bytes,
        role=role,
        log_group=log_group,
        addresses={},
    )
