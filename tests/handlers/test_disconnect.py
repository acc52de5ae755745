"""The $disconnect route: who has left is no longer in the table."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Rows = Callable[[], dict[str, dict[str, Any]]]
ColdStart = Callable[[str], ModuleType]
Logged = Callable[[], list[dict[str, Any]]]


def event(connection_id: str, **request: Any) -> dict[str, Any]:
    return {"requestContext": {"routeKey": "$disconnect", "connectionId": connection_id, **request}}


def test_only_the_row_of_who_has_left_is_deleted(
    cold_start: ColdStart, rows: Rows, put: Callable[..., None], logged: Logged
) -> None:
    put("a", "b")

    assert cold_start("disconnect").lambda_handler(event("a"), None) == {"statusCode": 200}
    assert rows() == {"b": {}}
    assert logged() == [{"event": "disconnected", "connectionId": "a"}]


def test_that_there_is_no_row_is_fine(cold_start: ColdStart, rows: Rows) -> None:
    assert cold_start("disconnect").lambda_handler(event("a"), None) == {"statusCode": 200}


def test_why_a_client_left_is_logged_on_one_line_whatever_it_says(cold_start: ColdStart, logged: Logged) -> None:
    reason = 'bye"\n{"event":"connected"}\u2028\ud800'

    cold_start("disconnect").lambda_handler(event("a", disconnectStatusCode=1001, disconnectReason=reason), None)

    assert logged() == [{"event": "disconnected", "connectionId": "a", "code": 1001, "reason": reason}]


def test_a_row_that_cannot_be_deleted_is_logged_and_not_raised(
    cold_start: ColdStart, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSOCKET_TABLE", "no-such-table")

    assert cold_start("disconnect").lambda_handler(event("a"), None) == {"statusCode": 500}
    (line,) = logged()
    assert line["event"] == "disconnect_failed"
    assert "ResourceNotFoundException" in line["error"]


@pytest.mark.parametrize("bad", [{}, {"key1": "value1"}, {"requestContext": {}}, {"requestContext": None}, [], None])
def test_an_event_of_no_connection_is_refused_with_one_line(cold_start: ColdStart, logged: Logged, bad: Any) -> None:
    assert cold_start("disconnect").lambda_handler(bad, None) == {"statusCode": 400}

    (line,) = logged()
    assert (line["event"], line["error"]) == ("refused", "BadEvent")
