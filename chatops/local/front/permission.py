"""Who may do what: role and user policies for callers, resource policies for functions.

The documents come from the local IAM and Lambda; one that allows is kept for a second. MiniStack's own evaluator reads
them, so a policy means here what it means in every other service of the local AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ministack.core import iam_evaluator as iam

from .aws import LocalAws
from .caller import Caller

T = TypeVar("T")

KEPT = 1.0
"""Seconds for which a policy that allows is remembered. On AWS a change takes longer than that to be seen."""

GATEWAY = "apigateway.amazonaws.com"


class Permissions:
    """Asks the policies of the local AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._kept: dict[str, tuple[float, Any]] = {}

    async def may(self, caller: Caller, action: str, resource: str) -> bool:
        """Whether a caller's own policies, and its boundary if it has one, allow an action.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
        """
        if caller.is_root:
            return True
        context = _context(caller.arn, caller.type, caller.account, action, resource, self._aws.region)

        def allowed(found: tuple[list[Any], list[Any] | None]) -> bool:
            policies, boundary = found
            limits = [boundary] if boundary is not None else []
            return bool(iam.evaluate(context, policies, *limits).decision == "Allow")

        return await self._check(caller.arn, lambda: self._identity_policies(caller), allowed)

    async def may_invoke(self, function_arn: str, source_arn: str) -> bool:
        """Whether a function's resource policy lets API Gateway invoke it for the route with this ARN.

        https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html
        """
        return await self._check(
            function_arn,
            lambda: self._resource_policy(function_arn),
            lambda policy: is_allowed_to_invoke(policy, function_arn, source_arn),
        )

    async def _check(self, key: str, read: Callable[[], T], allows: Callable[[T], bool]) -> bool:
        """Whether a policy allows something: the one that is remembered, or else the one that there is now."""
        at, remembered = self._kept.get(key, (0.0, None))
        if time.monotonic() - at < KEPT and allows(remembered):
            return True
        policy = await self._aws.ask(read)
        self._kept[key] = (time.monotonic(), policy)
        return allows(policy)

    def _resource_policy(self, function_arn: str) -> Any:
        functions = self._aws.functions
        try:
            return json.loads(functions.get_policy(FunctionName=function_arn)["Policy"])
        except functions.exceptions.ResourceNotFoundException:
            return None

    def _identity_policies(self, caller: Caller) -> tuple[list[Any], list[Any] | None]:
        """The parsed policies of a role or user, and those of its permissions boundary."""
        client = self._aws.iam
        try:
            if caller.type == "AssumedRole":
                role = client.get_role(RoleName=caller.name)["Role"]
                return [*self._documents("role", caller.name)], self._boundary(role)
            user = client.get_user(UserName=caller.name)["User"]
            groups = [group["GroupName"] for group in client.list_groups_for_user(UserName=caller.name)["Groups"]]
            own = self._documents("user", caller.name)
            return [*own, *(one for group in groups for one in self._documents("group", group))], self._boundary(user)
        except client.exceptions.NoSuchEntityException:
            return [], None

    def _documents(self, kind: str, name: str) -> Iterator[Any]:
        """The inline and attached policies of a `role`, `user` or `group`."""
        client, who = self._aws.iam, {f"{kind.capitalize()}Name": name}
        for page in client.get_paginator(f"list_{kind}_policies").paginate(**who):
            for policy in page["PolicyNames"]:
                found = getattr(client, f"get_{kind}_policy")(PolicyName=policy, **who)
                yield iam.parse_policy_document(found["PolicyDocument"])
        for page in client.get_paginator(f"list_attached_{kind}_policies").paginate(**who):
            for attached in page["AttachedPolicies"]:
                yield self._managed(attached["PolicyArn"])

    def _boundary(self, entity: Any) -> list[Any] | None:
        arn = entity.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return [self._managed(arn)] if arn else None

    def _managed(self, arn: str) -> Any:
        client = self._aws.iam
        version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        return iam.parse_policy_document(document)


def is_allowed_to_invoke(policy: Any, function_arn: str, source_arn: str) -> bool:
    """Whether a resource policy lets API Gateway invoke a function on behalf of a route; without a policy, no."""
    account = source_arn.split(":")[4]
    context = _context("", "Service", account, "lambda:InvokeFunction", function_arn, "")
    context.service_context = {"aws:sourcearn": source_arn, "aws:sourceaccount": account}
    return bool(iam.evaluate_resource_policy(policy, context, service=GATEWAY).decision == "Allow")


def _context(arn: str, kind: str, account: str, action: str, resource: str, region: str) -> Any:
    return iam.EvalContext(
        principal_arn=arn,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
    )
