"""The limits in the config: their defaults, and every mistake in them with its line and key path."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatops.config import Config, Limit, load
from chatops.errors import ConfigError

ONE = "functions: {f: {source: handlers/connect.py%s}}\nwebsocket: {routes: {%s: f}%s}\nhttp_apis: {}\n"


def read(text: str, folder: Path) -> Config:
    file = folder / "c.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_without_a_word_everything_is_limited(tmp_path: Path) -> None:
    config = read("", tmp_path)
    for throttle in (config.websocket.throttle, *(api.throttle for api in config.http_apis.values())):
        assert (throttle.each, throttle.routes) == (Limit(50, 100), {})
    assert config.websocket.max_message_bytes == 32768
    assert config.websocket.allowed_origins == ()
    assert {one.reserved_concurrency for one in config.functions.values()} == {None}


def test_a_route_has_what_it_does_not_say_from_its_stage(tmp_path: Path) -> None:
    text = "websocket: {throttle: {rate: 7, routes: {sendMessage: {burst: 3}, $connect: {rate: 1}}}}"
    throttle = read(text, tmp_path).websocket.throttle
    assert throttle.each == Limit(7, 100)
    assert throttle.routes == {"sendMessage": Limit(7, 3), "$connect": Limit(1, 100)}


def test_an_http_api_has_a_limit_of_its_own(tmp_path: Path) -> None:
    text = "http_apis: {page: {routes: {GET /: aws-gateway-lambda}, throttle: {rate: 2}}}"
    assert read(text, tmp_path).http_apis["page"].throttle.each == Limit(2, 100)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("websocket: {throttle: {rate: 0}}", "1: websocket.throttle.rate: '0' is not between 1 and 10000"),
        ("websocket: {throttle: {burst: 5001}}", "1: websocket.throttle.burst: '5001' is not between 1 and 5000"),
        ("websocket: {throttle: {rate: 1.5}}", "1: websocket.throttle.rate: must be a whole number"),
        ("websocket: {throttle: 5}", "1: websocket.throttle: must be a mapping"),
        ("websocket: {throttle: {rates: 5}}", "1: websocket.throttle.rates: unknown key; did you mean rate?"),
        (
            "websocket:\n  throttle:\n    routes:\n      sendMesage: {rate: 1}",
            "4: websocket.throttle.routes.sendMesage: there is no such route; did you mean sendMessage?",
        ),
        ("websocket: {max_message_bytes: 131073}", "1: websocket.max_message_bytes: '131073' is not between"),
        ("websocket: {allowed_origins: https://a.example}", "1: websocket.allowed_origins: must be a list"),
        ("websocket: {allowed_origins: [https://a.example/]}", "1: websocket.allowed_origins.0: "),
        ("websocket: {allowed_origins: [https://A.example]}", "1: websocket.allowed_origins.0: "),
        ("websocket: {allowed_origins: ['*']}", "1: websocket.allowed_origins.0: '*' is not an origin"),
        ("websocket: {allowed_origins: ['https://a.example,https://b.example']}", "1: websocket.allowed_origins.0: "),
        (ONE % (", reserved_concurrency: 0", "x", ""), "1: functions.f.reserved_concurrency: '0' is not between"),
        (ONE % ("", "x", ", auth: iam"), "2: websocket.auth: needs a route $connect"),
        (ONE % ("", "x", ", allowed_origins: [http://a]"), "2: websocket.allowed_origins: needs a route $connect"),
        (ONE % (", environment: {ALLOWED_ORIGINS: x}", "x", ""), "1: functions.f.environment.ALLOWED_ORIGINS: is set"),
    ],
)
def test_what_no_limit_can_be_is_told(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text, tmp_path)
    (told,) = refused.value.problems
    assert told.partition("c.yaml:")[2].startswith(problem)


@pytest.mark.parametrize("origin", ["https://a.example", "http://localhost:3000", "http://[::1]:8080", "https://a-b.c"])
def test_an_origin_is_written_as_browsers_send_it(origin: str, tmp_path: Path) -> None:
    text = f"websocket: {{allowed_origins: ['{origin}', '{origin}']}}"
    assert read(text, tmp_path).websocket.allowed_origins == (origin,)
