"""What the doctor and the smoke test found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import Document

if TYPE_CHECKING:
    from ..ops.doctor.finding import Diagnosis, Finding
    from ..ops.smoke import Report


def smoke_document(report: Report) -> Document:
    """Whether the chat works, step by step; times in milliseconds."""
    checks = [
        {"name": one.name, "ok": one.ok, "milliseconds": one.milliseconds, "detail": one.detail}
        for one in report.checks
    ]
    return {
        "event": "smoke",
        "ok": report.ok,
        "checks": checks,
        "p50_ms": report.percentile(50),
        "p95_ms": report.percentile(95),
        "cause": finding_document(report.cause) if report.cause else None,
    }


def finding_document(finding: Finding) -> Document:
    """One thing that the doctor found."""
    return {
        "severity": finding.severity.value,
        "what": finding.what,
        "why": finding.why,
        "hint": finding.hint,
    }


def diagnosis_document(diagnosis: Diagnosis) -> Document:
    """Everything that the doctor found."""
    findings = [finding_document(one) for one in diagnosis.findings]
    return {**diagnosis.where, "ok": diagnosis.is_ok, "findings": findings}
