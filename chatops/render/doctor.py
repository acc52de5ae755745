"""What the doctor found, for a person's eyes or as JSON."""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from ..documents.findings import diagnosis_document
from ..ops.doctor.finding import Diagnosis, Finding, Severity
from ..text import visible
from .output import Output

LOOKS = {
    Severity.ERROR: ("✗", "bold red"),
    Severity.WARNING: ("!", "yellow"),
    Severity.INFO: ("i", "cyan"),
    Severity.OK: ("✓", "green"),
}


def show(output: Output, diagnosis: Diagnosis) -> None:
    """Every finding with its cause and its cure; the worst stands first."""
    if output.as_json:
        output.document(diagnosis_document(diagnosis))
        return
    for finding in diagnosis.findings:
        _show(output, finding)
    counts = {severity: len(diagnosis.of(severity)) for severity in Severity}
    told = ", ".join(f"{count} {_plural(severity, count)}" for severity, count in counts.items() if count)
    output.out.print(Text(told, style="bold" if diagnosis.is_ok else "bold red"))


def _show(output: Output, finding: Finding) -> None:
    symbol, style = LOOKS[finding.severity]
    if finding.severity is Severity.OK:
        text = Text.assemble((symbol, style), f" {visible(finding.what)}")
        _print(output, text.append(f": {visible(finding.why)}" if finding.why else "", "dim"), 2)
        return
    _print(output, Text.assemble((f"{symbol} {visible(finding.what)}", style)), 2)
    for line in finding.why.splitlines():
        _print(output, Text(f"  {visible(line)}"), 2)
    if finding.hint:
        # A command is not folded, so that it can be copied.
        output.out.print(Text(f"  → {visible(output.advised(finding.hint))}", style="cyan"))


def _print(output: Output, text: Text, indent: int) -> None:
    """A terminal's lines are folded between words and indented; elsewhere nothing is folded."""
    if not output.out.is_terminal:
        output.out.print(text)
        return
    first, *rest = text.wrap(output.out, max(20, output.out.width - indent))
    output.out.print(first)
    for line in rest:
        output.out.print(Padding(line, (0, 0, 0, indent)))


def _plural(severity: Severity, count: int) -> str:
    return {
        Severity.ERROR: "error" if count == 1 else "errors",
        Severity.WARNING: "warning" if count == 1 else "warnings",
        Severity.INFO: "note" if count == 1 else "notes",
        Severity.OK: "ok",
    }[severity]
