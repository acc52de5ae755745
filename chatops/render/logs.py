"""Log lines for a person's eyes: short, coloured by function, and harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ..documents.logs import line_document
from ..ops.logs import Line, fields
from ..text import visible

if TYPE_CHECKING:
    from .output import Output

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
BAD = re.compile(r"failed|refused|forbidden|error", re.IGNORECASE)
FOLDED = re.compile(r"(START|END) RequestId: |INIT_START ")
REPORT = re.compile(r"(INIT_)?REPORT ")


class LogBook:
    """Shows lines, with one colour for each function; or prints a JSON document for each log event."""

    def __init__(self, output: Output, functions: Sequence[str], shown: Sequence[str]) -> None:
        """Takes all functions, whose order gives the colours, and those whose lines are shown."""
        self._output = output
        self._colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(functions)}
        self._width = max(map(len, shown), default=0)

    def show(self, lines: Iterable[Line]) -> int:
        """Prints lines as they come, and gives their number."""
        count = 0
        for count, line in enumerate(lines, 1):  # noqa: B007
            if self._output.as_json:
                self._output.document(line_document(line))
            elif text := self.text(line):
                self._output.out.print(text)
        return count

    def text(self, line: Line) -> Text | None:
        """The line as it is shown; nothing for what REPORT says again."""
        if FOLDED.match(line.message):
            return None
        function = f"{visible(line.function):<{self._width}}"
        return Text.assemble(
            (_clock(line.time), "dim"), " ", (function, self._colours.get(line.function, "")), " ", _told(line)
        )


def _told(line: Line) -> Text:
    if REPORT.match(line.message):
        return _report(line.message)
    said = fields(line.message)
    if isinstance(said.get("event"), str):
        return _structured(said)
    first, *rest = (visible(part.replace("\t", "  ")) for part in re.split(r"\r\n|\r|\n", line.message))
    style = "red" if first.startswith(("[ERROR]", "Traceback")) or "Task timed out" in first else ""
    return Text("\n    ".join([first, *rest]), style=style)


def _structured(said: dict[str, Any]) -> Text:
    event = said["event"]
    text = Text.assemble((visible(event), "bold red" if BAD.search(event) else "bold"))
    if "connectionId" in said:
        text.append(f" {_value(said['connectionId'])}")
    for key, value in said.items():
        if key not in ("event", "connectionId"):
            text.append(f" {visible(key)}=", "dim").append(_value(value))
    return text


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value and not re.search(r'[\s"]', value)
    return visible(value if plain else json.dumps(value, ensure_ascii=False))


def _report(message: str) -> Text:
    """A REPORT line in short: `took 70.61 ms, 84 of 512 MB, init 312.00 ms`.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    said = dict(part.strip().split(": ", 1) for part in message.split("\t") if ": " in part)
    parts = []
    if "Duration" in said:
        parts.append(f"took {said['Duration']}")
    if "Max Memory Used" in said and "Memory Size" in said:
        parts.append(f"{said['Max Memory Used'].removesuffix(' MB')} of {said['Memory Size']}")
    init = said.get("Init Duration") or said.get("INIT_REPORT Init Duration")
    if init:
        parts.append(f"init {init}")
    wrong = [said[key] for key in ("Status", "Error Type") if said.get(key, "success") != "success"]
    text = Text(visible(", ".join(parts) or message), style="dim")
    return text.append(visible(f" {' '.join(wrong)}"), "not dim bold red") if wrong else text


def _clock(then: datetime) -> str:
    """The local time, with the day when that is not today."""
    local = then.astimezone()
    day = "" if local.date() == datetime.now().astimezone().date() else f"{local:%m-%d} "
    return f"{day}{local:%H:%M:%S}.{local.microsecond // 1000:03}"
