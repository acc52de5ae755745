"""What `--json` prints: plain documents made from plans, events and connections. Their shape is a promise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .deploy import events
from .deploy.apply import Outcome
from .deploy.plan import Action, Plan, Step
from .deploy.resource import Live
from .errors import explain

if TYPE_CHECKING:
    from .ops.connections import Connection
    from .ops.doctor.finding import Diagnosis, Finding
    from .ops.find import Place
    from .ops.metrics import Measured
    from .ops.smoke import Report
    from .ops.watch import Reading

Document = dict[str, Any]

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


def error_document(error: BaseException) -> Document:
    """An error: its code, what happened, why, and what to do next."""
    told = explain(error)
    return {"event": "error", "code": told.code, "what": told.what, "why": told.why, "hint": told.hint}


def event_document(event: events.Event) -> Document:
    """One thing that happened to one resource during an apply."""
    name = {
        events.Started: "started",
        events.Progressed: "progress",
        events.Finished: "finished",
        events.Failed: "failed",
        events.Skipped: "skipped",
    }[type(event)]
    document: Document = {"event": name, "resource": event.resource, "action": event.action.value}
    if isinstance(event, events.Progressed):
        document["text"] = event.text
    elif isinstance(event, events.Finished):
        document["seconds"] = round(event.seconds, 2)
        if event.action in (Action.UPDATE, Action.ADOPT):
            document["paths"] = list(event.paths)
        if event.reason:
            document["reason"] = event.reason
    elif isinstance(event, events.Failed):
        told = explain(event.error)
        document |= {"code": told.code, "what": told.what, "why": told.why, "hint": told.hint}
    return document


def summary_document(where: Document, outcome: Outcome, outputs: Document) -> Document:
    """How an apply ended."""
    return {
        "event": "summary",
        **where,
        "created": outcome.names(Action.CREATE),
        "updated": outcome.names(Action.UPDATE),
        "adopted": outcome.names(Action.ADOPT),
        "deleted": outcome.names(Action.DELETE),
        "unchanged": outcome.names(Action.KEEP),
        "failed": sorted(outcome.failed),
        "skipped": sorted(outcome.skipped),
        "seconds": round(outcome.seconds, 2),
        "outputs": outputs,
    }


def step_document(step: Step) -> Document:
    """What would be done to one resource."""
    changes = [{"path": one.path, "before": one.before, "after": one.after} for one in step.shown]
    document: Document = {"resource": step.name, "action": step.action.value, "changes": changes}
    if step.reason:
        document["reason"] = step.reason
    if step.hint:
        document["hint"] = step.hint
    if step.code:
        document["code"] = step.code
    return document


def plan_document(where: Document, plan: Plan) -> Document:
    """What `up` would do."""
    return {**where, "in_sync": plan.in_sync, "steps": [step_document(step) for step in plan.steps]}


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
        "connected_at": _iso(one.connected_at),
        "last_active_at": _iso(one.last_active_at),
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
        "start": _iso(measured.start, "seconds"),
        "end": _iso(measured.end, "seconds"),
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


def _iso(then: datetime | None, precision: str = "milliseconds") -> str | None:
    return then.astimezone(timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z") if then else None
