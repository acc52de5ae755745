"""A function's log group, created by us so that it expires, and goes with `down`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, existing_is_fine
from ..deploy.resource import Change, Live, Look, Properties, Resource, once
from .tagged import is_hearsay, owner

PREFIX = "/aws/lambda/"
"""Before a function's name: where Lambda writes a function's log.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""
DAY = 86_400
"""Seconds."""


def log_group_arn(aws: Aws, function: str) -> str:
    """The ARN of a function's log group, whether or not it exists."""
    return aws.arn("logs", f"log-group:{PREFIX}{function}")


@dataclass(frozen=True, eq=False)
class LogGroup(Resource):
    """The log group of one function; `retention` is how many days its events are kept."""

    function: str
    retention: int

    kind: ClassVar[str] = "log_group"

    @property
    def title(self) -> str:
        return f"{PREFIX}{self.function}"

    def arn(self, aws: Aws) -> str:
        return log_group_arn(aws, self.function)

    def desired(self, aws: Aws, look: Look) -> Properties:
        return {"retention": self.retention}

    def observe(self, aws: Aws, look: Look) -> Live | None:
        found = self._find(aws)
        if not found:
            return None
        with absent_is_fine():
            owned = owner(aws, self.stack, self.arn(aws), lambda: self._owner(aws))
            return Live(
                {"retention": found.get("retentionInDays")},
                owner=owned,
                facts={"created": found.get("creationTime", 0)},
                is_hearsay=is_hearsay(aws, self.stack, self.arn(aws)),
            )
        return None

    def _owner(self, aws: Aws) -> str | None:
        tags: dict[str, str] = aws.client("logs").list_tags_for_resource(resourceArn=self.arn(aws))["tags"]
        return tags.get(STACK_TAG)

    def _find(self, aws: Aws) -> Any:
        """The group. While reads are shared, those of one beginning (`aws-`, `websocket-`) are listed together."""
        prefix = f"{PREFIX}{self.function.partition('-')[0]}"
        groups = once(
            prefix, lambda: list(aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix))
        )
        return next((one for one in groups if one["logGroupName"] == self.title), None)

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        with existing_is_fine():
            aws.client("logs").create_log_group(logGroupName=self.title, tags={STACK_TAG: self.stack})
            self.update(aws, (), desired, look)

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        aws.client("logs").put_retention_policy(logGroupName=self.title, retentionInDays=desired["retention"])

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        days, now = desired["retention"], seen.properties.get("retention")
        # A younger group of ours has no such events: a run that ended before it set the retention leaves one.
        has_older = seen.owner is None or time.time() - seen.facts.get("created", 0) / 1000 > days * DAY
        return [f"log events older than {days} days"] if has_older and (now is None or now > days) else []

    def delete(self, aws: Aws, look: Look) -> None:
        with absent_is_fine():
            aws.client("logs").delete_log_group(logGroupName=self.title)

    def tag(self, aws: Aws, look: Look) -> None:
        aws.client("logs").tag_resource(resourceArn=self.arn(aws), tags={STACK_TAG: self.stack})
