"""https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-integrations.html"""

from __future__ import annotations

from chatops.local.front import event
from chatops.local.front.connection import Connection

HEADERS = [
    ("Host", "127.0.0.1:4567"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Cookie", "a=1"),
    ("Cookie", "b=2"),
]


def connection() -> Connection:
    identity = {"sourceIp": "127.0.0.1", "userAgent": None}
    return Connection("api1", "demo", "127.0.0.1:4567", identity, "Ab1=", 1707502303419)


def test_a_handshake_without_a_query_has_no_query_fields() -> None:
    made = event.connect(connection(), "R1=", "", HEADERS)
    assert set(made) == {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}


def test_a_parameter_given_twice_is_there_twice_and_last() -> None:
    made = event.connect(connection(), "R1=", "a=1&b=x%20y&a=2&empty=", HEADERS)
    assert made["queryStringParameters"] == {"a": "2", "b": "x y", "empty": ""}
    assert made["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y"], "empty": [""]}


def test_a_handshake_has_its_headers_and_those_of_the_way_but_not_those_of_the_hop() -> None:
    made = event.connect(connection(), "R1=", "", HEADERS)
    assert set(made["headers"]) == {
        *("Host", "Cookie", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")
    }
    assert made["multiValueHeaders"]["Cookie"] == ["a=1", "b=2"]
    assert made["headers"]["X-Forwarded-Port"] == "4567"


def test_a_client_without_a_user_agent_has_none_in_its_identity() -> None:
    made = event.message(connection(), "R1=", "say", "hello")
    assert made["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


def test_a_message_has_its_text_and_an_id_of_its_own() -> None:
    first, second = (event.message(connection(), "R1=", "say", "안녕하세요") for _ in range(2))
    assert (first["body"], first["isBase64Encoded"]) == ("안녕하세요", False)
    assert first["requestContext"]["messageId"] != second["requestContext"]["messageId"]
    assert "headers" not in first


def test_an_end_has_the_code_and_the_reason() -> None:
    made = event.disconnect(connection(), "R1=", 1001, "Going away")
    at = made["requestContext"]
    assert (at["eventType"], at["routeKey"]) == ("DISCONNECT", "$disconnect")
    assert (at["disconnectStatusCode"], at["disconnectReason"]) == (1001, "Going away")
    assert made["headers"] == {"Host": "127.0.0.1:4567", "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}


def test_a_time_is_written_as_in_access_logs() -> None:
    assert event.request_time(1707502303420) == "09/Feb/2024:18:11:43 +0000"
