"""The least that an operator has to be allowed, by what they do: deploy, observe or operate.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import leftovers
from ..resources.function import Function
from ..resources.log_group import LogGroup, log_group_arn
from ..resources.role import Role, role_path
from ..resources.table import Table
from ..stack import Stack

GROUPS = {
    "deploy": "up, plan, down",
    "observe": "status, plan, url, open, logs, metrics",
    "operate": "url, kick, send, prune, smoke, chat, invite",
    "diagnose": "doctor, find",
}
"""The groups of commands, and what is in them."""


@dataclass(frozen=True)
class Need:
    """Actions of one service, and what they are allowed on."""

    service: str
    actions: str
    resources: tuple[str, ...]
    condition: tuple[str, str] | None = None

    @property
    def names(self) -> list[str]:
        return [f"{self.service}:{action}" for action in self.actions.split()]


def policy(stack: Stack, groups: Iterable[str]) -> dict[str, Any]:
    """The policy document for these groups of commands together."""
    found: dict[tuple[tuple[str, ...], tuple[str, str] | None], dict[str, None]] = {}
    live = stack.websocket.observe(stack.aws, lambda _: None)
    names = _Names(stack, live.outputs["api_id"] if live else "*")
    for group in groups:
        for need in NEEDS[group](names):
            found.setdefault((need.resources, need.condition), {}).update(dict.fromkeys(need.names))
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": sorted(actions),
                "Resource": list(resources) if len(resources) > 1 else resources[0],
                **({"Condition": {"StringEquals": dict([condition])}} if condition else {}),
            }
            for (resources, condition), actions in found.items()
        ],
    }


class _Names:
    """The ARNs of everything of a stack, whether or not it exists, and of what earlier configs left of it."""

    def __init__(self, stack: Stack, api_id: str) -> None:
        aws, config = stack.aws, stack.config
        left = leftovers.find(stack)
        tables = dict.fromkeys([config.table.name, *(one.title for one in left if isinstance(one, Table))])
        functions = dict.fromkeys(one.name for one in config.functions.values())
        functions |= dict.fromkeys(one.function for one in left if isinstance(one, (Function, LogGroup, Role)))

        def anywhere(service: str, resource: str, account: str) -> str:
            return f"arn:{aws.partition}:{service}:*:{account}:{resource}"

        self.apis_anywhere = tuple(anywhere("apigateway", path, "") for path in ("/apis", "/apis/*"))
        self.table_anywhere = (anywhere("dynamodb", f"table/{config.table.name}", aws.account),)
        groups_anywhere = [f"log-group:/aws/lambda/{one}{end}" for one in functions for end in ("", ":*")]
        self.log_groups_anywhere = tuple(anywhere("logs", one, aws.account) for one in groups_anywhere)
        any_group = anywhere("logs", "log-group:*", aws.account)
        self.any_log_group_anywhere = ("*",) if aws.endpoint_url else (any_group,)
        self.roles_anywhere = (aws.arn("iam", f"role{role_path(config.stack, '*')}*", region=False),)
        self.functions_anywhere = tuple(anywhere("lambda", f"function:{one}", aws.account) for one in functions)
        self.gateway_account = (aws.arn("apigateway", "/account", account=False),)
        callers = tuple(aws.arn("iam", f"{kind}/*", region=False) for kind in ("role", "user"))
        self.callers = ("*",) if aws.endpoint_url else callers
        self.closed = config.websocket.auth == "iam"
        self.reserves = any(one.reserved_concurrency for one in config.functions.values())
        self.tables = tuple(aws.arn("dynamodb", f"table/{one}") for one in tables)
        self.table = self.tables[:1]
        self.functions = tuple(aws.arn("lambda", f"function:{one}") for one in functions)
        # CloudWatch Logs asks for some actions on the group and for others on what is in it.
        groups = [log_group_arn(aws, one) for one in functions]
        self.log_groups = tuple(arn + end for arn in groups for end in ("", ":*"))
        # Of a role that does not exist (yet) IAM does not know the path, and asks for one without.
        self.roles = tuple(
            aws.arn("iam", f"role{one}", region=False)
            for one in (role_path(config.stack, aws.region) + "*", *(f"/{name}-{aws.region}" for name in functions))
        )
        # AWS chooses the ids of APIs: before they exist nobody can name them.
        self.apis = tuple(aws.arn("apigateway", path, account=False) for path in ("/apis", "/apis/*"))
        self.tags = (aws.arn("apigateway", "/tags/*", account=False),)
        # What stands in for AWS does not see what some requests are about, and asks for these actions on everything.
        self.any_log_group = ("*",) if aws.endpoint_url else (aws.arn("logs", "log-group:*"),)
        self.new_functions = ("*",) if aws.endpoint_url else self.functions
        self.table_tags = ("*",) if aws.endpoint_url else self.tables
        self.own_table_tags = ("*",) if aws.endpoint_url else self.table
        self.stage = aws.arn("execute-api", f"{api_id}/{config.websocket.stage}")


def _reads(names: _Names) -> Iterator[Need]:
    yield Need("tag", "GetResources", ("*",))
    yield Need("iam", "ListRoles", ("*",))
    yield Need("iam", "GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies", names.roles)
    yield Need("dynamodb", "DescribeTable DescribeTimeToLive", names.tables)
    yield Need("dynamodb", "ListTagsOfResource", names.table_tags)
    yield Need("lambda", "GetFunction GetPolicy ListTags", names.functions)
    yield Need("logs", "DescribeLogGroups", names.any_log_group)
    yield Need("logs", "ListTagsForResource", names.log_groups)
    yield Need("apigateway", "GET", names.apis)


def _deploy(names: _Names) -> Iterator[Need]:
    yield from _reads(names)
    # Scan and GET: what is empty may be deleted, and who is connected is told before.
    yield Need("dynamodb", "CreateTable DeleteTable Scan UpdateTable UpdateTimeToLive", names.tables)
    yield Need("execute-api", "ManageConnections", (f"{names.stage}/GET/@connections/*",))
    yield Need("dynamodb", "TagResource", names.table_tags)
    yield Need(
        "iam",
        "CreateRole DeleteRole DeleteRolePolicy DetachRolePolicy PutRolePolicy TagRole UpdateAssumeRolePolicy",
        names.roles,
    )
    yield Need("iam", "PassRole", names.roles, ("iam:PassedToService", "lambda.amazonaws.com"))
    yield Need(
        "lambda",
        "AddPermission DeleteFunction GetFunctionConfiguration RemovePermission TagResource "
        "UpdateFunctionCode UpdateFunctionConfiguration" + (" PutFunctionConcurrency" if names.reserves else ""),
        names.functions,
    )
    yield Need("lambda", "CreateFunction", names.new_functions)
    yield Need("logs", "CreateLogGroup DeleteLogGroup PutRetentionPolicy TagResource", names.log_groups)
    yield Need("apigateway", "DELETE PATCH POST", names.apis)
    yield Need("apigateway", "POST", names.tags)
    # AWS was seen to ask for this where a stage is created with tags: https://github.com/aws-amplify/amplify-cli/issues/12316
    yield Need("apigateway", "TagResource", names.apis)


def _observe(names: _Names) -> Iterator[Need]:
    yield from _reads(names)
    yield Need("dynamodb", "Scan", names.tables)
    yield Need("execute-api", "ManageConnections", (f"{names.stage}/GET/@connections/*",))
    yield Need("logs", "FilterLogEvents", names.log_groups)
    yield Need("cloudwatch", "GetMetricData", ("*",))


def _operate(names: _Names) -> Iterator[Need]:
    yield Need("apigateway", "GET", names.apis[:1])
    # DescribeTable and ListTagsOfResource: no item is read or deleted before the table proves to be the stack's.
    yield Need("dynamodb", "DeleteItem DescribeTable Scan", names.table)
    yield Need("dynamodb", "ListTagsOfResource", names.own_table_tags)
    methods = tuple(f"{names.stage}/{method}/@connections/*" for method in ("DELETE", "GET", "POST"))
    yield Need("execute-api", "ManageConnections", methods)
    if names.closed:
        yield Need("execute-api", "Invoke", (f"{names.stage}/$connect",))


def _diagnose(names: _Names) -> Iterator[Need]:
    yield from _observe(names)
    # Of the account, and of whoever asks.
    yield Need("iam", "GetAccountSummary", ("*",))
    yield Need("iam", "GetRole SimulatePrincipalPolicy", names.callers)
    yield Need("lambda", "GetAccountSettings", ("*",))
    yield Need("dynamodb", "ListTables", ("*",))
    yield Need("servicequotas", "GetServiceQuota", ("*",))
    yield Need("apigateway", "GET", names.gateway_account)
    # What find looks for in every region.
    yield Need("account", "ListRegions", ("*",))
    yield Need("apigateway", "GET", names.apis_anywhere)
    yield Need("dynamodb", "DescribeTable ListTagsOfResource", names.table_anywhere)
    yield Need("lambda", "GetFunction ListTags", names.functions_anywhere)
    yield Need("iam", "GetRole", names.roles_anywhere)
    yield Need("logs", "DescribeLogGroups", names.any_log_group_anywhere)
    yield Need("logs", "ListTagsForResource", names.log_groups_anywhere)


NEEDS = {"deploy": _deploy, "observe": _observe, "operate": _operate, "diagnose": _diagnose}
