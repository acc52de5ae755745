"""The table of connections, as a broadcast uses it: it reads who is connected, and forgets who is gone."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from fanout import Found

SEGMENTS = 2
"""Into how many parts a table of more than one page is divided, to be read side by side."""
DELETIONS = 8
"""How many rows are deleted at a time."""
HANDSHAKE = timedelta(seconds=30)
"""The longest that it takes from a row's connectedAt until API Gateway accepts posts to the connection."""


class Table:
    """A DynamoDB table whose items are connections."""

    def __init__(self, dynamodb: Any, name: str, key: str) -> None:
        """Takes a DynamoDB client, and the table's name and partition key."""
        self._dynamodb = dynamodb
        self._name = name
        self._key = key

    async def read(self, found: Found) -> None:
        """Finds every connection that has not expired, in pages of at most 1 MB of items.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
        """
        seen: set[str] = set()  # nobody is found twice, neither in the first page and a segment, nor in two segments

        def add(page: Sequence[str]) -> None:
            found([connection_id for connection_id in page if connection_id not in seen])
            seen.update(page)

        page, last_key = await self._scan()
        add(page)
        if last_key:
            segments = (self._read_segment(number, add) for number in range(SEGMENTS))
            errors = await asyncio.gather(*segments, return_exceptions=True)
            for error in filter(None, errors):
                raise error

    async def _read_segment(self, number: int, add: Found) -> None:
        segment = {"Segment": number, "TotalSegments": SEGMENTS}
        page, last_key = await self._scan(**segment)
        add(page)
        while last_key:
            page, last_key = await self._scan(**segment, ExclusiveStartKey=last_key)
            add(page)

    async def _scan(self, **part: Any) -> tuple[list[str], dict[str, Any] | None]:
        """One page: its connection ids, and the key to go on from. Filters may leave it empty, and yet not the last."""
        answer = await asyncio.to_thread(
            self._dynamodb.scan,
            TableName=self._name,
            ConsistentRead=True,  # or who has just connected, and now speaks, might not hear it
            ProjectionExpression="#key",
            FilterExpression="attribute_not_exists(expiresAt) OR expiresAt > :now",
            ExpressionAttributeNames={"#key": self._key},
            ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
            **part,
        )
        return [item[self._key]["S"] for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def forget(self, connection_ids: Sequence[str], until: float) -> dict[str, str]:
        """Deletes the rows of these connections, as many as `until` allows: seconds, of the monotonic clock.

        Returns the rows that could not be deleted, and why.
        """
        with ThreadPoolExecutor(DELETIONS) as pool:
            errors = pool.map(lambda connection_id: self._delete(connection_id, until), connection_ids)
            return {connection_id: error for connection_id, error in zip(connection_ids, errors, strict=True) if error}

    def _delete(self, connection_id: str, until: float) -> str | None:
        if time.monotonic() > until:
            return None
        # A connection is in the table before its handshake is over, and gone until then. Its row must stay.
        made_before = (datetime.now(timezone.utc) - HANDSHAKE).isoformat(timespec="milliseconds")
        try:
            self._dynamodb.delete_item(
                TableName=self._name,
                Key={self._key: {"S": connection_id}},
                ConditionExpression="attribute_not_exists(connectedAt) OR connectedAt < :made_before",
                ExpressionAttributeValues={":made_before": {"S": made_before}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            pass
        except (BotoCoreError, ClientError) as error:
            return str(error)
        return None
