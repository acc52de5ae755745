"""The DynamoDB table that lists the open connections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from botocore.exceptions import ClientError

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, code, existing_is_fine
from ..deploy.resource import Blocked, Change, Live, Look, Properties, Resource, is_glance_enough, progress
from .tagged import is_hearsay, owner, tag_list, tag_value

TTL_ATTRIBUTE = "expiresAt"
"""Epoch seconds after which DynamoDB may delete a row; connect writes it."""


def table_arn(aws: Aws, table: str) -> str:
    """The ARN of a table, whether or not it exists."""
    return aws.arn("dynamodb", f"table/{table}")


def table_owner(aws: Aws, table: str, arn: str) -> str | None:
    """Return the value of the stack's tag on a table. Raise ClientError: ResourceNotFoundException when it is gone.

    ListTagsOfResource also returns AccessDeniedException for a table that was deleted a moment ago.
    """
    try:
        return tag_value(list(aws.pages("dynamodb", "list_tags_of_resource", "Tags", ResourceArn=arn)), STACK_TAG)
    except ClientError as error:
        if code(error) == "AccessDeniedException":
            aws.client("dynamodb").describe_table(TableName=table)
        raise


@dataclass(frozen=True)
class OwnedTable:
    """A table that carries the stack's tag, and its partition key. Only `Table.owned` returns one.

    Every function that reads or deletes items takes this type, so that none can reach a table of someone else.
    """

    name: str
    key: str


@dataclass(frozen=True, eq=False)
class Table(Resource):
    """An on-demand table with one string key and a time to live, for rows whose $disconnect never came.

    One that spares rows is not deleted while it has any.
    """

    table: str
    key: str
    spares_rows: bool = False

    kind: ClassVar[str] = "table"
    fixed: ClassVar = {
        "key": "A table's key is fixed when it is created. Choose another table name in the config, or delete "
        "this table yourself if its rows may go, then run `chatops up` again.",
    }

    @property
    def title(self) -> str:
        return self.table

    def arn(self, aws: Aws) -> str:
        return table_arn(aws, self.table)

    def desired(self, aws: Aws, look: Look) -> Properties:
        return {"key": {self.key: "S"}, "billing": "PAY_PER_REQUEST", "time_to_live": TTL_ATTRIBUTE}

    def observe(self, aws: Aws, look: Look) -> Live | None:
        dynamodb = aws.client("dynamodb")
        with absent_is_fine():
            found = dynamodb.describe_table(TableName=self.table)["Table"]
            if found["TableStatus"] == "DELETING":
                self._wait_until_gone(aws)
                return None
            types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
            key = {one["AttributeName"]: types[one["AttributeName"]] for one in found["KeySchema"]}
            if is_glance_enough():
                return Live({"key": key}, owner=self._owner(aws, found["TableArn"]))
            owned, ttl = aws.together(
                lambda: owner(aws, self.stack, found["TableArn"], lambda: self._owner(aws, found["TableArn"])),
                lambda: dynamodb.describe_time_to_live(TableName=self.table)["TimeToLiveDescription"],
            )
            billing = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
            enabled = ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
            return Live(
                {"key": key, "billing": billing, "time_to_live": ttl.get("AttributeName") if enabled else None},
                owner=owned,
                is_hearsay=is_hearsay(aws, self.stack, found["TableArn"]),
            )
        return None

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        with existing_is_fine():
            aws.client("dynamodb").create_table(
                TableName=self.table,
                BillingMode=desired["billing"],
                KeySchema=[{"AttributeName": self.key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": self.key, "AttributeType": "S"}],
                Tags=tag_list({STACK_TAG: self.stack}),
            )
            self._wait_until_active(aws)
            self._set_time_to_live(aws)

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        paths = {change.path for change in changes}
        self._wait_until_active(aws)
        if "billing" in paths:
            aws.client("dynamodb").update_table(TableName=self.table, BillingMode=desired["billing"])
            self._wait_until_active(aws)
        if "time_to_live" in paths:
            self._set_time_to_live(aws)

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        is_new = seen.properties.get("time_to_live") != desired["time_to_live"]
        return [f"items whose {TTL_ATTRIBUTE} has passed"] if seen.owner is None and is_new else []

    def delete(self, aws: Aws, look: Look) -> None:
        # It was empty when the plan was made; until now somebody may have connected by the old configuration.
        if self.spares_rows and not self.is_empty(aws):
            raise Blocked(
                "table-in-use",
                f"the table {self.table} lists connections again, and was left alone",
                "Run `chatops up` again; `chatops down` deletes it.",
            )
        with absent_is_fine():
            aws.retry(
                lambda: aws.client("dynamodb").delete_table(TableName=self.table),
                when=lambda error: code(error) == "ResourceInUseException",
                say=progress,
                text="the table is busy",
            )
        self._wait_until_gone(aws)

    def tag(self, aws: Aws, look: Look) -> None:
        aws.client("dynamodb").tag_resource(ResourceArn=self.arn(aws), Tags=tag_list({STACK_TAG: self.stack}))

    def owned(self, live: Live | None) -> OwnedTable | None:
        """Return the table with the key that it has, or None unless `live` carries the stack's tag.

        What only a listing says to be the stack's is not enough: see `confirmed`.
        """
        if live is None or live.is_hearsay or live.owner != self.stack:
            return None
        return OwnedTable(self.table, next(iter(live.properties["key"])))

    def confirmed(self, aws: Aws, live: Live | None) -> Live | None:
        """Return `live` with the owner that the table's own tags name, or None when the table is gone by now."""
        if live is None or not live.is_hearsay:
            return live
        with absent_is_fine():
            return replace(live, owner=self._owner(aws, self.arn(aws)), is_hearsay=False)
        return None

    def is_empty(self, aws: Aws) -> bool:
        """True when it has no row, or does not exist."""
        with absent_is_fine():
            return not aws.client("dynamodb").scan(TableName=self.table, Limit=1, ConsistentRead=True)["Items"]
        return True

    def _owner(self, aws: Aws, arn: str) -> str | None:
        return table_owner(aws, self.table, arn)

    def _set_time_to_live(self, aws: Aws) -> None:
        dynamodb = aws.client("dynamodb")
        now = dynamodb.describe_time_to_live(TableName=self.table)["TimeToLiveDescription"]
        if now["TimeToLiveStatus"] in ("ENABLED", "ENABLING") and now.get("AttributeName") == TTL_ATTRIBUTE:
            return
        # A table adopted with another attribute needs two changes: off, then on.
        if now["TimeToLiveStatus"] == "ENABLED":
            self._change_time_to_live(aws, now["AttributeName"], enabled=False)
        self._change_time_to_live(aws, TTL_ATTRIBUTE, enabled=True)

    def _change_time_to_live(self, aws: Aws, attribute: str, *, enabled: bool) -> None:
        wanted = {"Enabled": enabled, "AttributeName": attribute}
        try:
            aws.client("dynamodb").update_time_to_live(TableName=self.table, TimeToLiveSpecification=wanted)
        except ClientError as error:
            # One change an hour, says AWS, and refuses others with no code of their own.
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
            if "modified multiple times" not in str(error):
                raise
            raise Blocked(
                "time-to-live-changed",
                f"DynamoDB changes a table's time to live once an hour, and has just changed that of {self.table}",
                "Run `chatops up` again in an hour. The chat works until then; rows of lost connections stay.",
            ) from None

    def _status(self, aws: Aws) -> str | None:
        with absent_is_fine():
            return str(aws.client("dynamodb").describe_table(TableName=self.table)["Table"]["TableStatus"])
        return None

    def _wait_until_active(self, aws: Aws) -> None:
        progress("waiting for the table to be ACTIVE")
        aws.wait_until(lambda: self._status(aws) == "ACTIVE", what=f"table {self.table} becoming ACTIVE")

    def _wait_until_gone(self, aws: Aws) -> None:
        aws.wait_until(lambda: self._status(aws) is None, what=f"deleting the table {self.table}", every=0.1)
