"""Whatever a config says and whatever a client sends: a clear error or an answer, never an unhandled exception."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from chatops import config
from chatops.config import Config
from chatops.errors import UsageError

HANDLERS = ("connect", "disconnect", "send", "user", "page")
DEFAULT = yaml.safe_load(config.shipped("config.yaml").read_text(encoding="utf-8"))
LOAD = [
    pytest.param(60, id="some"),
    pytest.param(5000, id="many", marks=pytest.mark.exhaustive),
]

WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "$connect", "$default", "GET /", "ANY /{x+}", "handlers/send.py", "iam", "none", "dynamodb:Scan"]
    ),
)
SCALARS = st.one_of(WORDS, st.integers(), st.floats(), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


@st.composite
def almost_right(draw: st.DrawFn) -> str:
    """The default config with some of its values replaced, and keys added."""
    made = json.loads(json.dumps(DEFAULT))
    for path in draw(st.lists(st.sampled_from([*paths(DEFAULT)]), min_size=1, max_size=3)):
        inner = made
        for key in path[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[draw(WORDS) if draw(st.booleans()) else path[-1]] = draw(VALUES)
    return str(yaml.safe_dump(made, allow_unicode=True))


@pytest.mark.parametrize("number", LOAD)
def test_any_config_is_read_or_refused_with_its_lines(tmp_path: Path, number: int) -> None:
    file = tmp_path / "config.yaml"
    ends = {"read": 0, "refused": 0}

    @seed(7)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(almost_right(), st.text(max_size=60), VALUES.map(lambda one: str(yaml.safe_dump(one)))))
    def check(text: str) -> None:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            assert isinstance(config.load(file), Config)
            ends["read"] += 1
        except UsageError as error:
            assert error.exit_code == 2
            assert error.what
            assert error.why
            ends["refused"] += 1

    check()
    assert ends["read"] > min(number / 60, 20)
    assert ends["refused"] > number / 10


class Sink:
    """A table that takes everything and holds nothing."""

    def put_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def delete_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": []}


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[Any], Any]]:
    """Imports a handler with nothing behind it, and gives it as what takes an event."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("WEBSOCKET_TABLE", "t")
    monkeypatch.setenv("WEBSOCKET_URL", "wss://chat.example/demo")
    monkeypatch.delenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", raising=False)

    def load(name: str) -> Callable[[Any], Any]:
        for other in (*HANDLERS, "message"):
            monkeypatch.delitem(sys.modules, other, raising=False)
        module: ModuleType = importlib.import_module(name)
        if hasattr(module, "dynamodb"):
            monkeypatch.setattr(module, "dynamodb", Sink())
        if name == "send":
            nothing = SimpleNamespace(sent=0, gone=[], failed=[], retried=0, unreached=0, interruption=None, pages=1)
            monkeypatch.setattr(module, "post_to_all", lambda *_: nothing)
            monkeypatch.setattr(module, "endpoint", lambda url: None)
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)
        return lambda event: module.lambda_handler(event, context)

    return load


NOT_ITS_VALUE: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.text(max_size=9), st.lists(WORDS, max_size=2), st.just({})
)
HEADERS = st.one_of(
    st.none(),
    st.dictionaries(
        st.one_of(st.sampled_from(["Origin", "origin", "accept-encoding", "If-None-Match"]), st.text(max_size=8)),
        st.text(max_size=20),
        max_size=4,
    ),
)
MESSAGES = st.one_of(
    st.none(),
    st.text(max_size=200),
    st.sampled_from(
        ["ping", "{", "[]", "null", "NaN", '{"message": null}', '{"message": {"a": 1}}', "[" * 5000, "9" * 5000]
    ),
    VALUES.map(json.dumps),
    VALUES.map(lambda one: json.dumps({"action": "sendMessage", "message": one})),
    st.binary(max_size=60).map(lambda one: base64.b64encode(one).decode()),
)


def made_up(draw: st.DrawFn, right: dict[str, Any], names: Sequence[str] = ()) -> dict[str, Any]:
    """The same with some of these values, or of all, left out or replaced."""
    changed = draw(st.sets(st.sampled_from(names or sorted(right)), max_size=3))
    replaced = {name: draw(NOT_ITS_VALUE) for name in sorted(changed) if draw(st.booleans())}
    return {name: value for name, value in right.items() if name not in changed} | replaced


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """What API Gateway says, and around it whatever a client can send; or what somebody made up for a test."""
    query = draw(st.text(max_size=40))
    request: dict[str, Any] = {
        "connectionId": "abc=",
        "connectedAt": draw(st.integers(0, 4_102_444_800_000)),
        "routeKey": draw(st.sampled_from(["$connect", "$default", "sendMessage"])),
        "requestId": "r",
        "apiId": "a",
        "stage": "demo",
        "http": {"method": draw(st.sampled_from(["GET", "POST", "BREW"])), "path": "/" + draw(st.text(max_size=9))},
    }
    event = {
        "requestContext": request,
        "pathParameters": {"userId": draw(st.text(max_size=20))},
        "rawQueryString": query,
    }
    if draw(st.integers(0, 3)) == 0:
        request = made_up(draw, request)
        event = made_up(draw, event | {"requestContext": request}, ("requestContext", "pathParameters"))
    optional = {
        "headers": HEADERS,
        "body": MESSAGES,
        "isBase64Encoded": st.booleans(),
        "queryStringParameters": HEADERS,
    }
    return event | {key: draw(values) for key, values in optional.items() if draw(st.booleans())}


@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize("number", LOAD)
def test_any_event_is_answered(
    handler: Callable[[str], Callable[[Any], Any]],
    capsys: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
    name: str,
    number: int,
) -> None:
    answer = handler(name)

    @seed(7)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @example({})
    @given(events())
    def check(event: dict[str, Any]) -> None:
        given_back = answer(event)
        assert 200 <= given_back["statusCode"] < 500
        json.dumps(given_back)

    check()
    capsys.readouterr()
    if number > 1000:
        figure(f"events to {name}: {number}, each answered")
