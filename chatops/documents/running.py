"""What runs: its health, its connections, its logs, what was measured and found of it, and the local AWS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..deploy.plan import Action, Step
from ..deploy.resource import Live
from ..times import iso
from . import Document, error_document

if TYPE_CHECKING:
    from ..local.server import Local
    from ..ops.connections import Connection
    from ..ops.doctor.finding import Diagnosis, Finding
    from ..ops.find import Place
    from ..ops.logs import Line
    from ..ops.metrics import Measured
    from ..ops.smoke import Report
    from ..ops.watch import Reading

STATES = {
    Action.KEEP: "ok",
    Action.CREATE: "missing",
    Action.UPDATE: "drifted",
    Action.ADOPT: "not ours",
    Action.BLOCKED: "blocked",
    Action.DELETE: "left over",
}

NOT_SERVED = re.compile(r"stages\.[^.]+(\.deployment)?")
"""The path of a stage that is missing or serves what is not ours: the routes exist, and nobody can reach them."""


def resource_state(step: Step, live: Live | None = None) -> str:
    """A resource's health in a word or two; `live` is what was seen of it."""
    if live and "Failed" in (live.outputs.get("state"), live.outputs.get("last_update_status")):
        return "failing"
    changes = [one for one in step.changes if not one.path.startswith("unused_")]
    is_served = not all(one.after and NOT_SERVED.fullmatch(one.path) for one in changes)
    if step.action is Action.UPDATE and changes and not is_served:
        return "not live"
    return STATES[step.action]


def status_document(where: Mapping[str, Any], reading: Reading) -> Document:
    """The stack's health and its connections."""
    plan, roster, trouble = reading.plan, reading.roster, reading.trouble
    now = datetime.now(timezone.utc)
    return {
        **where,
        **reading.outputs,
        "resources": [
            {"name": step.name, "state": resource_state(step, plan.live.get(step.name))} for step in plan.steps
        ],
        "live": roster.live,
        "stale": roster.stale,
        "unknown": roster.unknown,
        "rows": roster.total,
        "trouble": error_document(trouble) if trouble else None,
        "connections": [connection_document(one, now) for one in roster.listed],
    }


def connection_document(one: Connection, now: datetime) -> Document:
    """One connection; times in ISO 8601 and UTC."""
    return {
        "connection_id": one.connection_id,
        "state": one.state,
        "connected_at": _utc(one.connected_at),
        "last_active_at": _utc(one.last_active_at),
        "source_ip": one.source_ip,
        "user_agent": one.user_agent,
        "idle_seconds": one.idle_seconds(now),
        "age_seconds": one.age_seconds(now),
        "seconds_left": one.seconds_left(now),
        "idle_seconds_left": one.idle_seconds_left(now),
        "life_seconds_left": one.life_seconds_left(now),
    }


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


def metrics_document(
    where: Mapping[str, Any], measured: Measured, note: str = "", missing: Sequence[str] = ()
) -> Document:
    """What was measured; times in ISO 8601 and UTC, each the begin of a point."""
    return {
        **where,
        "start": iso(measured.start, "seconds"),
        "end": iso(measured.end, "seconds"),
        "period_seconds": measured.period,
        "note": note,
        "missing": list(missing),
        "series": [
            {
                "resource": resource,
                "metric": one.metric.name,
                "statistic": one.metric.statistic,
                "unit": one.metric.unit,
                "figures": one.figures,
                "values": list(one.values),
            }
            for resource, some in measured.series.items()
            for one in some
        ],
    }


def find_document(where: Mapping[str, Any], places: Sequence[Place]) -> Document:
    """What of the stack is in which region; `region` is the one that is meant, or null."""
    regions = [
        {
            "region": one.region,
            "state": one.state,
            "meant": one.region == where["region"],
            "owned": list(one.owned),
            "strangers": [{"name": other.name, "owner": other.owner} for other in one.strangers],
            "why": one.refusal,
        }
        for one in places
    ]
    return {**where, "regions": regions}


def line_document(line: Line) -> Document:
    """One log event."""
    known = {"connection_id": line.connection_id, "request_id": line.request_id}
    told = {"time": iso(line.time), "function": line.function, "message": line.message}
    return told | {key: value for key, value in known.items() if value}


def local_document(local: Local) -> Document:
    """Whether the local AWS runs, and where."""
    return {
        "running": local.is_running,
        "endpoint_url": local.aws.url if local.aws else None,
        "pid": local.aws.pid if local.aws else None,
        "log": local.aws.log if local.aws else None,
        "crashed": [one.pid for one in local.crashed],
        "fronts": {
            region: {
                "url": one.url,
                "pid": one.pid,
                "log": one.log,
                "running": one.find() is not None,
                "options": local.front_options.get(region, []),
            }
            for region, one in local.fronts.items()
        },
    }


def _utc(then: datetime | None) -> str | None:
    return iso(then) if then else None
