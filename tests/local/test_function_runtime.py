"""Lambda's Python runtime on this machine: what a function sees, and what its log says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatops.local import function_runtime, functions

SOURCE = Path(function_runtime.__file__)
ID = "8a91e85e-aacb-4eb0-9b14-179727e015db"
Ran = tuple[list[dict[str, Any]], str]
"""The runtime's answers, and what was written to the log."""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a function's code for one event after the other."""
    (tmp_path / "code").mkdir()
    (tmp_path / "sdk").mkdir()
    functions.link_sdk(tmp_path / "sdk")
    script = tmp_path / "runtime.py"
    script.write_text(SOURCE.read_text(encoding="utf-8").replace('RUNTIME = ""', 'RUNTIME = "python3.12"', 1))

    def run(code: str | bytes, *events: Any, handler: str = "handler", **environment: str) -> Ran:
        data = code if isinstance(code, bytes) else code.encode()
        (tmp_path / "code" / "app.py").write_bytes(data)
        init = {"code_dir": str(tmp_path / "code"), "module": "app", "handler": handler, "function_name": "ping"}
        context = {"request_id": ID, "timeout_ms": 3000, "invoked_function_arn": "arn:aws:lambda:::function:ping"}
        lines = [{**init, "env": environment}, *({"event": one, "ctx": context} for one in events)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON"))}
        done = subprocess.run(
            [sys.executable, str(script)],
            input="".join(json.dumps(one) + "\n" for one in lines),
            env={**kept, function_runtime.SDK_FOLDER: str(tmp_path / "sdk")},
            cwd=tmp_path / "code",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        ready, *answers = map(json.loads, done.stdout.splitlines())
        assert ready["status"] == "ready", done.stderr
        return answers, done.stderr

    return run


def test_a_result_is_answered_with_the_memory_of_the_process_and_the_time_of_its_start(run: Callable[..., Ran]) -> None:
    (answer, again), _ = run("def handler(event, context): return {'got': event}", {"a": "안녕"}, [1])
    assert (answer["status"], answer["result"], again["result"]) == ("ok", {"got": {"a": "안녕"}}, {"got": [1]})
    assert 1 < answer["peak_mb"] < 200 and answer["init_ms"] >= 0 and answer["duration_ms"] >= 0


def test_the_context_and_the_variables_are_those_of_lambda(run: Callable[..., Ran]) -> None:
    code = """
import os
def handler(event, context):
    names = ("aws_request_id", "function_name", "function_version", "memory_limit_in_mb", "log_group_name", "identity")
    left = context.get_remaining_time_in_millis()
    return [getattr(context, one) for one in names], left, dict(os.environ)
"""
    (answer,), _ = run(code, {}, TZ="Asia/Seoul", OWN="x")
    seen, left, environment = answer["result"]
    assert seen == [ID, "ping", "$LATEST", "128", "/aws/lambda/ping", None]
    assert 0 < left <= 3000
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert environment["_HANDLER"] == "app.handler"
    assert (environment["TZ"], environment["OWN"]) == ("Asia/Seoul", "x")
    assert function_runtime.SDK_FOLDER not in environment


def test_only_the_sdk_and_the_functions_own_code_can_be_imported(run: Callable[..., Ran]) -> None:
    code = """
import importlib.util, sys
def handler(event, context):
    import boto3
    found = [one for one in ("boto3", "urllib3", "rich", "typer", "chatops", "pytest") if importlib.util.find_spec(one)]
    return found, sys.path[0]
"""
    (answer,), _ = run(code, {})
    found, first = answer["result"]
    assert found == ["boto3", "urllib3"]
    assert Path(first).name == "code"


def test_the_root_logger_writes_what_lambda_writes(run: Callable[..., Ran]) -> None:
    code = """
import logging, subprocess, sys
logging.basicConfig(level=logging.DEBUG, format="mine %(message)s")
logger = logging.getLogger()
logger.info("too early to be shown")
logger.setLevel(logging.INFO)
def handler(event, context):
    logger.info("한글 %s", 1)
    logging.getLogger("a.b").warning("warned")
    logger.debug("hidden")
    print("printed")
    print("to stderr", file=sys.stderr)
    print("half a pair \\ud800")
    subprocess.run([sys.executable, "-c", "print('of a child')"], check=True)
"""
    (answer,), log = run(code, {})
    assert answer["status"] == "ok"
    first, second, *others = log.splitlines()
    assert re.fullmatch(rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{ID}\t한글 1", first)
    assert second.startswith("[WARNING]\t") and second.endswith(f"Z\t{ID}\twarned")
    assert others == ["printed", "to stderr", "half a pair \\ud800", "of a child"]


def test_the_input_of_a_function_and_of_its_children_is_empty(run: Callable[..., Ran]) -> None:
    code = """
import subprocess, sys
def handler(event, context):
    command = [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]
    child = subprocess.run(command, capture_output=True, text=True)
    return [sys.stdin.read(), child.stdout.strip()]
"""
    (first, second), _ = run(code, {}, {})
    assert first["result"] == second["result"] == ["", "''"]


def test_an_error_has_its_type_and_the_frames_of_the_functions_code(run: Callable[..., Ran]) -> None:
    code = "def inner(event):\n    return event['nothing']\ndef handler(event, context):\n    return inner(event)\n"
    (answer, *more), _ = run(code, {}, {})
    assert not more  # the next invocation starts a new process, as on Lambda
    assert (answer["status"], answer["error_type"], answer["error"]) == ("error", "KeyError", "'nothing'")
    frames = [one.splitlines()[0] for one in answer["stack"]]
    assert frames == ['  File "/var/task/app.py", line 4, in handler', '  File "/var/task/app.py", line 2, in inner']
    head, title, first, *_ = answer["trace"].splitlines()
    assert (head, title) == ("[ERROR] KeyError: 'nothing'", "Traceback (most recent call last):")
    assert first == '\xa0\xa0File "/var/task/app.py", line 4, in handler'


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        ("import os\nos.environ['TABLE_NAME']\n", "handler", "KeyError", "'TABLE_NAME'"),
        (
            "import requests\n",
            "handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'requests'",
        ),
        ("def handler(:\n", "handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1\n", "handle", "Runtime.HandlerNotFound", "Handler 'handle' missing on module 'app'"),
        ("raise SystemExit(3)\n", "handler", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        (b"# -*- coding: nope -*-\n", "handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
    ],
    ids=["a variable", "a package", "syntax", "no handler", "exit", "coding"],
)
def test_what_keeps_a_function_from_loading_is_the_error_of_its_invocation(
    run: Callable[..., Ran], code: str | bytes, handler: str, kind: str, message: str
) -> None:
    (answer,), _ = run(code, {}, handler=handler)
    assert (answer["status"], answer["error_type"]) == ("error", kind)
    assert answer["error"].startswith(message)
    assert answer["trace"].startswith(f"[ERROR] {kind}: {message}")
    assert "runtime.py" not in answer["trace"]


@pytest.mark.parametrize(
    ("result", "kind"),
    [("{1, 2}", "Runtime.MarshalError"), ("exit(4)", "Runtime.ExitError"), ("10 ** 5000", "Runtime.MarshalError")],
)
def test_a_result_that_is_no_json_and_an_exit_are_errors(run: Callable[..., Ran], result: str, kind: str) -> None:
    (answer,), _ = run(f"from sys import exit\ndef handler(event, context): return {result}", {})
    assert (answer["status"], answer["error_type"]) == ("error", kind)
