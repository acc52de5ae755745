"""Runs one Lambda function: what AWS's Python runtime does, in a process of the function's own.

The local AWS starts this file with the function's interpreter and talks to it in lines of JSON. It imports the standard
library alone, so any Python that Lambda supports runs it. The function sees what it sees on AWS: its code, the
AWS SDK, no other installed package, a root logger that writes to CloudWatch Logs, and the variables of
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

RUNTIME = ""
"""Lambda's name of the runtime, such as python3.12: the local AWS fills it in."""
SDK_FOLDER = "CHATOPS_SDK_FOLDER"
"""The variable that names the folder of the AWS SDK. The function does not see it."""
LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
"""https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
FOLDERS: dict[str, str] = {}
"""The folders of code here, with those that Lambda has it in: these stand in tracebacks."""


class Failed(Exception):
    """The function failed, or does not load: an error's type and message as Lambda tells them, and its stack."""

    def __init__(self, kind: str, message: str, stack: list[str]) -> None:
        super().__init__(message)
        self.kind, self.message, self.stack = kind, message, stack

    def log(self) -> str:
        """What Lambda logs, as one event; its indentation is of no-break spaces."""
        head = [f"[ERROR] {self.kind}: {self.message}", "Traceback (most recent call last):"]
        lines = "\n".join(self.stack).splitlines()
        return "\n".join([*head, *(re.sub("^ +", lambda found: "\xa0" * len(found[0]), one) for one in lines)])


class Context:
    """The second argument of a handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    identity = None
    client_context = None

    def __init__(self, request: dict[str, Any]) -> None:
        environment = os.environ
        self.aws_request_id: str = request.get("request_id") or ""
        self.invoked_function_arn: str = request.get("invoked_function_arn") or ""
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._end = time.monotonic() + float(request.get("timeout_ms") or 0) / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the function times out."""
        return max(0, int((self._end - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Write a line to the function's log."""
        sys.stdout.write(str(message))


class _LogFilter(logging.Filter):
    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


def main() -> None:
    """Load the function, say so, and answer one invocation a line until the input ends."""
    requests, answers = _take_streams()
    init = json.loads(requests.readline())
    _set_environment(init)
    sys.path[:] = [init["code_dir"], *sys.path[1:]]
    FOLDERS[init["code_dir"]] = "/var/task"
    if sdk := os.environ.pop(SDK_FOLDER, ""):
        sys.path.append(sdk)
        FOLDERS[sdk] = f"/var/lang/lib/{RUNTIME}/site-packages"
    request_ids = _log_like_lambda()
    began = time.monotonic()
    handler = _load(init["module"], init["handler"])
    init_ms = (time.monotonic() - began) * 1000
    _write(answers, {"status": "ready", "cold": True})
    for line in requests:
        message = json.loads(line)
        request = message.get("ctx") or {}
        request_ids.request_id = request.get("request_id") or ""
        _set_trace(request.get("trace_id"))
        began = time.monotonic()
        answer = _answer(handler, message["event"], Context(request))
        duration_ms = (time.monotonic() - began) * 1000
        sys.stdout.flush()
        sys.stderr.flush()
        _write(answers, {**answer, "init_ms": init_ms, "duration_ms": duration_ms, "peak_mb": peak_mb()})
        if answer["status"] != "ok":
            return  # the local AWS starts a new process after an error, as Lambda does when initialization fails


def _take_streams() -> tuple[TextIO, TextIO]:
    """Return what the local AWS writes and what it reads. The function has an empty input, and prints to the log."""
    requests, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace", encoding="utf-8")  # type: ignore[union-attr]
    return requests, answers


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _set_environment(init: dict[str, Any]) -> None:
    name = init.get("function_name") or ""
    os.environ.update(init.get("env") or {})
    os.environ |= {
        "_HANDLER": f"{init['module']}.{init['handler']}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(init.get("memory") or 128),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME") or f"/aws/lambda/{name}",
        "LAMBDA_TASK_ROOT": init["code_dir"],
    }
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
    os.environ.setdefault("AWS_LAMBDA_LOG_STREAM_NAME", "")
    os.environ.setdefault("TZ", ":UTC")
    time.tzset()


def _set_trace(trace_id: str | None) -> None:
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


def _log_like_lambda() -> _LogFilter:
    """Give the root logger the handler that Lambda gives it: `logging.basicConfig` changes nothing then."""
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(LOG_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    request_ids = _LogFilter()
    handler.addFilter(request_ids)
    logging.getLogger().addHandler(handler)
    return request_ids


def _load(module: str, name: str) -> Callable[[Any, Context], Any]:
    """Return the handler, or what raises the error that its loading raised: Lambda tells it at each invocation."""

    def failing(error: Failed) -> Callable[[Any, Context], Any]:
        def fail(event: Any, context: Context) -> Any:
            raise error

        return fail

    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        return failing(
            Failed("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}", _stack(error))
        )
    except SyntaxError as error:
        where = _as_on_lambda(f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}')
        return failing(Failed("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", [where]))
    except (Exception, SystemExit) as error:
        return failing(_failure(error))
    try:
        handler: Callable[[Any, Context], Any] = getattr(loaded, name)
    except AttributeError:
        return failing(Failed("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'", []))
    return handler


def _answer(handler: Callable[[Any, Context], Any], event: Any, context: Context) -> dict[str, Any]:
    try:
        try:
            result = handler(event, context)
        except Failed:
            raise
        except BaseException as error:
            raise _failure(error) from error
        try:
            json.dumps(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise Failed("Runtime.MarshalError", f"Unable to marshal response: {error}", []) from error
    except Failed as failed:
        text = {"error": failed.message, "error_type": failed.kind, "stack": failed.stack}
        return {"status": "error", **text, "trace": failed.log()}
    return {"status": "ok", "result": result}


def _failure(error: BaseException) -> Failed:
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
        return Failed("Runtime.ExitError", f"Error: Runtime exited with error: exit status {code}", _stack(error))
    return Failed(type(error).__name__, str(error), _stack(error))


def _stack(error: BaseException) -> list[str]:
    """The frames of the function's code, without those of this file and of the import system."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if one.filename != __file__ and "importlib" not in Path(one.filename).parts]
    shown = [one for one in own if not one.filename.startswith("<frozen")]
    return [_as_on_lambda(line.rstrip("\n")) for line in traceback.format_list(shown)]


def _as_on_lambda(text: str) -> str:
    """A text with the folders that Lambda has the code in, instead of those here."""
    for here, there in FOLDERS.items():
        text = text.replace(here + os.sep, f"{there}/")
    return text


def peak_mb() -> int | None:
    """Return the most memory that this process has held, in MB; None where the system does not tell."""
    try:  # ru_maxrss would be that of the process that started this one, where that is larger
        status = Path("/proc/self/status").read_text(encoding="ascii")
        found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
        return int(found[1]) // 1024 if found else None
    except OSError:
        return None


if __name__ == "__main__":
    if not sys.flags.no_site:  # without the packages that are installed beside chatops
        os.execv(sys.executable, [sys.executable, "-S", *sys.argv])  # noqa: S606
    main()
