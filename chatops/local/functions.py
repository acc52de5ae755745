"""The Python functions of the local AWS: which interpreter runs them, and what becomes of their output.

MiniStack starts a process for each execution environment of a function. This module has it start
`function_runtime.py`, and writes to the function's log what Lambda writes:
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from .function_runtime import SDK_FOLDER

SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Lambda's Python runtimes bring, all of it in Python alone, so it runs on every version of Python.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""
CHECK_SECONDS = 10.0
LINE_BREAK = "\ufdd0"
"""Stands for a line break inside one event until MiniStack has split the log into events. It is no character."""
TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")


@cache
def interpreter(runtime: str) -> str:
    """Return the Python that runs the functions of a runtime: its own where it is installed, else this one."""
    version = runtime.removeprefix("python")
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    found = shutil.which(runtime)
    return found if found and _runs(found, version) else sys.executable


def _runs(command: str, version: str) -> bool:
    """Whether a command is this version of Python: a shim of pyenv may be there for one that is not installed."""
    code = "import ssl, sys; print('.'.join(map(str, sys.version_info[:2])))"
    try:
        done = subprocess.run(
            [command, "-S", "-c", code], capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version


def link_sdk(folder: Path) -> None:
    """Put links to the packages of the AWS SDK into a folder."""
    for name in SDK:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            origin = Path(spec.origin)
            place = origin.parent if origin.name == "__init__.py" else origin
            (folder / place.name).symlink_to(place, target_is_directory=place.is_dir())


def install(sdk_folder: Path) -> None:
    """Have MiniStack run Python functions with `function_runtime.py`, and log what Lambda logs."""
    from ministack.core import lambda_runtime
    from ministack.services import cloudwatch_logs, lambda_svc

    os.environ[SDK_FOLDER] = str(sdk_folder)
    source = Path(__file__).with_name("function_runtime.py").read_text(encoding="utf-8")
    other, invoke, execute = (
        lambda_runtime._detect_runtime_binary,
        lambda_runtime.Worker.invoke,
        lambda_svc._execute_function_warm,
    )
    append = cloudwatch_logs._append_log_events
    last = threading.local()

    def detect(runtime: str) -> tuple[str, str]:
        if not runtime.startswith("python"):
            binary, script = other(runtime)
            return str(binary), str(script)
        return interpreter(runtime), source.replace('RUNTIME = ""', f"RUNTIME = {runtime!r}", 1)

    def remember(worker: Any, *arguments: Any, **named: Any) -> Any:
        last.response = invoke(worker, *arguments, **named)
        return last.response

    def logged(function: Any, event: Any, request_id: str) -> Any:
        last.response = None
        began = datetime.now(timezone.utc)
        result = execute(function, event, request_id)
        config = function.get("config") or function
        if result.get("throttle") or not str(config.get("Runtime")).startswith("python"):
            return result
        return as_lambda(result, last.response or {}, config, request_id, began)

    def append_whole(stream: Any, events: Any) -> Any:
        return append(stream, [{**one, "message": one["message"].replace(LINE_BREAK, "\n")} for one in events])

    cloudwatch_logs._append_log_events = append_whole
    lambda_runtime._detect_runtime_binary = detect
    lambda_runtime.Worker.invoke = remember
    lambda_svc._execute_function_warm = logged


def as_lambda(
    result: dict[str, Any], response: dict[str, Any], config: dict[str, Any], request_id: str, began: datetime
) -> dict[str, Any]:
    """Return MiniStack's result of an invocation with Lambda's error object and Lambda's log.

    `response` is what `function_runtime.py` answered; it is empty when the process did not start or did not answer.
    """
    now = datetime.now(timezone.utc)
    # Lambda's duration excludes the start of the process. A process that was killed has reported none.
    milliseconds = response.get("duration_ms", (now - began).total_seconds() * 1000)
    body, lines = result.get("body"), [response.get("log", "")]
    if result.get("error"):
        message = response.get("error") or (body or {}).get("errorMessage", "")
        if TIMED_OUT.fullmatch(message):
            lines.append(f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z {request_id} {message}")
            message, kind = f"{now:%Y-%m-%dT%H:%M:%SZ} {request_id} {message}", "Sandbox.Timedout"
        elif response.get("error_type"):
            kind = response["error_type"]
            lines.append(LINE_BREAK.join(response["trace"].splitlines()))
        else:  # the process ended: os._exit, a signal, or no memory
            kind, message = "Runtime.ExitError", f"RequestId: {request_id} Error: {message}"
            lines.append(message)
        body = {"errorMessage": message, "errorType": kind, "requestId": request_id}
        if "stack" in response:
            body["stackTrace"] = response["stack"]
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {-(-milliseconds // 1):.0f} ms",
        f"Memory Size: {config.get('MemorySize', 128)} MB",
    ]
    if response.get("peak_mb"):
        report.append(f"Max Memory Used: {response['peak_mb']} MB")
    if response.get("cold_start") and "init_ms" in response:
        report.append(f"Init Duration: {response['init_ms']:.2f} ms")
    log = [
        f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}",
        *(one for one in lines if one),
        f"END RequestId: {request_id}",
        "\t".join(report),
    ]
    # MiniStack leaves a log with lines of its own as it is when this is its source.
    return {**result, "body": body, "log": "\n".join(log), "log_source": "rie"}
