"""The roster: everybody who is in the table is counted, whatever is listed, and whatever AWS refuses."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws import Aws
from chatops.ops import connections
from chatops.ops.connections import Connection
from chatops.ops.management import Management
from chatops.ops.roster import Roster, changes, read
from chatops.resources.table import OwnedTable

NOW = datetime.now(timezone.utc)
TABLE = OwnedTable("connections", "connectionId")
ROWS = [Connection(f"c{number}=", connected_at=NOW - timedelta(minutes=10 - number)) for number in range(6)]
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no GET"}}, "GetConnection")


@pytest.fixture
def aws() -> Aws:
    return Aws("ap-northeast-2", endpoint_url="http://127.0.0.1:1", keys=("test", "test"))


@pytest.fixture
def management(aws: Aws) -> Management:
    return Management(aws, "http://127.0.0.1:1/abc/demo")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A table of six rows, of which the even ones are live; gives whom was asked about."""
    asked: list[str] = []

    def get(_: Management, connection_id: str) -> dict[str, Any] | None:
        asked.append(connection_id)
        return {} if int(connection_id[1]) % 2 == 0 else None

    monkeypatch.setattr(connections, "rows", lambda *_: iter(ROWS))
    monkeypatch.setattr(connections, "count", lambda *_: len(ROWS))
    monkeypatch.setattr(Management, "get", get)
    return asked


def ids(found: Roster) -> list[str]:
    return [one.connection_id for one in found.listed]


def test_the_limit_cuts_the_list_and_not_the_count(aws: Aws, management: Management, asked: list[str]) -> None:
    found = read(aws, TABLE, management, limit=2)
    assert (found.live, found.stale, found.unknown, found.total) == (3, 3, 0, 6)
    assert ids(found) == ["c0=", "c2="], "the live ones, and not the oldest rows"
    assert len(asked) == 6


def test_without_probing_nobody_is_asked_and_all_are_counted(
    aws: Aws, management: Management, asked: list[str]
) -> None:
    found = read(aws, TABLE, management, probe=False, limit=4)
    assert (found.live, found.stale, found.unknown, found.total, len(found.listed)) == (0, 0, 6, 6, 4)
    assert read(aws, TABLE, management, probe=False, limit=0) == Roster((), 6, 0)
    assert asked == []


def test_while_there_is_no_api_nobody_is_asked(aws: Aws, asked: list[str]) -> None:
    assert read(aws, TABLE, None).unknown == 6
    assert asked == []


def test_a_refused_probe_leaves_the_rows_unknown_and_says_why(
    aws: Aws, management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise REFUSED

    monkeypatch.setattr(Management, "get", refuse)
    found = read(aws, TABLE, management)
    assert found.refusal is REFUSED
    assert (found.unknown, ids(found)) == (6, [f"c{number}=" for number in range(6)])


def test_a_refused_scan_says_why(aws: Aws, management: Management, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise REFUSED

    monkeypatch.setattr(connections, "rows", refuse)
    assert read(aws, TABLE, management) == Roster((), 0, None, REFUSED)


def test_some_may_be_asked_about_and_the_others_are_unknown(aws: Aws, management: Management, asked: list[str]) -> None:
    found = read(aws, TABLE, management, ask=3)
    assert (found.live, found.stale, found.unknown) == (2, 1, 3)
    assert sorted(asked) == ["c0=", "c1=", "c2="]


def test_who_came_and_who_went_is_told_of_all_rows_and_not_of_those_listed() -> None:
    before = Roster((Connection("a=", True), Connection("b=", True), Connection("c=", True)), 3, 1)
    now = Roster((Connection("a=", True), Connection("c=", False), Connection("d=", True)), 3, 1)
    assert changes(before, now) == (["d="], ["b=", "c="])
