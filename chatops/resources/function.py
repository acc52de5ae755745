"""A Lambda function: its code, its configuration, and the waiting that Lambda asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, code, existing_is_fine, is_busy
from ..deploy.resource import Blocked, Change, Live, Look, Properties, Resource, output, progress
from .log_group import LogGroup
from .role import Role

NEW_ROLE = (
    "assumed by Lambda",
    "does not have permissions to call",
    # Its environment is encrypted for the role, and KMS does not know a new one either.
    # https://github.com/hashicorp/terraform-provider-aws/issues/4633
    "KMS key is invalid for CreateGrant",
)
"""What Lambda says of a role that IAM has not shown to it yet."""


@dataclass(frozen=True, eq=False)
class Function(Resource):
    """A function from a zip. `memory` is in MB, `timeout` in seconds.

    `code_sha256` and `read_zip` are the package's hash and bytes; the bytes are read only to be uploaded.
    `addresses` are environment variables whose value is an address, or several with commas between, that are known
    once their APIs exist; they stand behind what `environment` says of the same variable. `reserved_concurrency` of
    nothing leaves alone what somebody else may have reserved. `shown` are the variables whose values are no secrets.
    """

    function: str
    runtime: str
    handler: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    code_sha256: str
    read_zip: Callable[[], bytes]
    role: Role
    log_group: LogGroup
    addresses: Mapping[str, tuple[tuple[Resource, str], ...]]
    reserved_concurrency: int | None = None
    shown: frozenset[str] = frozenset()

    kind: ClassVar[str] = "function"

    @property
    def title(self) -> str:
        return self.function

    def arn(self, aws: Aws) -> str:
        return aws.arn("lambda", f"function:{self.function}")

    def shows(self, path: str) -> bool:
        part, _, variable = path.partition(".")
        return part != "environment" or variable in self.shown

    def desired(self, aws: Aws, look: Look) -> Properties:
        role = look(self.role)
        joined = {
            key: ",".join(filter(None, (self.environment.get(key), *(output(look, *address) for address in several))))
            for key, several in self.addresses.items()
        }
        return {
            "runtime": self.runtime,
            "handler": self.handler,
            "memory": self.memory,
            "timeout": self.timeout,
            "environment": {**self.environment, **{key: value for key, value in joined.items() if value}},
            # Where it is: a role that was adopted has a path of its own.
            "role": (role and role.outputs.get("arn")) or self.role.arn(aws),
            "code_sha256": self.code_sha256,
            **({"reserved_concurrency": self.reserved_concurrency} if self.reserved_concurrency else {}),
        }

    def observe(self, aws: Aws, look: Look) -> Live | None:
        with absent_is_fine():
            found = aws.client("lambda").get_function(FunctionName=self.function)
            now, owned = found["Configuration"], owner(aws, found)
            if owned is None:
                _refuse_what_cannot_be_adopted(self.function, now)
            return Live(
                {
                    "runtime": now.get("Runtime"),
                    "handler": now.get("Handler"),
                    "memory": now["MemorySize"],
                    "timeout": now["Timeout"],
                    "environment": now.get("Environment", {}).get("Variables", {}),
                    "role": now["Role"],
                    "code_sha256": now["CodeSha256"],
                    **(
                        {"reserved_concurrency": found.get("Concurrency", {}).get("ReservedConcurrentExecutions")}
                        if self.reserved_concurrency
                        else {}
                    ),
                },
                {
                    "arn": now["FunctionArn"],
                    # Whether it can run; not something that a config asks for, so no property.
                    "state": now.get("State", "Active"),
                    "last_update_status": now.get("LastUpdateStatus", "Successful"),
                },
                owned,
            )
        return None

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        with existing_is_fine():
            self._patiently(
                aws,
                lambda: aws.client("lambda").create_function(
                    FunctionName=self.function,
                    Code={"ZipFile": self.read_zip()},
                    Tags={STACK_TAG: self.stack},
                    **self._configuration(desired),
                ),
            )
        self._wait_until_ready(aws)
        self._reserve(aws)

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        parts = {change.path.split(".")[0] for change in changes}
        client = aws.client("lambda")
        # Lambda takes one update at a time.
        # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        self._wait_until_free(aws)
        if parts - {"code_sha256", "reserved_concurrency"}:
            configuration = self._configuration(desired)
            self._patiently(
                aws, lambda: client.update_function_configuration(FunctionName=self.function, **configuration)
            )
            self._wait_until_ready(aws)
        if "code_sha256" in parts:
            self._patiently(
                aws, lambda: client.update_function_code(FunctionName=self.function, ZipFile=self.read_zip())
            )
            self._wait_until_ready(aws)
        if "reserved_concurrency" in parts:
            self._reserve(aws)

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        if seen.owner is not None:
            return []
        now, wanted = seen.properties.get("environment", {}), desired["environment"]
        lost = ", ".join(sorted(key for key, value in now.items() if wanted.get(key) != value))
        return [
            *(["the code"] if seen.properties.get("code_sha256") != desired["code_sha256"] else []),
            *([f"the environment variables {lost}"] if lost else []),
        ]

    def delete(self, aws: Aws, look: Look) -> None:
        with absent_is_fine():
            self._patiently(aws, lambda: aws.client("lambda").delete_function(FunctionName=self.function))

    def tag(self, aws: Aws, look: Look) -> None:
        aws.client("lambda").tag_resource(Resource=self.arn(aws), Tags={STACK_TAG: self.stack})

    def _reserve(self, aws: Aws) -> None:
        if self.reserved_concurrency:
            what = {"FunctionName": self.function, "ReservedConcurrentExecutions": self.reserved_concurrency}
            self._patiently(aws, lambda: aws.client("lambda").put_function_concurrency(**what))

    def _configuration(self, desired: Properties) -> dict[str, Any]:
        return {
            "Runtime": desired["runtime"],
            "Handler": desired["handler"],
            "MemorySize": desired["memory"],
            "Timeout": desired["timeout"],
            "Environment": {"Variables": desired["environment"]},
            "Role": desired["role"],
        }

    def _patiently(self, aws: Aws, call: Callable[[], Any]) -> Any:
        return aws.retry(call, when=_passes_by_itself, say=progress, text="waiting for the role or the last update")

    def _wait_until_free(self, aws: Aws) -> Any:
        progress("waiting for the function to be Active")
        what = f"function {self.function} becoming Active"
        # All functions of a stack wait at the same time, and Lambda takes 15 requests a second.
        return aws.wait_until(lambda: self._settled_state(aws), what=what, every=0.6)

    def _wait_until_ready(self, aws: Aws) -> None:
        now = self._wait_until_free(aws)
        if now["State"] == "Failed" or now.get("LastUpdateStatus") == "Failed":
            why = now.get("LastUpdateStatusReason") or now.get("StateReason") or "no reason given"
            raise FunctionFailed(f"{self.function}: {why}")

    def _settled_state(self, aws: Aws) -> Any:
        now = aws.client("lambda").get_function_configuration(FunctionName=self.function)
        busy = now.get("State") == "Pending" or now.get("LastUpdateStatus") == "InProgress"
        return None if busy else {"State": "Active", **now}


def owner(aws: Aws, found: Any) -> str | None:
    """The stack in the tag of a function that GetFunction found, if it has one.

    Whoever may not list tags gets an answer without them, which is not to be taken for a function of nobody's.
    https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
    """
    refused = found.get("TagsError")
    if refused:
        raise ClientError({"Error": {"Code": refused["ErrorCode"], "Message": refused["Message"]}}, "GetFunction")
    tags = found.get("Tags")
    if tags is None:
        tags = aws.client("lambda").list_tags(Resource=found["Configuration"]["FunctionArn"]).get("Tags", {})
    stack: str | None = tags.get(STACK_TAG)
    return stack


def _refuse_what_cannot_be_adopted(name: str, now: Any) -> None:
    """Raises Blocked for a function of somebody else's that no change makes one of ours."""
    other = "or choose another name or prefix in the config"
    if now.get("PackageType") == "Image":
        raise Blocked(
            "function-is-image",
            f"the function {name} exists, and is made from a container image: Lambda cannot give it a zip instead",
            f"Delete it, {other}.",
        )
    if now.get("VpcConfig", {}).get("VpcId"):
        raise Blocked(
            "function-in-vpc",
            f"the function {name} exists, and runs in a VPC, which the role that chatops gives it does not allow",
            f"Take it out of its VPC (`aws lambda update-function-configuration --function-name {name} "
            f"--vpc-config SubnetIds=[],SecurityGroupIds=[]`), {other}.",
        )


class FunctionFailed(Exception):
    """Lambda took the function, and could not make it ready to run."""


def _passes_by_itself(error: ClientError) -> bool:
    """A role that Lambda does not see yet, or an update that is still under way.

    https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
    """
    if code(error) == "InvalidParameterValueException":
        return any(words in str(error) for words in NEW_ROLE)
    return is_busy(error)
