"""Whether the chat works: every check with its time, and what to do where it does not."""

from __future__ import annotations

import json

from chatops.ops.doctor.finding import error
from chatops.ops.smoke import Check, Report
from chatops.render import smoke
from chatops.render.output import Output

from .screens import Captured


def shown(capsys: Captured, report: Report) -> tuple[list[str], str]:
    smoke.show(Output(), report)
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_every_check_is_told_with_its_time_and_the_deliveries_with_their_percentiles(capsys: Captured) -> None:
    report = Report([Check("connect", True, 12.345), Check("rows", True, 1.0, "3 of them")], [10.0, 20.0, 30.0])
    lines, err = shown(capsys, report)
    assert lines[:2] == ["✓ connect          12.3 ms", "✓ rows              1.0 ms  3 of them"]
    assert lines[2:] == ["a message arrives within p50 20.0 ms, p95 29.0 ms"]
    assert err == ""


def test_a_chat_that_does_not_work_is_told_with_who_looks_for_the_cause(capsys: Captured) -> None:
    lines, err = shown(capsys, Report([Check("connect", False, 5.0, "refused")]))
    assert lines == ["✗ connect           5.0 ms  refused"]
    assert "chatops doctor" in err and "chatops logs" in err


def test_a_cause_that_was_found_stands_in_that_ones_place(capsys: Captured) -> None:
    cause = error("table.t is missing", "the config asks for it", "chatops up")
    lines, err = shown(capsys, Report([Check("connect", False, 5.0)], cause=cause))
    assert lines[1:] == ["table.t is missing: the config asks for it", "→ chatops up"]
    assert err == ""


def test_for_a_program_it_is_one_document(capsys: Captured) -> None:
    smoke.show(Output(as_json=True), Report([Check("connect", False, 5.0)]))
    out, err = capsys.readouterr()
    assert (json.loads(out)["ok"], err) == (False, "")
