"""Log lines for a person's eyes: short, told apart, and so that they can do no harm."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timezone

import pytest
from rich.console import Console

from chatops.ops.logs import Line
from chatops.render.logs import LogBook
from chatops.render.output import Output

from ..log_lines import CONNECT, REPORT, SEND, invocation, said


class Shown:
    """What a person sees of lines."""

    def __init__(self, *, colours: bool = False, as_json: bool = False) -> None:
        self.output, self._file = Output(as_json=as_json), io.StringIO()
        self.output.out = Console(
            file=self._file, width=80, soft_wrap=True, markup=False, highlight=False, emoji=False,
            force_terminal=colours, color_system="standard" if colours else None,
        )  # fmt: skip
        self._book = LogBook(self.output, [CONNECT, SEND], [CONNECT, SEND])

    def __call__(self, *messages: str, function: str = SEND) -> str:
        self._file.truncate(self._file.seek(0))
        now = datetime.now(timezone.utc)
        self._book.show([Line(now, function, message) for message in messages])
        return self._file.getvalue()


def after_clock(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", line) for line in text.splitlines()]


def test_an_invocations_platform_lines_are_folded_into_one_short_line() -> None:
    shown = Shown()
    lines = [one.rstrip() for one in ["INIT_START Runtime Version: python:3.12.v36", *invocation("r-1", "in between")]]
    assert after_clock(shown(*lines)) == [
        "websocket-send    in between",
        "websocket-send    took 70.61 ms, 84 of 512 MB, init 312.00 ms",
    ]


def test_a_report_of_a_failure_says_so() -> None:
    report = REPORT.format("r-1").replace("Init Duration: 312.00 ms", "Status: timeout")
    assert after_clock(Shown()(report)) == ["websocket-send    took 70.61 ms, 84 of 512 MB timeout"]
    crash = REPORT.format("r-1") + "Status: error\tError Type: Runtime.ExitError"
    assert Shown()(crash).rstrip().endswith("init 312.00 ms error Runtime.ExitError")
    init = "INIT_REPORT Init Duration: 9999.84 ms\tPhase: init\tStatus: timeout"
    assert after_clock(Shown()(init)) == ["websocket-send    init 9999.84 ms timeout"]


def test_a_structured_line_is_shown_whole_and_short() -> None:
    line = said("broadcast", "A=", sent=2, reason="Going away", nested={"키": [1]}, hint="")
    assert after_clock(Shown()(line)) == [
        'websocket-send    broadcast A= sent=2 reason="Going away" nested={"키": [1]} hint=""'
    ]


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        (json.dumps({"event": "x\x1b[31m", "k\x1b": "\u202eevil\x9b"}), r"x\x1b[31m k\x1b=\u202eevil\x9b"),
        ("[bold]no markup[/bold] :smile:", "[bold]no markup[/bold] :smile:"),
        ('{"event": ' + "[" * 5000, '{"event": [['),
        ("REPORT RequestId: x\tDuration: \x1b[31m\tStatus: \u202e", r"took \x1b[31m \u202e"),
    ],
)
def test_hostile_text_is_shown_and_never_obeyed(hostile: str, harmless: str) -> None:
    told = Shown()(hostile)
    assert harmless in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)


def test_further_lines_of_a_message_are_indented_so_that_none_can_pass_for_another_event() -> None:
    told = Shown()("[ERROR] KeyError\rTraceback\r\n  File\n09:00:00.000 websocket-send    forged")
    assert after_clock(told) == [
        "websocket-send    [ERROR] KeyError",
        "    Traceback",
        "      File",
        "    09:00:00.000 websocket-send    forged",
    ]


def test_each_function_has_a_colour_of_its_own_and_without_colours_nothing_is_lost() -> None:
    shown = Shown(colours=True)
    colours = {name: re.findall(r"\x1b\[(\d+)m" + name, shown("x", function=name)) for name in (CONNECT, SEND)}
    assert all(colours.values())
    assert colours[CONNECT] != colours[SEND]
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown("x"))
    assert after_clock(plain) == after_clock(Shown()("x"))


def test_a_line_of_another_day_shows_the_day() -> None:
    book = LogBook(Output(), [SEND], [SEND])
    told = book.text(Line(datetime(2020, 2, 3, 12, tzinfo=timezone.utc), SEND, "old"))
    assert re.match(r"02-0[234] \d\d:\d\d:00.000 websocket-send old", str(told))
