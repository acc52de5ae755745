"""Which interpreter runs a function of the local AWS, and what becomes of what it said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from chatops.local import functions

OWN = f"python{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = "python3.99"
CONFIG = {"FunctionName": "ping", "MemorySize": 256, "Version": "$LATEST"}


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    functions.interpreter.cache_clear()
    yield
    functions.interpreter.cache_clear()


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> str:
    command = folder / OTHER
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return str(command)


def test_a_function_runs_on_its_own_python_where_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert functions.interpreter(OWN) == sys.executable
    assert functions.interpreter(OTHER) == sys.executable
    functions.interpreter.cache_clear()
    command = installed(tmp_path, monkeypatch, "echo 3.99")
    assert functions.interpreter(OTHER) == command


@pytest.mark.parametrize("script", ["echo 'pyenv: command not found' >&2; exit 127", "echo 3.98", "exit 0"])
def test_a_command_that_is_not_that_python_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    installed(tmp_path, monkeypatch, script)
    assert functions.interpreter(OTHER) == sys.executable


def told(result: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    return functions.as_lambda(result, response, CONFIG, "id-1", datetime.now(timezone.utc))


def test_the_log_of_an_invocation_is_that_of_lambda() -> None:
    response = {"status": "ok", "log": "one\ntwo", "peak_mb": 46, "init_ms": 123.4, "cold_start": True}
    response |= {"duration_ms": 4.567}
    start, one, two, end, report = told({"body": {}, "log": "x"}, response)["log"].splitlines()
    assert (start, one, two, end) == ("START RequestId: id-1 Version: $LATEST", "one", "two", "END RequestId: id-1")
    parts = report.split("\t")
    assert parts[:3] == ["REPORT RequestId: id-1", "Duration: 4.57 ms", "Billed Duration: 5 ms"]
    assert parts[3:] == ["Memory Size: 256 MB", "Max Memory Used: 46 MB", "Init Duration: 123.40 ms"]


def test_memory_that_is_not_known_and_a_warm_start_are_left_out() -> None:
    report = told({"body": {}}, {"status": "ok", "init_ms": 1.0, "peak_mb": None, "cold_start": False})["log"]
    assert "Max Memory" not in report and "Init" not in report


def test_a_traceback_is_one_event() -> None:
    response = {"error": "'x'", "error_type": "KeyError", "stack": ["  File"], "trace": "[ERROR] KeyError: 'x'\nTrace"}
    result = told({"error": True, "body": {}}, response)
    assert result["body"] == {
        "errorMessage": "'x'",
        "errorType": "KeyError",
        "requestId": "id-1",
        "stackTrace": ["  File"],
    }
    (event,) = [one for one in result["log"].splitlines() if one.startswith("[ERROR]")]
    assert event.replace(functions.LINE_BREAK, "\n") == response["trace"]


def test_a_timeout_is_told_as_lambda_tells_it() -> None:
    result = told({"error": True, "body": {}}, {"error": "Task timed out after 3.00 seconds", "log": "before"})
    assert result["body"]["errorType"] == "Sandbox.Timedout"
    assert result["body"]["errorMessage"].endswith("Z id-1 Task timed out after 3.00 seconds")
    assert "Z id-1 Task timed out after 3.00 seconds" in result["log"] and "before" in result["log"]


def test_a_process_that_ends_by_itself_is_an_exit_of_the_runtime() -> None:
    result = told({"error": True, "body": {"errorMessage": "Worker process died"}}, {})
    assert result["body"]["errorType"] == "Runtime.ExitError"
    assert "RequestId: id-1 Error: Worker process died" in result["log"]
