"""What the functions' logs say is wrong, and for how long that counts."""

from __future__ import annotations

import itertools
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.ops.doctor import examine, logs
from chatops.ops.doctor.finding import Severity
from chatops.ops.doctor.symptoms import IN_LOGS
from chatops.stack import Stack

from ..stand_ins import Answer, Proxy, Request, up
from .breakages import WARNING, again, bad, change_a_timeout, say


@pytest.mark.e2e
def test_what_a_function_said_often_is_told_once_with_its_number_and_last_line(stack: Stack) -> None:
    say(stack, "START", "2025 Task timed out after 29.00 seconds", "END", "2025 Task timed out after 29.01 seconds")
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "websocket-send: Task timed out, 2 times, last just now"
    assert "29.01 seconds" in found.why


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was changed since the functions' logs began."""
    monkeypatch.setattr(logs, "last_change", lambda *_: 0.0)


@pytest.mark.e2e
@pytest.mark.slow
def test_what_was_said_before_the_last_change_is_a_note_and_no_error(stack: Stack) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=5)
    say(stack, "Task timed out after 29.00 seconds", ago=0, function="websocket-connect")
    change_a_timeout(stack)
    repaired = up(again(stack))
    diagnosis = examine(lambda: repaired)
    (error,) = diagnosis.of(Severity.ERROR)
    assert error.what.startswith("websocket-connect: "), "which was not changed"
    (note,) = [one for one in diagnosis.of(Severity.INFO) if "Task timed out" in one.what]
    assert re.fullmatch(
        r"websocket-send: Task timed out, once before the last change at \d\d:\d\d UTC; not seen since", note.what
    )
    assert "29.00 seconds" in note.why and not note.hint


@pytest.mark.e2e
def test_what_comes_back_after_the_last_change_is_an_error(stack: Stack) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=5)
    change_a_timeout(stack)
    repaired = up(again(stack))
    say(stack, "Task timed out after 29.00 seconds")
    (found,) = examine(lambda: repaired).of(Severity.ERROR)
    assert found.what == "websocket-send: Task timed out, 2 times, last just now"


def test_a_change_of_another_day_is_told_with_its_date() -> None:
    trouble = logs.Trouble("send", IN_LOGS[0], 1, 0.0, "x")
    assert "at 1970-01-02 00:00 UTC" in logs._before_last_change(trouble, logs.DAY, 3 * logs.DAY).what


@pytest.mark.e2e
@pytest.mark.slow
def test_what_has_not_come_back_for_a_while_is_only_a_warning(stack: Stack, unchanged: None) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=logs.RECENT + 60)
    (found,) = bad(examine(lambda: again(stack)))
    assert found.severity is WARNING
    assert "not since: it may be mended" in found.what


@pytest.mark.e2e
@pytest.mark.slow
def test_what_was_said_before_the_time_that_is_asked_for_is_not_told(stack: Stack, unchanged: None) -> None:
    say(stack, "Task timed out after 29.00 seconds", ago=7200)
    assert bad(examine(lambda: again(stack), since=3600)) == []
    assert len(bad(examine(lambda: again(stack), since=9000))) == 1


@pytest.mark.e2e
@pytest.mark.slow
def test_a_log_that_takes_too_long_to_search_is_told(
    proxy: Proxy, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch gives empty pages while it searches."""
    monkeypatch.setattr(logs, "PATIENCE", 0.3)
    numbers = itertools.count()

    def page(one: Request) -> Answer | None:
        body = json.dumps({"events": [], "nextToken": str(next(numbers))})
        return Answer(200, body) if one.operation == "FilterLogEvents" else None

    proxy.rules.append(page)
    diagnosis = examine(lambda: again(stack))
    told = [one.what for one in diagnosis.of(Severity.INFO)]
    assert "The log of websocket-send was searched in part only" in told
    assert not [one for one in diagnosis.of(Severity.OK) if "show no trouble" in one.what]


def test_on_aws_the_logs_are_searched_by_words_that_every_symptom_of_theirs_has() -> None:
    """Sent as a filter pattern: any of these words, at most 1,024 characters, each word in the lines it is to find."""
    asked: list[dict[str, Any]] = []

    def paginate(**arguments: Any) -> list[Any]:
        asked.append(arguments)
        return []

    paginator = SimpleNamespace(paginate=paginate)
    patient = SimpleNamespace(is_local=False, since=60, now=1e9, aws=SimpleNamespace(paginator=lambda *_: paginator))
    assert list(logs._pages(patient, "/aws/lambda/x")) == []  # type: ignore[arg-type]
    pattern = asked[0]["filterPattern"]
    assert '?"Task timed out"' in pattern and "?" + '"Traceback"' in pattern
    assert len(pattern) <= 1024
    patient.since = 10**12
    list(logs._pages(patient, "/aws/lambda/x"))  # type: ignore[arg-type]
    assert asked[1]["startTime"] == 0, "and not before there was time"


def test_the_line_of_the_functions_own_code_is_told_with_its_error() -> None:
    trace = (
        "[ERROR] KeyError: 'TABLE_NAME'\nTraceback (most recent call last):\n"
        '\xa0\xa0File "/var/task/app.py", line 3, in <module>\n\xa0\xa0\xa0\xa0x = os.environ["TABLE_NAME"]\n'
        '\xa0\xa0File "/var/lang/lib/python3.12/os.py", line 685, in __getitem__\n'
    )
    assert logs._gist(trace) == "[ERROR] KeyError: 'TABLE_NAME' (app.py, line 3)"
    assert logs._gist("[ERROR] KeyError: 'x'") == "[ERROR] KeyError: 'x'"
