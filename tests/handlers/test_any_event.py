"""Whatever an event holds, a handler answers it and says so on one line: no field is of the type that it should be."""

import copy
import json
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import fanout
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sizes import every, examples

ColdStart = Callable[[str], ModuleType]
Answer = Callable[[Any], dict[str, Any]]

RIGHT: dict[str, Any] = {
    "requestContext": {
        "connectionId": "L0SM9cOFvHcCIhw=",
        "connectedAt": 1738315800125,
        "routeKey": "$default",
        "requestId": "R1",
        "apiId": "abc123",
        "stage": "demo",
        "disconnectStatusCode": 1001,
        "disconnectReason": "bye",
        "http": {"method": "GET", "path": "/"},
    },
    "headers": {"Origin": "https://chat.example", "accept-encoding": "gzip", "if-none-match": "x"},
    "queryStringParameters": {"X-Amz-Date": "20250131T093000Z", "X-Amz-Expires": "3600", "title": "x"},
    "pathParameters": {"userId": "1"},
    "rawQueryString": "title=x",
    "body": '{"action":"sendMessage","message":"Hello"}',
    "isBase64Encoded": False,
}
"""An event that every handler takes."""


class Table:
    """A DynamoDB that takes everything that botocore can send."""

    def put_item(self, **given: Any) -> None:
        self.take(given["Item"])

    def delete_item(self, **given: Any) -> None:
        self.take(given["Key"])

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": [{"connectionId": {"S": "other="}}]}

    def take(self, item: dict[str, dict[str, Any]]) -> None:
        for value in item.values():
            ((kind, text),) = value.items()
            assert kind in ("S", "N") and isinstance(text, str) and text.encode()


def post_to_all(endpoint: Any, data: bytes, read: fanout.Reader, seconds: float) -> fanout.Outcome:
    """Makes every request, and sends none."""
    found: list[str] = []
    endpoint.loop.run_until_complete(read(found.extend))
    for connection_id in found:
        assert endpoint.request(connection_id, data, "0" * 64)
    endpoint.close()
    return fanout.Outcome(sent=len(found), pages=1)


@pytest.fixture(params=["connect", "disconnect", "send", "user", "page"])
def handler(
    request: pytest.FixtureRequest, cold_start: ColdStart, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Answer]:
    """A handler's name, and what it answers to an event."""
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://chat.example")
    monkeypatch.setenv("WEBSOCKET_URL", "wss://chat.example/demo")
    name = request.param
    module = cold_start(name)
    if hasattr(module, "dynamodb"):
        monkeypatch.setattr(module, "dynamodb", Table())
    if name == "send":
        monkeypatch.setattr(module.connections, "_dynamodb", Table())
        monkeypatch.setattr(module, "post_to_all", post_to_all)
        monkeypatch.setattr(module, "endpoint", lambda url: module.Endpoint(url, CREDENTIALS, "eu-west-1"))
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)
    return name, lambda event: module.lambda_handler(event, context)


CREDENTIALS = SimpleNamespace(
    get_frozen_credentials=lambda: SimpleNamespace(access_key="x", secret_key="x", token=None)
)


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of the event, and the event itself."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from paths(inner, (*path, key))


def replaced(path: tuple[str, ...], value: Any) -> Any:
    """The event with another value at a field."""
    event = copy.deepcopy(RIGHT)
    if not path:
        return value
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return event


MISSING = object()
DEEP = json.loads("[" * 400 + "]" * 400)
IMPOSSIBLE: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -1,
    "endless": float("inf"),
    "no number": float("nan"),
    "huge": 10**400,
    "no text": "",
    "text": "x",
    "not ASCII": "안녕",
    "half a pair": "\ud800",
    "lines": "a\r\nHost: evil.example",
    "a host": "[::",
    "long": "x" * 100_000,
    "digits": "9" * 401,
    "more digits": "9" * 5000,
    "negative text": "-5",
    "no lists": [],
    "a list": ["x"],
    "numbers": [1, None],
    "deep": DEEP,
    "empty": {},
    "a mapping": {"x": {"y": [1]}},
    "keys": {"": None, "\ud800": 1},
    "headers": {"Origin": ["https://chat.example"], "accept-encoding": 5, "if-none-match": {}},
}


def check(name: str, answer: Answer, event: Any, capsys: pytest.CaptureFixture[str]) -> int:
    """The status of the answer, which Lambda can send; one line says what became of it."""
    capsys.readouterr()
    given_back = answer(event)
    json.dumps(given_back, ensure_ascii=False).encode()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # A broadcast has two lines: one when it begins, one with its counts.
    assert len(lines) == 1 or [line["event"] for line in lines] == ["message", "broadcast"]
    status = int(given_back["statusCode"])
    assert status in (200, 304, 400, 403)
    if status == 400:
        assert lines[0]["error"] == "BadEvent" and lines[0]["hint"]
    return status


def test_the_event_itself_is_taken(handler: tuple[str, Answer], capsys: pytest.CaptureFixture[str]) -> None:
    event = replaced(("queryStringParameters",), None)
    assert check(*handler, event, capsys) == 200


@pytest.mark.parametrize("value", every(3, IMPOSSIBLE.values()), ids=IMPOSSIBLE)
def test_an_event_with_an_impossible_field_is_answered(
    handler: tuple[str, Answer], capsys: pytest.CaptureFixture[str], value: Any
) -> None:
    for path in paths(RIGHT):
        if path or value is not MISSING:
            check(*handler, replaced(path, value), capsys)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=examples(200),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_event_is_answered(
    handler: tuple[str, Answer], capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    event: Any = copy.deepcopy(RIGHT)
    for path in data.draw(st.lists(st.sampled_from([*paths(RIGHT)]), min_size=1, max_size=4)):
        value = data.draw(JSON | st.sampled_from([*IMPOSSIBLE.values()]))
        if not path:
            event = None if value is MISSING else value
            continue
        inner = event
        for key in path[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            if value is MISSING:
                inner.pop(path[-1], None)
            else:
                inner[path[-1]] = copy.deepcopy(value)
    check(*handler, event, capsys)
