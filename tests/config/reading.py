"""Configs that are read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatops.config import Config, load
from chatops.errors import ConfigError

ONE = (
    "functions: {websocket-connect: {source: handlers/connect.py, %s}}\n"
    "websocket: {routes: {$connect: websocket-connect}}\n"
    "http_apis: {}\n"
)
HTTP = "http_apis:\n  page:\n    routes:\n      %s: aws-gateway-lambda\n"


def read(text: str | bytes) -> Config:
    """The config of a file with this text."""
    Path("c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(Path("c.yaml"))


def problems(text: str | bytes) -> list[str]:
    """What is wrong with a file, each problem without the file's name."""
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert all(one.startswith("c.yaml:") for one in raised.value.problems)
    return [one.removeprefix("c.yaml:") for one in raised.value.problems]


def the_problem(text: str | bytes) -> str:
    """The only thing that is wrong with a file."""
    (problem,) = problems(text)
    return problem
