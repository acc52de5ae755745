"""Whatever a file holds, it gives a config or an error for the user. Hypothesis makes the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from chatops.config import load, shipped
from chatops.errors import UsageError

from ..sizes import examples

TOP = ["stack", "region", "account", "prefix", "table", "outside_files", "functions", "websocket", "http_apis"]

KEYS = [
    *TOP,
    *("name", "key", "source", "handler", "allow", "include", "environment", "runtime", "memory", "timeout"),
    *("log_retention", "stage", "route_selection", "auth", "routes", "action", "resource"),
    *("allowed_origins", "throttle", "rate", "burst", "max_message_bytes", "reserved_concurrency"),
    *("$connect", "sendMessage", "websocket-send", "<<"),
]

VALUES = [
    *("iam", "none", "demo", "handlers/connect.py", "connect.lambda_handler", "python3.12", "websocket-connect"),
    *("websocket-send", "dynamodb:PutItem", "execute-api:ManageConnections", "arn:aws:s3:::a", "{websocket_url}"),
    "$request.body.action",
]

PIECES = [*"{}[]:,&*!|>'\"%@`#-?\n\t", "\n  ", ": ", "<<: *a", "\\ud800"]


def fuzz(strategy: Any, check: Callable[[Any], None]) -> None:
    """Checks many examples, the same ones in every run."""
    from hypothesis import HealthCheck, given, settings

    always: Any = settings(
        max_examples=examples(75),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    given_each: Any = given(strategy)
    always(given_each(check))()


def values() -> Any:
    """Anything that YAML can hold, often with keys and values that mean something."""
    from hypothesis import strategies as st

    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.dates(),
        st.binary(max_size=5),
        st.text(max_size=20),
        st.sampled_from(VALUES),
    )
    keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=8), st.integers())
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
        max_leaves=25,
    )


def gives_a_config_or_an_error_for_the_user(data: bytes) -> None:
    Path("fuzz.yaml").write_bytes(data)
    try:
        config = load(Path("fuzz.yaml"))
    except UsageError as error:
        assert error.what and error.why
        assert all(one.startswith("fuzz.yaml:") for one in getattr(error, "problems", ()))
    else:
        assert config.functions or not config.websocket.routes
        assert set(config.websocket.routes.values()) <= set(config.functions)


def test_any_document() -> None:
    def check(document: object) -> None:
        text = yaml.safe_dump(document, allow_unicode=True)
        gives_a_config_or_an_error_for_the_user(text.encode("utf-8", "surrogatepass"))

    fuzz(values(), check)


def test_any_values_under_the_right_keys() -> None:
    from hypothesis import strategies as st

    def check(document: dict[str, object]) -> None:
        gives_a_config_or_an_error_for_the_user(yaml.safe_dump(document).encode("utf-8", "surrogatepass"))

    fuzz(st.dictionaries(st.sampled_from(TOP), values(), max_size=4), check)


def test_the_shipped_file_spoilt() -> None:
    from hypothesis import strategies as st

    shipped_text = shipped("config.yaml").read_text()

    @st.composite
    def spoilt(draw: st.DrawFn) -> str:
        text = shipped_text
        for _ in range(draw(st.integers(1, 5))):
            at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
            piece = draw(st.one_of(st.text(max_size=6), st.sampled_from(PIECES)))
            text = text[:at] + piece + text[at + length :]
        return text

    fuzz(spoilt(), lambda text: gives_a_config_or_an_error_for_the_user(text.encode("utf-8", "surrogatepass")))


def test_any_bytes() -> None:
    from hypothesis import strategies as st

    fuzz(st.binary(max_size=60), gives_a_config_or_an_error_for_the_user)
