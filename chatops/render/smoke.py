"""Whether the chat works, for a person's eyes or as JSON."""

from __future__ import annotations

from rich.text import Text

from ..documents.findings import smoke_document
from ..errors import Explanation
from ..ops.smoke import Report
from ..text import visible
from .output import Output


def show(output: Output, report: Report) -> None:
    """Every check with its time, then the percentiles of single deliveries; the cause, where it does not work."""
    if output.as_json:
        output.document(smoke_document(report))
        return
    for one in report.checks:
        mark, style = ("✓", "green") if one.ok else ("✗", "bold red")
        line = Text.assemble((f"{mark} {one.name:<12}", style), f" {one.milliseconds:8.1f} ms")
        output.out.print(line.append(f"  {visible(one.detail)}" if one.detail else ""))
    if report.deliveries:
        p50, p95 = report.percentile(50), report.percentile(95)
        output.out.print(Text(f"a message arrives within p50 {p50} ms, p95 {p95} ms", style="bold"))
    if report.cause:
        output.out.print(output.told(Explanation("cause", report.cause.what, report.cause.why, report.cause.hint)))
    elif not report.ok:
        output.say("`chatops doctor` looks for the cause, `chatops logs` shows what the functions said.", "cyan")
