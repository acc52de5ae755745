"""A stack's health, and who is connected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..deploy.plan import Action, Step
from ..deploy.resource import Live
from ..times import iso
from . import Document, error_document

if TYPE_CHECKING:
    from ..ops.connections import Connection
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


def _utc(then: datetime | None) -> str | None:
    return iso(then) if then else None
