"""The table: reading it in pages and segments, and forgetting who is gone."""

import asyncio
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
import table
from botocore.config import Config
from botocore.exceptions import ClientError
from table import Forgotten, Table

from tests.handlers.conftest import TABLE

PAGE = 3


class Dynamodb:
    """Scans in pages of three items, divides into segments as DynamoDB does, and fails as ordered."""

    def __init__(self, *connection_ids: str) -> None:
        self.connection_ids = connection_ids
        self.scans: list[dict[str, Any]] = []
        self.broken_segment: int | None = None
        self.ignores_segments = False

    def scan(self, **query: Any) -> dict[str, Any]:
        self.scans.append(query)
        if "Segment" in query and query["Segment"] == self.broken_segment:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "Scan")
        items = list(self.connection_ids)
        if "Segment" in query and not self.ignores_segments:
            items = items[query["Segment"] :: query["TotalSegments"]]
        start = items.index(query["ExclusiveStartKey"]["connectionId"]["S"]) + 1 if "ExclusiveStartKey" in query else 0
        page = items[start : start + PAGE]
        answer: dict[str, Any] = {"Items": [{"connectionId": {"S": item}} for item in page]}
        if start + PAGE < len(items):
            answer["LastEvaluatedKey"] = {"connectionId": {"S": page[-1]}}
        return answer


def read(dynamodb: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    asyncio.run(Table(dynamodb, TABLE, "connectionId").read(lambda page: pages.append(list(page))))
    return pages


def ids(count: int) -> list[str]:
    return [f"id{number:03}" for number in range(count)]


def test_a_small_table_is_one_scan() -> None:
    dynamodb = Dynamodb("a", "b")

    assert read(dynamodb) == [["a", "b"]]
    assert len(dynamodb.scans) == 1
    assert "Segment" not in dynamodb.scans[0]


def test_a_large_table_is_read_in_segments_to_the_last_page_and_nobody_is_found_twice() -> None:
    dynamodb = Dynamodb(*ids(100))

    pages = read(dynamodb)

    assert pages[0] == ids(3)
    assert sorted(name for page in pages for name in page) == ids(100)
    assert {scan.get("Segment") for scan in dynamodb.scans} == {None, *range(table.SEGMENTS)}


def test_nobody_is_found_twice_by_a_table_that_knows_no_segments() -> None:
    """Such as that of an emulator."""
    dynamodb = Dynamodb(*ids(50))
    dynamodb.ignores_segments = True

    assert sorted(name for page in read(dynamodb) for name in page) == ids(50)


def test_segments_are_read_side_by_side() -> None:
    everyone_is_here = threading.Barrier(table.SEGMENTS)

    class Slow(Dynamodb):
        def scan(self, **query: Any) -> dict[str, Any]:
            if "Segment" in query and "ExclusiveStartKey" not in query:
                everyone_is_here.wait(timeout=10)
            return super().scan(**query)

    assert sum(len(page) for page in read(Slow(*ids(100)))) == 100


def test_a_segment_that_cannot_be_read_is_an_error_after_the_others_are_read() -> None:
    dynamodb = Dynamodb(*ids(100))
    dynamodb.broken_segment = 1
    found: list[str] = []

    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        asyncio.run(Table(dynamodb, TABLE, "connectionId").read(found.extend))

    assert sorted(found) == sorted({*ids(100)[:3], *ids(100)[:: table.SEGMENTS]})


def put(dynamodb: Any, connection_id: str, **attributes: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"connectionId": {"S": connection_id}, **attributes})


def connected(seconds_ago: float) -> dict[str, dict[str, str]]:
    moment = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    return {"connectedAt": {"S": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}}


def test_expired_rows_are_not_found(dynamodb: Any) -> None:
    put(dynamodb, "expired", expiresAt={"N": str(int(time.time()) - 1)})
    put(dynamodb, "live", expiresAt={"N": str(int(time.time()) + 60)})
    put(dynamodb, "without expiry")

    (page,) = read(dynamodb)

    assert sorted(page) == ["live", "without expiry"]


def test_the_rows_of_the_gone_are_deleted_and_no_others(dynamodb: Any) -> None:
    for name in ids(40):
        put(dynamodb, name, **connected(seconds_ago=60))
    put(dynamodb, "without time")

    forgotten = Table(dynamodb, TABLE, "connectionId").forget(
        [*ids(40)[:30], "without time", "no longer there"], until=time.monotonic() + 10
    )

    assert forgotten == Forgotten(deleted=32, kept=0, failures=[])
    assert sorted(read(dynamodb)[0]) == ids(40)[30:]


def test_the_row_of_a_connection_that_is_only_being_made_stays(dynamodb: Any) -> None:
    put(dynamodb, "new", **connected(seconds_ago=1))
    put(dynamodb, "old", **connected(seconds_ago=31))

    forgotten = Table(dynamodb, TABLE, "connectionId").forget(["new", "old"], until=time.monotonic() + 10)

    assert forgotten == Forgotten(deleted=1, kept=1, failures=[])
    assert read(dynamodb) == [["new"]]


def test_rows_for_which_there_is_no_time_stay_and_are_counted(dynamodb: Any) -> None:
    put(dynamodb, "a")

    forgotten = Table(dynamodb, TABLE, "connectionId").forget(["a"], until=time.monotonic() - 1)

    assert forgotten == Forgotten(deleted=0, kept=1, failures=[])
    assert read(dynamodb) == [["a"]]


def test_a_row_that_cannot_be_deleted_is_named_with_the_reason(dynamodb: Any) -> None:
    put(dynamodb, "a")

    forgotten = Table(dynamodb, "no-such-table", "connectionId").forget(["a"], until=time.monotonic() + 10)

    (failure,) = forgotten.failures
    assert (failure.connection_id, failure.status) == ("a", 400)
    assert "ResourceNotFoundException" in failure.error
    assert forgotten.kept == 1


def test_a_table_that_does_not_answer_holds_up_nobody_for_longer_than_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, into its backlog, and says nothing
        client = boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            region_name="eu-west-1",
            aws_access_key_id="a",
            aws_secret_access_key="s",
            config=Config(read_timeout=20, retries={"total_max_attempts": 1}),
        )
        began = time.monotonic()

        forgotten = Table(client, TABLE, "connectionId").forget(ids(100), until=began + 0.5)

        assert time.monotonic() - began < 10
        assert forgotten == Forgotten(deleted=0, kept=100, failures=[])


def test_a_defect_is_raised() -> None:
    class Broken:
        class exceptions:  # noqa: N801, as botocore calls it
            ConditionalCheckFailedException = ClientError

        def delete_item(self, **_: Any) -> None:
            raise LookupError("no credentials")

    with pytest.raises(LookupError, match="no credentials"):
        Table(Broken(), TABLE, "connectionId").forget(["a"], until=time.monotonic() + 10)
