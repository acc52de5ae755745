"""The role of one function: what it may do, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, code, existing_is_fine
from ..deploy.resource import Change, Live, Look, Properties, Resource, is_glance_enough, output, progress
from .api import Api
from .log_group import log_group_arn
from .table import table_arn
from .tagged import tag_list, tag_value

POLICY = "chatops"
"""The name of the role's one inline policy."""

MANAGE_CONNECTIONS = "execute-api:ManageConnections"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Grant:
    """Actions that the user allows on resources that the stack does not know."""

    action: str
    resource: str


@dataclass(frozen=True, eq=False)
class Role(Resource):
    """A role for one function, with one inline policy.

    `allow` are the actions on the stack's own table and WebSocket API; ManageConnections is limited to posting.
    Roles belong to an account, not to a region: the region is part of the name, so that the same stack can run
    in two regions.

    What it allows names the table and the log group, and needs neither to exist: a new role takes longest until it can
    be used, so it waits for nothing that it need not wait for.
    """

    function: str
    region: str
    allow: tuple[str, ...]
    grants: tuple[Grant, ...]
    table: str
    websocket: Api | None
    stage: str

    kind: ClassVar[str] = "role"

    @property
    def title(self) -> str:
        return f"{self.function}-{self.region}"

    @property
    def path(self) -> str:
        """Lists the stack's roles by a prefix: IAM has no search by tag."""
        return role_path(self.stack, self.region)

    def arn(self, aws: Aws) -> str:
        return aws.arn("iam", f"role{self.path}{self.title}", region=False)

    def desired(self, aws: Aws, look: Look) -> Properties:
        statements = [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group_arn(aws, self.function) + ":*")]
        on_table = [one for one in self.allow if one.startswith("dynamodb:")]
        if on_table:
            statements.append(_allow(on_table, table_arn(aws, self.table)))
        if MANAGE_CONNECTIONS in self.allow and self.websocket:
            api_id = output(look, self.websocket, "api_id")
            posts = aws.arn("execute-api", f"{api_id}/{self.stage}/POST/@connections/*")
            statements.append(_allow([MANAGE_CONNECTIONS], posts))
        statements += [_allow([one.action], one.resource) for one in self.grants]
        return {
            "trust": TRUST,
            "policies": {POLICY: {"Version": "2012-10-17", "Statement": statements}},
            "attached_policies": [],
        }

    def observe(self, aws: Aws, look: Look) -> Live | None:
        with absent_is_fine():
            found = aws.client("iam").get_role(RoleName=self.title)["Role"]
            outputs, owner = {"arn": found["Arn"]}, tag_value(found.get("Tags", []), STACK_TAG)
            if is_glance_enough():
                return Live({}, outputs, owner)
            # Ours is read while they are listed.
            ours, names, attached = aws.together(
                lambda: self._policy(aws, POLICY), lambda: self._inline(aws), lambda: self._attached(aws)
            )
            policies = {name: ours if name == POLICY else self._policy(aws, name) for name in names}
            return Live(
                {
                    "trust": found["AssumeRolePolicyDocument"],
                    "policies": {name: document for name, document in policies.items() if document},
                    "attached_policies": sorted(attached),
                },
                outputs,
                owner,
            )
        return None

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        with existing_is_fine():
            aws.client("iam").create_role(
                RoleName=self.title,
                Path=self.path,
                Description=f"Lets the Lambda function {self.function} of the chatops stack {self.stack} do its work",
                AssumeRolePolicyDocument=json.dumps(desired["trust"]),
                Tags=tag_list({STACK_TAG: self.stack}),
            )
            # IAM may not show the role yet to the very next call.
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
            aws.retry(
                lambda: self._put_policy(aws, desired),
                when=lambda error: code(error) == "NoSuchEntity",
                say=progress,
                text="IAM does not show the new role yet",
                limit=30.0,
            )

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        iam = aws.client("iam")
        parts = {change.path.split(".")[0] for change in changes}
        if "trust" in parts:
            document = json.dumps(desired["trust"])
            iam.update_assume_role_policy(RoleName=self.title, PolicyDocument=document)
        if "policies" in parts:
            self._put_policy(aws, desired)
            self._delete_policies(aws, keep=POLICY)
        if "attached_policies" in parts:
            self._detach_policies(aws)

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        before = seen.properties
        inline = [f"the inline policy {one}" for one in before.get("policies", ()) if one not in desired["policies"]]
        return inline + [f"the attachment of {one}" for one in before.get("attached_policies", ())]

    def delete(self, aws: Aws, look: Look) -> None:
        with absent_is_fine():
            self._detach_policies(aws)
            self._delete_policies(aws)
            aws.retry(
                lambda: aws.client("iam").delete_role(RoleName=self.title),
                when=lambda error: code(error) in ("DeleteConflict", "ConcurrentModification"),
                say=progress,
                text="IAM still shows a policy on the role",
            )

    def tag(self, aws: Aws, look: Look) -> None:
        aws.client("iam").tag_role(RoleName=self.title, Tags=tag_list({STACK_TAG: self.stack}))

    def _put_policy(self, aws: Aws, desired: Properties) -> None:
        document = json.dumps(desired["policies"][POLICY])
        aws.client("iam").put_role_policy(RoleName=self.title, PolicyName=POLICY, PolicyDocument=document)

    def _policy(self, aws: Aws, name: str) -> Any:
        with absent_is_fine():
            return aws.client("iam").get_role_policy(RoleName=self.title, PolicyName=name)["PolicyDocument"]
        return None

    def _inline(self, aws: Aws) -> list[str]:
        return list(aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=self.title))

    def _attached(self, aws: Aws) -> list[str]:
        pages = aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=self.title)
        return [one["PolicyArn"] for one in pages]

    def _delete_policies(self, aws: Aws, keep: str | None = None) -> None:
        for name in self._inline(aws):
            if name != keep:
                with absent_is_fine():
                    aws.client("iam").delete_role_policy(RoleName=self.title, PolicyName=name)

    def _detach_policies(self, aws: Aws) -> None:
        for arn in self._attached(aws):
            with absent_is_fine():
                aws.client("iam").detach_role_policy(RoleName=self.title, PolicyArn=arn)


def role_path(stack: str, region: str) -> str:
    """The IAM path of a stack's roles in one region."""
    return f"/chatops/{region}/{stack}/"


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}
