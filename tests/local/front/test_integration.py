from __future__ import annotations

import pytest

from chatops.local.front.errors import frame
from chatops.local.front.integration import Answer, answer


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"statusCode": 200}', Answer(200)),
        (b'{"statusCode": "201", "body": "hello"}', Answer(201, "hello")),
        (b"{}", Answer(200)),
        (b'{"body": "x"}', Answer(200, "x")),
        (b'{"headers": {"a": "b"}}', Answer(200, None, {"a": "b"})),
        (
            b'{"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}',
            Answer(200, None, {"Sec-WebSocket-Protocol": "chat"}),
        ),
        (b'{"statusCode": 200, "headers": null, "body": null}', Answer(200)),
        (b'{"statusCode": 200, "multiValueHeaders": {}, "isBase64Encoded": false}', Answer(200)),
        (b'{"statusCode": 200, "body": "a\\ud800b", "headers": {"x": "\\udfff"}}', Answer(200, "a?b", {"x": "?"})),
    ],
)
def test_a_response_of_a_proxy_integration_is_understood(payload: bytes, expected: Answer) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html"""
    assert answer(payload) == expected


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b'"hello"',
        b"[]",
        b"",
        b"\xff",
        b"1",
        b'{"statusCode": "ok"}',
        b'{"statusCode": null}',
        b'{"statusCode": Infinity}',
        b'{"statusCode": 200, "headers": "x"}',
        b'{"statusCode": 200, "headers": [1]}',
        b'{"statusCode": 200, "Data": "hello"}',
        b'{"isAuthorized": true}',
        b'{"statusCode": 200, "body": {"a": 1}}',
        b'{"statusCode": 200, "body": 5}',
        b'{"statusCode": 200, "cookies": []}',
        b'{"statusCode": 200, "body": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda one: one[:40].decode(errors="replace"),
)
def test_anything_else_has_no_status(payload: bytes) -> None:
    assert answer(payload) == Answer(None)


def test_an_error_frame_has_the_spaces_of_api_gateway() -> None:
    assert frame("Forbidden", "A=", "B=") == '{"message": "Forbidden", "connectionId":"A=", "requestId":"B="}'
