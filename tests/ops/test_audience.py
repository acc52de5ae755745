"""Who would be cut off, in words."""

from __future__ import annotations

from typing import Any

import pytest

from chatops.aws import Interrupted
from chatops.ops import roster
from chatops.resources.table import OwnedTable

from ..resources.stand import Scripted, ScriptedAws, client_error

TABLES = [OwnedTable("now", "connectionId"), OwnedTable("before", "id")]


class Management:
    """Knows no connection but those whose id begins with `live`."""

    def __init__(self, *_: Any) -> None:
        pass

    def get(self, connection_id: str) -> Any:
        return {} if connection_id.startswith("live") else None

    def each(self, call: Any, these: Any) -> list[Any]:
        return [call(one) for one in these]


@pytest.fixture(autouse=True)
def management(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "Management", Management)


def audience(*scans: Any, tables: list[OwnedTable] = TABLES) -> str:
    """Who would be cut off, when these tables hold these rows."""
    return roster.audience(ScriptedAws(dynamodb=Scripted(scan=list(scans))), tables, "https://x")


def rows(key: str, *ids: str) -> Any:
    return {"Items": [{key: {"S": one}} for one in ids]}


def test_the_live_connections_of_all_tables_are_the_audience() -> None:
    assert audience(rows("connectionId", "live1", "stale"), rows("id", "live2")) == "2 connections are live"
    assert audience(rows("connectionId", "live1"), rows("id", "stale")) == "1 connection is live"
    assert audience(rows("connectionId"), rows("id", "stale")) == ""
    assert audience(tables=[]) == ""


def test_of_a_large_chat_the_first_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "ASKED", 2)
    told = audience(rows("connectionId", "live1", "live2", "live3"), rows("id", "live4"))
    assert told == "3 of the first 3 of 4 connections are live"


def test_rows_by_another_key_are_no_connections() -> None:
    assert audience(rows("other", "live1"), {"Items": [{"id": {"N": "5"}}]}) == ""


@pytest.mark.parametrize("error", [client_error("AccessDeniedException"), KeyError("S"), OSError("no network")])
def test_an_audience_that_cannot_be_told_stops_nothing(error: Exception) -> None:
    assert audience(error).startswith("how many are connected could not be told (")


def test_ctrl_c_is_not_taken_for_an_audience_that_cannot_be_told() -> None:
    with pytest.raises(Interrupted):
        audience(Interrupted())
