"""The chat's connections: every row of every page, asked whether they live, written to, closed and pruned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from chatops.aws import Aws
from chatops.errors import UsageError
from chatops.ops import connections
from chatops.ops.connections import Connection
from chatops.ops.management import Management

from .gateway import LIVE, NOON, Gateway


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
    assert ids(list(connections.rows(aws, "connections", "connectionId"))) == ["a=", "b=", "c="]
    stub.assert_no_pending_responses()


def test_rows_of_all_pages_are_counted(aws: Aws) -> None:
    scan(aws, {"Count": 5, "LastEvaluatedKey": row("b=")}, {"Count": 2}, Select="COUNT")
    assert connections.count(aws, "connections") == 7


def test_without_a_table_there_is_nobody(aws: Aws) -> None:
    with Stubber(aws.client("dynamodb")) as stub:
        for _ in range(2):
            stub.add_client_error("scan", "ResourceNotFoundException", http_status_code=400)
        assert list(connections.rows(aws, "connections", "connectionId")) == []
        assert connections.count(aws, "connections") == 0


def test_any_other_error_is_raised(aws: Aws) -> None:
    with Stubber(aws.client("dynamodb")) as stub:
        stub.add_client_error("scan", "AccessDeniedException", http_status_code=400)
        with pytest.raises(ClientError, match="AccessDenied"):
            list(connections.rows(aws, "connections", "connectionId"))


def test_the_key_may_have_any_name(aws: Aws) -> None:
    scan(aws, {"Items": [{"id": {"S": "a="}}]}, ConsistentRead=True)
    assert ids(list(connections.rows(aws, "connections", "id"))) == ["a="]


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
    (one,) = connections.rows(aws, "connections", "connectionId")
    assert one.connected_at == then
    assert one.is_live is None


def test_a_row_without_a_time_has_none(aws: Aws) -> None:
    scan(aws, {"Items": [row("a="), {"connectionId": {"S": "b="}, "connectedAt": {"N": "1"}}]}, ConsistentRead=True)
    found = list(connections.rows(aws, "connections", "connectionId"))
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


def deleted(moto: Callable[[], None], *stale: Connection) -> tuple[tuple[int, int], list[str]]:
    """What pruning says, and the rows that are left of these and of a live one."""
    moto()
    aws = Aws("ap-northeast-2", keys=("test", "test"))
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="connections",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
    )
    for one in (*stale, Connection("live=", True)):
        dynamodb.put_item(TableName="connections", Item=row(one.connection_id))
    said = connections.prune(aws, "connections", "connectionId", [*stale, Connection("live=", True)])
    return said, sorted(ids(list(connections.rows(aws, "connections", "connectionId"))))


def test_only_stale_rows_are_pruned_and_those_of_a_handshake_in_hand_are_kept(moto: Callable[[], None]) -> None:
    now = datetime.now(timezone.utc)
    said, left = deleted(
        moto,
        Connection("old=", False, now - timedelta(minutes=5)),
        Connection("no time=", False),
        Connection("young=", False, now),
        Connection("nobody asked="),
    )
    assert said == (2, 1)
    assert left == ["live=", "nobody asked=", "young="]
