"""docs/local.md's table says of AWS what the behaviours say, and of chatops that it does it."""

from __future__ import annotations

import re

import pytest

from . import conformance
from .behaviours import BEHAVIOURS
from .conformance import BEGIN, DOCUMENT, END, aws_cell
from .targets import TARGETS, NotMeasurable, Target


def rows() -> list[list[str]]:
    table = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]


def test_each_behaviour_has_its_row_with_its_page_and_what_aws_does() -> None:
    told = [row[:2] for row in rows()[2:-1] if not row[0].startswith("**")]
    assert told == [[one.sentence, aws_cell(one)] for one in BEHAVIOURS]


def test_the_columns_are_those_of_the_targets_and_chatops_does_what_aws_does() -> None:
    head, *behaviours = rows()
    assert head == ["", "AWS", *(one.name for one in TARGETS)]
    seen = [row[2] for row in behaviours[1:-1] if not row[0].startswith("**")]
    assert set(seen) == {"✓"}


def test_the_last_row_counts_what_agrees() -> None:
    head, _, *behaviours, last = rows()
    for column in range(2, len(head)):
        agreed = sum(row[column] == "✓" for row in behaviours)
        assert re.findall(r"\d+", last[column]) == [str(agreed), str(len(BEHAVIOURS))]


def test_the_table_is_not_written_without_one_of_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing(Target):
        name = "serverless-offline"

        def __init__(self, _: object) -> None:
            raise NotMeasurable("SERVERLESS_OFFLINE is not set")

        def _deploy(self, _: object) -> None:  # type: ignore[override]
            raise AssertionError

    before = DOCUMENT.read_bytes()
    monkeypatch.setattr(conformance, "TARGETS", (Missing,))
    with pytest.raises(SystemExit, match="serverless-offline cannot be measured: SERVERLESS_OFFLINE is not set"):
        conformance.main()
    assert DOCUMENT.read_bytes() == before
