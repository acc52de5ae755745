"""The chat's connections: every row of every page, asked whether they live, written to, closed and pruned."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from chatops.aws import Aws
from chatops.errors import UsageError
from chatops.ops import connections
from chatops.ops.connections import Connection
from chatops.ops.management import Management
from chatops.resources.table import OwnedTable

from .gateway import LIVE, NOON, Gateway

TABLE = OwnedTable("connections", "connectionId")


def scan(aws: Aws, *pages: dict[str, Any], **given: Any) -> Stubber:
    """Answers the scans of a table, each asked for where the one before it ended."""
    stub = Stubber(aws.client("dynamodb"))
    start: dict[str, Any] = {}
    for page in pages:
        stub.add_response("scan", page, {"TableName": "connections", **given, **start})
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else {}
    stub.activate()
    return stub


def row(connection_id: str, **more: str) -> dict[str, Any]:
    return {"connectionId": {"S": connection_id}, **{key: {"S": value} for key, value in more.items()}}


def ids(found: list[Connection]) -> list[str]:
    return [one.connection_id for one in found]


def test_every_row_of_every_page_is_read_also_after_an_empty_one(aws: Aws) -> None:
    stub = scan(
        aws,
        {"Items": [row("a="), row("b=")], "LastEvaluatedKey": row("b=")},
        {"Items": [], "LastEvaluatedKey": row("b2=")},
        {"Items": [row("c=")]},
        ConsistentRead=True,
    )
    assert ids(list(connections.rows(aws, TABLE))) == ["a=", "b=", "c="]
    stub.assert_no_pending_responses()


def test_rows_of_all_pages_are_counted(aws: Aws) -> None:
    scan(aws, {"Count": 5, "LastEvaluatedKey": row("b=")}, {"Count": 2}, Select="COUNT")
    assert connections.count(aws, TABLE) == 7


def test_without_a_table_there_is_nobody(aws: Aws) -> None:
    with Stubber(aws.client("dynamodb")) as stub:
        for _ in range(2):
            stub.add_client_error("scan", "ResourceNotFoundException", http_status_code=400)
        assert list(connections.rows(aws, TABLE)) == []
        assert connections.count(aws, TABLE) == 0


def test_any_other_error_is_raised(aws: Aws) -> None:
    with Stubber(aws.client("dynamodb")) as stub:
        stub.add_client_error("scan", "AccessDeniedException", http_status_code=400)
        with pytest.raises(ClientError, match="AccessDenied"):
            list(connections.rows(aws, TABLE))


def test_the_key_may_have_any_name(aws: Aws) -> None:
    scan(aws, {"Items": [{"id": {"S": "a="}}]}, ConsistentRead=True)
    assert ids(list(connections.rows(aws, OwnedTable("connections", "id")))) == ["a="]


@pytest.mark.parametrize(
    ("written", "then"),
    [
        ("2025-01-31T12:00:00.000Z", NOON),
        ("2025-01-31T12:00:00Z", NOON),
        ("2025-01-31T12:00:00", NOON),
        ("2025-01-31T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
        ("2025-01-31T21:00:00+09:00", NOON),
        ("2025-01-31T21:00:00.125000+09:00", NOON + timedelta(milliseconds=125)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_time_in_a_row_is_read_whatever_wrote_it(aws: Aws, written: str, then: datetime | None) -> None:
    scan(aws, {"Items": [row("a=", connectedAt=written)]}, ConsistentRead=True)
    (one,) = connections.rows(aws, TABLE)
    assert one.connected_at == then
    assert one.is_live is None


def test_a_row_without_a_time_has_none(aws: Aws) -> None:
    scan(aws, {"Items": [row("a="), {"connectionId": {"S": "b="}, "connectedAt": {"N": "1"}}]}, ConsistentRead=True)
    found = list(connections.rows(aws, TABLE))
    assert [one.connected_at for one in found] == [None, None]


def test_a_live_connection_is_told_with_what_api_gateway_knows(gateway: Gateway, management: Management) -> None:
    gateway.answers["a="] = [(200, LIVE)]
    (one,) = connections.probe(management, [Connection("a=", connected_at=NOON)])
    assert one == Connection(
        "a=",
        True,
        datetime(2025, 1, 31, 11, 0, 0, 125000, timezone.utc),
        datetime(2025, 1, 31, 11, 59, 30, tzinfo=timezone.utc),
        "192.0.2.1",
        "wscat",
    )
    assert (one.state, one.age_seconds(NOON), one.idle_seconds(NOON)) == ("live", 3599, 30)


def test_each_is_asked_about_once_and_told_in_its_place(gateway: Gateway, management: Management) -> None:
    rows = [Connection(f"c{number}=") for number in range(200)]
    for one in rows[::2]:
        gateway.answers[one.connection_id] = [(200, LIVE)]
    found = connections.probe(management, rows)
    assert ids(found) == ids(rows)
    assert [one.is_live for one in found] == [True, False] * 100
    assert sorted(gateway.asked) == sorted(("GET", one.connection_id) for one in rows)


def test_nobody_is_asked_when_there_is_nobody(gateway: Gateway, management: Management) -> None:
    assert connections.probe(management, []) == []
    assert gateway.asked == []


@pytest.mark.parametrize("message", ["Hello! bs~", "안녕 👋", "", "\x00\x1b", '{"a": 1}'])
def test_a_message_is_posted_to_each_byte_for_byte(gateway: Gateway, management: Management, message: str) -> None:
    gateway.answers |= {"a=": [(200, None)], "b=": [(200, None)]}
    tally = connections.send(management, [Connection("a="), Connection("b="), Connection("gone=")], message)
    assert (tally.done, tally.gone, tally.failed, tally.error) == (2, 1, 0, None)
    assert gateway.posted["a="] == gateway.posted["b="] == message.encode()


def test_one_failure_stops_nobody_elses_message(gateway: Gateway, management: Management) -> None:
    gateway.answers |= {"bad=": [(403, {"message": "Forbidden"})], "a=": [(200, None)]}
    tally = connections.send(management, [Connection("bad="), Connection("a=")], "x")
    assert (tally.done, tally.gone, tally.failed) == (1, 0, 1)
    assert isinstance(tally.error, ClientError)


def test_kicked_connections_are_closed_and_those_that_had_ended_are_told(
    gateway: Gateway, management: Management
) -> None:
    gateway.answers["a="] = [(204, None)]
    tally = connections.kick(management, [Connection("a="), Connection("gone=")])
    assert (tally.done, tally.gone, tally.failed) == (1, 1, 0)
    assert {method for method, _ in gateway.asked} == {"DELETE"}


def test_only_those_that_were_closed_are_waited_for(aws: Aws, gateway: Gateway, management: Management) -> None:
    refused = (403, {"message": "not authorized to perform: execute-api:ManageConnections"})
    gateway.answers |= {"closed=": [(204, None), (410, None)], "kept=": [refused]}
    tally = connections.kick(management, [Connection("closed="), Connection("kept=")])
    assert (tally.done, tally.failed, [one.connection_id for one in tally.reached]) == (1, 1, ["closed="])
    connections.drain(aws, management, tally.reached)
    assert [one for one in gateway.asked if one[0] == "GET"] == [("GET", "closed=")]


def test_an_id_may_be_a_unique_prefix() -> None:
    found = [Connection("abc="), Connection("abd="), Connection("x="), Connection("x=y")]
    assert ids(connections.named(found, ["abc", "x="])) == ["abc=", "x="]
    assert ids(connections.named(found, ["abc", "abc="])) == ["abc="]
    for name in ("ab", "", "nobody"):
        with pytest.raises(UsageError):
            connections.named(found, [name])


def test_an_empty_id_names_nobody_though_there_is_only_one() -> None:
    with pytest.raises(UsageError, match="empty"):
        connections.named([Connection("abc=")], [""])


@pytest.mark.parametrize(
    ("connected", "active", "idle_left", "life_left"),
    [(60, 30, 570, 7140), (7100, 5, 595, 100), (7300, 700, 0, 0)],
)
def test_the_time_left_is_told_for_either_limit(connected: int, active: int, idle_left: int, life_left: int) -> None:
    one = Connection("a=", True, NOON - timedelta(seconds=connected), NOON - timedelta(seconds=active))
    assert (one.idle_seconds_left(NOON), one.life_seconds_left(NOON)) == (idle_left, life_left)
    assert one.seconds_left(NOON) == min(idle_left, life_left)
    assert Connection("a=", False, NOON, NOON).seconds_left(NOON) is None


def test_the_live_come_first_and_the_longest_connected_before_the_others() -> None:
    old, new = NOON - timedelta(hours=1), NOON
    found = [
        Connection("stale", False, old),
        Connection("nobody knows"),
        Connection("new", True, new),
        Connection("old", True, old),
    ]
    assert ids(connections.in_order(found)) == ["old", "new", "nobody knows", "stale"]


CLOSED = "L0SM9cOFvHcCIhw="


@pytest.fixture
def dynamodb(moto: Callable[[], None]) -> Any:
    """A client of a DynamoDB that has the table of connections."""
    moto()
    client = Aws("ap-northeast-2", keys=("test", "test")).client("dynamodb")
    client.create_table(
        TableName="connections",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    return client


def written(ago: int = 600) -> str:
    """The connectedAt of a connection that was made so many seconds ago."""
    then = datetime.now(timezone.utc) - timedelta(seconds=ago)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def prune(dynamodb: Any, management: Management, *items: dict[str, Any]) -> tuple[connections.Pruned, list[str]]:
    """What pruning a table with these items says, and the ids of those that are left."""
    aws = Aws("ap-northeast-2", keys=("test", "test"))
    for item in items:
        dynamodb.put_item(TableName="connections", Item=item)
    probed = connections.probe(management, connections.rows(aws, TABLE))
    said = connections.prune(aws, TABLE, probed)
    return said, sorted(ids(list(connections.rows(aws, TABLE))))


@pytest.mark.parametrize("connection_id", [CLOSED, "Fi8Lz-RP_AMAcdQ=", "ABCD1234efg="])
def test_prune_deletes_rows_that_a_connect_function_wrote(
    dynamodb: Any, management: Management, connection_id: str
) -> None:
    ours = {**row(connection_id, connectedAt=written()), "expiresAt": {"N": "1738314600"}}
    for item in (ours, row(connection_id, connectedAt=written()), row(connection_id)):
        assert prune(dynamodb, management, item) == ((1, 0, 0), [])


def test_prune_deletes_the_row_that_handlers_connect_writes(
    dynamodb: Any, management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSOCKET_TABLE", "connections")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    file = Path(__file__).parents[2] / "handlers" / "connect.py"
    event = {"requestContext": {"connectionId": CLOSED, "connectedAt": (time.time() - 600) * 1000}}
    assert runpy.run_path(str(file))["lambda_handler"](event, None) == {"statusCode": 200}
    assert prune(dynamodb, management) == ((1, 0, 0), [])


@pytest.mark.parametrize(
    "item",
    [
        row("user-17"),
        row("7b4d2e0e-16f1-4a7e-9a0b-2d7c5b9f0c11"),
        row("alice="),
        row(CLOSED, email="alice@example.com"),
        row(CLOSED, connectedAt="yesterday"),
        {**row(CLOSED), "connectedAt": {"N": "1738314600"}},
        {**row(CLOSED), "expiresAt": {"N": "1738314600"}},
        {**row(CLOSED, connectedAt=written()), "expiresAt": {"S": "tomorrow"}},
    ],
    ids=("a-name", "a-uuid", "short", "more", "no-time", "a-number", "no-number", "a-text"),
)
def test_prune_keeps_items_that_no_connect_function_writes(
    dynamodb: Any, management: Management, item: dict[str, Any]
) -> None:
    assert prune(dynamodb, management, item) == ((0, 0, 1), [item["connectionId"]["S"]])


def test_prune_keeps_a_row_whose_id_api_gateway_calls_invalid(
    dynamodb: Any, gateway: Gateway, management: Management
) -> None:
    gateway.answers[CLOSED] = [(400, {"message": f"Invalid connectionId: {CLOSED}"})]
    assert prune(dynamodb, management, row(CLOSED, connectedAt=written())) == ((0, 0, 1), [CLOSED])


@pytest.mark.parametrize("status", [400, 403, 404])
def test_prune_deletes_nothing_when_api_gateway_refuses(
    dynamodb: Any, gateway: Gateway, management: Management, status: int
) -> None:
    gateway.answers[CLOSED] = [(status, {"message": "Forbidden"})]
    with pytest.raises(ClientError):
        prune(dynamodb, management, row(CLOSED, connectedAt=written()))
    assert dynamodb.scan(TableName="connections")["Count"] == 1


def test_prune_keeps_live_connections_and_those_whose_handshake_may_not_have_ended(
    dynamodb: Any, gateway: Gateway, management: Management
) -> None:
    gateway.answers["Live9cOFvHcCIhw="] = [(200, LIVE)]
    said, left = prune(
        dynamodb,
        management,
        row("Live9cOFvHcCIhw=", connectedAt=written()),
        row("Young9OFvHcCIhw=", connectedAt=written(1)),
        row(CLOSED, connectedAt=written()),
    )
    assert said == (1, 1, 0)
    assert left == ["Live9cOFvHcCIhw=", "Young9OFvHcCIhw="]


def test_a_row_that_nobody_asked_about_is_not_pruned(dynamodb: Any) -> None:
    aws = Aws("ap-northeast-2", keys=("test", "test"))
    dynamodb.put_item(TableName="connections", Item=row(CLOSED, connectedAt=written()))
    assert connections.prune(aws, TABLE, connections.rows(aws, TABLE)) == (0, 0, 0)


@pytest.mark.parametrize("read", [row(CLOSED, connectedAt=written()), row(CLOSED)], ids=["with a time", "key only"])
def test_a_row_that_changed_since_it_was_read_is_not_pruned(
    dynamodb: Any, management: Management, read: dict[str, Any]
) -> None:
    aws = Aws("ap-northeast-2", keys=("test", "test"))
    dynamodb.put_item(TableName="connections", Item=read)
    probed = connections.probe(management, connections.rows(aws, TABLE))
    dynamodb.put_item(TableName="connections", Item=row(CLOSED, connectedAt=written(0)))
    assert connections.prune(aws, TABLE, probed).deleted == 0
    assert ids(list(connections.rows(aws, TABLE))) == [CLOSED]
    dynamodb.delete_item(TableName="connections", Key=row(CLOSED))
    assert connections.prune(aws, TABLE, probed).deleted == 0, "it is gone already"
