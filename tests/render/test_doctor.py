"""What the doctor found: each finding with its cause and its cure, in a pipe and in a narrow terminal."""

from __future__ import annotations

import json
import re

import pytest

from chatops.ops.doctor.finding import Diagnosis, error, info, ok, warning
from chatops.render import doctor
from chatops.render.output import Output

from .screens import Captured, at_a_terminal

CURE = "aws lambda delete-function-concurrency --function-name websocket-send --region ap-northeast-2"


def test_a_finding_is_told_with_each_cause_on_a_line_and_its_cure(capsys: Captured) -> None:
    doctor.show(
        Output(), Diagnosis((error("It is broken", "this\nor that", "chatops up"), ok("The clock", "is right")))
    )
    assert capsys.readouterr().out.splitlines() == [
        *("✗ It is broken", "  this", "  or that", "  → chatops up"),
        "✓ The clock: is right",
        "1 error, 1 ok",
    ]


def test_each_kind_of_finding_is_counted_in_words(capsys: Captured) -> None:
    some = (error("a"), error("b"), warning("c"), info("d"), info("e"), ok("f"), ok("g"))
    doctor.show(Output(), Diagnosis(some))
    assert capsys.readouterr().out.splitlines()[-1] == "2 errors, 1 warning, 2 notes, 2 ok"


def test_a_cure_is_completed_with_the_options_of_the_run(capsys: Captured) -> None:
    doctor.show(Output(advice={"--local": None}), Diagnosis((error("a", "b", "chatops up"),)))
    assert "  → chatops up --local" in capsys.readouterr().out.splitlines()


def test_a_terminal_folds_sentences_between_words_and_leaves_commands_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = at_a_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    doctor.show(Output(), Diagnosis((error("What", "a sentence that is longer than the terminal is wide", CURE),)))
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()]
    assert lines[:4] == ["✗ What", "  a sentence that is longer than the", "  terminal is wide", f"  → {CURE}"]


def test_for_a_program_it_is_one_document(capsys: Captured) -> None:
    doctor.show(Output(as_json=True), Diagnosis((warning("a"),), {"stack": "chat"}))
    document = json.loads(capsys.readouterr().out)
    assert (document["stack"], document["ok"], len(document["findings"])) == ("chat", True, 1)
