"""The $connect route: who is let in is in the table."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Rows = Callable[[], dict[str, dict[str, Any]]]
ColdStart = Callable[[str], ModuleType]
Logged = Callable[[], list[dict[str, Any]]]


def event(**headers: str) -> dict[str, Any]:
    request = {"routeKey": "$connect", "connectionId": "L0SM9cOFvHcCIhw=", "connectedAt": 1738315800125}
    return {"requestContext": request, "headers": headers, "isBase64Encoded": False}


def test_a_connection_is_stored_with_the_time_it_was_made_and_the_time_it_expires(
    cold_start: ColdStart, rows: Rows, logged: Logged
) -> None:
    answer = cold_start("connect").lambda_handler(event(), None)

    assert answer == {"statusCode": 200}
    two_hours_and_five_minutes = 7500
    assert rows() == {
        "L0SM9cOFvHcCIhw=": {
            "connectedAt": {"S": "2025-01-31T09:30:00.125Z"},
            "expiresAt": {"N": str(1738315800 + two_hours_and_five_minutes)},
        }
    }
    assert logged() == [{"event": "connected", "connectionId": "L0SM9cOFvHcCIhw="}]


def test_without_a_time_in_the_event_the_connection_was_made_now(cold_start: ColdStart, rows: Rows) -> None:
    before = int(time.time())
    sent = event()
    del sent["requestContext"]["connectedAt"]

    cold_start("connect").lambda_handler(sent, None)

    (row,) = rows().values()
    assert before <= int(row["expiresAt"]["N"]) - 7500 <= time.time()


def test_the_tables_key_may_have_another_name(
    cold_start: ColdStart, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamodb.create_table(
        TableName="other",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    monkeypatch.setenv("WEBSOCKET_TABLE", "other")
    monkeypatch.setenv("TABLE_KEY", "id")

    assert cold_start("connect").lambda_handler(event(), None) == {"statusCode": 200}
    assert dynamodb.scan(TableName="other")["Items"][0]["id"] == {"S": "L0SM9cOFvHcCIhw="}


def test_a_client_that_cannot_be_stored_is_not_let_in(
    cold_start: ColdStart, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSOCKET_TABLE", "no-such-table")

    assert cold_start("connect").lambda_handler(event(), None) == {"statusCode": 500}
    (line,) = logged()
    assert (line["event"], line["connectionId"]) == ("connect_failed", "L0SM9cOFvHcCIhw=")
    assert "ResourceNotFoundException" in line["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://chat.example"}, 200),
        ({"origin": "https://chat.example:8443"}, 200),
        ({"Host": "abc.execute-api.eu-west-1.amazonaws.com"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"ORIGIN": "https://chat.example.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_pages_of_other_origins_are_refused(
    cold_start: ColdStart,
    rows: Rows,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    status: int,
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://chat.example, https://chat.example:8443,")

    assert cold_start("connect").lambda_handler(event(**headers), None) == {"statusCode": status}
    assert len(rows()) == (status == 200)
    assert logged()[0]["event"] == ("connected" if status == 200 else "refused")


def test_every_origin_is_welcome_where_none_is_named(cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "")

    assert cold_start("connect").lambda_handler(event(Origin="https://any.example"), None) == {"statusCode": 200}


SIGNED = {"X-Amz-Date": "20250131T093000Z", "X-Amz-Expires": "3600", "X-Amz-Signature": "0"}


@pytest.mark.parametrize(
    ("query", "age", "status"),
    [
        (SIGNED, 3599, 200),
        (SIGNED, 3601, 403),
        ({**SIGNED, "X-Amz-Expires": "10"}, 11, 403),
        (SIGNED, -200, 200),
        (None, 3601, 200),
        ({"room": "1"}, 3601, 200),
        ({**SIGNED, "X-Amz-Date": "yesterday"}, 3601, 200),
        ({**SIGNED, "X-Amz-Expires": "9" * 401}, 3601, 200),
        ({**SIGNED, "X-Amz-Expires": "9" * 401}, 7 * 24 * 3600 + 1, 403),
        ({**SIGNED, "X-Amz-Expires": "9" * 5000}, 3601, 200),
        ({**SIGNED, "X-Amz-Expires": "-5"}, 0, 403),
        ({**SIGNED, "X-Amz-Expires": ["3600"]}, 3601, 200),
    ],
)
def test_a_signed_address_is_refused_once_it_is_older_than_it_says(
    cold_start: ColdStart,
    rows: Rows,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, Any] | None,
    age: int,
    status: int,
) -> None:
    handler = cold_start("connect")
    monkeypatch.setattr(handler.time, "time", lambda: 1738315800 + age)

    assert handler.lambda_handler({**event(), "queryStringParameters": query}, None) == {"statusCode": status}
    assert len(rows()) == (status == 200)
    assert logged()[0].get("error") == (None if status == 200 else "InviteEnded")


@pytest.mark.parametrize("headers", [["Origin"], "Origin", 5, {"Origin": ["https://chat.example"]}, {"origin": None}])
def test_an_origin_that_cannot_be_read_gets_nobody_in(
    cold_start: ColdStart, rows: Rows, monkeypatch: pytest.MonkeyPatch, headers: Any
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://chat.example")

    answer = cold_start("connect").lambda_handler({**event(), "headers": headers}, None)

    assert answer["statusCode"] in (400, 403) and rows() == {}


def test_an_event_without_headers_is_accepted(cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://chat.example")

    assert cold_start("connect").lambda_handler({**event(), "headers": None}, None) == {"statusCode": 200}


@pytest.mark.parametrize("bad", [{}, {"key1": "value1"}, {"requestContext": {}}, {"requestContext": None}, [], None])
def test_an_event_of_no_connection_is_refused_with_one_line(cold_start: ColdStart, logged: Logged, bad: Any) -> None:
    assert cold_start("connect").lambda_handler(bad, None) == {"statusCode": 400}

    (line,) = logged()
    assert (line["event"], line["error"]) == ("refused", "BadEvent")
