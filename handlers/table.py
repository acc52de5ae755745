"""The table of connections, as a broadcast uses it: it reads who is connected, and forgets who is gone."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from fanout import Failure, Found

SEGMENTS = 2
"""Into how many parts a table of more than one page is divided, to be read side by side."""
DELETIONS = 8
"""How many rows are deleted at a time."""
HANDSHAKE = timedelta(seconds=30)
"""The longest that it takes from a row's connectedAt until API Gateway accepts posts to the connection."""


class Forgotten(NamedTuple):
    """What became of the rows of connections that are gone."""

    deleted: int
    kept: int
    """Those that are too young, that could not be deleted, or for which there was no time."""
    failures: list[Failure]


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

    def forget(self, connection_ids: Sequence[str], until: float) -> Forgotten:
        """Deletes the rows of these connections, as many as `until` allows: seconds, of the monotonic clock.

        It returns then, even if the table does not answer.
        """
        waiting = iter(connection_ids)
        deleted: list[str] = []
        failures: list[Failure] = []

        def delete() -> None:
            for connection_id in waiting:
                if time.monotonic() >= until:
                    break
                try:
                    if self._delete(connection_id):
                        deleted.append(connection_id)
                except ClientError as error:
                    failures.append(
                        Failure(connection_id, error.response["ResponseMetadata"]["HTTPStatusCode"], str(error))
                    )
                except BotoCoreError as error:
                    failures.append(Failure(connection_id, None, str(error)))

        pool = ThreadPoolExecutor(DELETIONS)
        threads = [pool.submit(delete) for _ in range(min(DELETIONS, len(connection_ids)))]
        pool.shutdown(wait=False)  # not a with block, which would wait for an answer
        for thread in wait(threads, timeout=max(0.0, until - time.monotonic())).done:
            thread.result()
        return Forgotten(len(deleted), len(connection_ids) - len(deleted), failures[:])

    def _delete(self, connection_id: str) -> bool:
        """Deletes a row; False says that it is too young."""
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
            return False
        return True
