"""Metrics as small plots with numbers beside them, 80 columns wide, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..documents.metrics import metrics_document
from ..ops.metrics import COLUMNS, Measured, Series
from ..text import visible
from ..times import duration
from .output import Output

BARS = "▁▂▃▄▅▆▇█"
BAD = {"ClientError", "IntegrationError", "ExecutionError", "Errors", "Throttles"}
"""Metrics of which any is too many."""


def show(
    output: Output, where: Mapping[str, Any], measured: Measured, note: str = "", missing: Sequence[str] = ()
) -> None:
    """One line per metric. What has no data says so; `note` says why there may be none.

    `missing` are resources that have no metrics because they do not exist.
    """
    if output.as_json:
        output.document(metrics_document(where, measured, note, missing))
        return
    span = int((measured.end - measured.start).total_seconds())
    first, last = (one.astimezone().strftime("%m-%d %H:%M") for one in (measured.start, measured.end))
    head = f"{first} to {last}, {duration(span)}; one column is {duration(measured.period)}"
    output.out.print(Text(head, style="bold"))
    for name in missing:
        output.out.print(Text.assemble((visible(name), "bold"), ("  does not exist", "yellow")))
    for resource, series in measured.series.items():
        if any(one.is_measured for one in series):
            output.out.print(Text(visible(resource), style="bold"))
            for one in series:
                output.out.print(_line(one))
        else:
            output.out.print(Text.assemble((visible(resource), "bold"), ("  no data yet", "dim")))
    if measured.is_empty:
        output.out.print("CloudWatch has no data: nobody used the chat, or its numbers are minutes late.")
    if note:
        output.say(note, "cyan")


def plot(values: Sequence[float | None]) -> str:
    """A bar per value: the highest is full, a value above zero is never flat, and what was not measured is a dot."""
    top = max((one for one in values if one is not None), default=0.0)

    def bar(value: float | None) -> str:
        if value is None:
            return "·"
        if value <= 0 or top <= 0:
            return BARS[0]
        return BARS[max(1, round(value / top * (len(BARS) - 1)))]

    return "".join(bar(one) for one in values)


def number(value: float) -> str:
    """A number in four characters, or a few more beyond a billion: 0.4, 7, 9999, 12k, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            short = value / (1e3 if unit == "k" else limit)
            return f"{short:.0f}{unit}" if short >= 9.95 else f"{short:.1f}{unit}"
    return f"{value:.0f}" if value >= 9.95 or value == int(value) else f"{value:.1f}"


def _line(one: Series) -> Text:
    style = "red" if one.metric.name in BAD and one.figures.get("sum") else ""
    line = Text(f"  {one.metric.label:<18} ", style=style)
    if not one.is_measured:
        return line.append("no data", "dim")
    told = " ".join(f"{name} {number(value)}" for name, value in one.figures.items())
    return line.append(f"{plot(one.values):<{COLUMNS}}", "cyan").append(f"  {told}", style)
