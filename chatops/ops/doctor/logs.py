"""What the functions' logs of late say is wrong.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ...aws import Interrupted
from ...aws.refusal import absent_is_fine
from ...config import Function
from ...resources.log_group import PREFIX
from .. import ownership
from ..ownership import Owner
from .finding import Finding, Severity, info, ok, unchecked
from .last_change import last_change
from .patient import Patient
from .symptom import Symptom
from .symptoms import IN_LOGS, in_log

PATIENCE = 15.0
"""Seconds to search one log group. CloudWatch reads it from its beginning, a part at a time."""
RECENT = 10 * 60
"""Seconds after which a trouble that has not come back may well be mended."""
DAY = 24 * 60 * 60
"""Seconds after which a time of day no longer says which day is meant."""
FRAME = re.compile(r'File "/var/task/([^"]{1,200})",? line (\d+)', re.IGNORECASE)
"""A frame of a traceback in a function's own code."""
SHOWN = 300
"""Characters of a log line that are repeated."""


@dataclass(frozen=True)
class Trouble:
    """A symptom in one function's log: how often, when last (epoch seconds), and what the last line said."""

    function: str
    symptom: Symptom
    count: int
    last: float
    line: str


def check(patient: Patient) -> Iterator[Finding]:
    """One finding for each symptom in each function's log."""
    searches = [lambda one=function: _search(patient, one) for function in patient.config.functions.values()]
    found = patient.aws.together(*searches)
    troubles = [one for some, _ in found for one in some]
    others = [one for _, some in found for one in some]
    yield from others
    names = sorted({one.function for one in troubles})
    dates = patient.aws.together(*(partial(last_change, patient, one) for one in names))
    changes = dict(zip(names, dates, strict=True))
    for trouble in sorted(troubles, key=lambda one: -one.last):
        changed = changes[trouble.function]
        if trouble.last < changed:
            yield _before_last_change(trouble, changed, patient.now)
        else:
            yield _told(trouble, patient.now - trouble.last)
    if not troubles and not others:
        yield ok(f"The functions' logs of the last {patient.since // 60} minutes show no trouble")


def _search(patient: Patient, function: Function) -> tuple[list[Trouble], list[Finding]]:
    group = f"{PREFIX}{function.name}"
    troubles: dict[str, Trouble] = {}
    others: list[Finding] = []
    try:
        if ownership.log_owner(patient.stack, function.name) is Owner.SOMEBODY:
            return [], [info(f"The log group {group} was not read", "it does not belong to this stack")]
        with absent_is_fine():
            began = time.monotonic()
            for page in _pages(patient, group):
                # Of a search by words only the lines that have them come back.
                for event in page["events"]:
                    _note(troubles, function.name, event)
                if time.monotonic() - began > PATIENCE and page.get("nextToken"):
                    told = f"The log of {function.name} was searched in part only"
                    others.append(info(told, f"it is long; {PATIENCE:.0f} s did not suffice", "chatops logs"))
                    break
    except Interrupted:
        raise
    except Exception as reason:
        others.append(unchecked(f"The log of {function.name}", reason))
    return list(troubles.values()), others


def _pages(patient: Patient, group: str) -> Iterator[Any]:
    start = max(0, int((patient.now - patient.since) * 1000))
    terms = sorted({term for one in IN_LOGS for term in one.terms})
    # MiniStack takes `?"a" ?"b"`, which is any of them, for all of them.
    pattern = {} if patient.is_local else {"filterPattern": " ".join(f'?"{term}"' for term in terms)}
    paginator = patient.aws.paginator("logs", "filter_log_events")
    yield from paginator.paginate(logGroupName=group, startTime=start, **pattern)


def _note(troubles: dict[str, Trouble], function: str, event: Any) -> None:
    message, at = event["message"], event["timestamp"] / 1000
    symptom = in_log(message)
    if symptom is None:
        return
    before = troubles.get(symptom.name, Trouble(function, symptom, 0, 0.0, ""))
    now = replace(before, count=before.count + 1)
    troubles[symptom.name] = replace(now, last=at, line=_gist(message)) if at >= before.last else now


def _gist(message: str) -> str:
    """The line that says most: of a traceback, the error, and where in the function's code it was raised."""
    lines = [one for one in message.replace("\r", "\n").splitlines() if one.strip()]
    line = lines[-1] if lines and lines[0].startswith("Traceback ") else (lines or [""])[0]
    line = line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
    frames = FRAME.findall(message)
    return f"{line} ({frames[-1][0]}, line {frames[-1][1]})" if frames else line


def _before_last_change(one: Trouble, changed: float, now: float) -> Finding:
    """A trouble that the last change may have fixed: a note, which does not make the doctor fail."""
    at = datetime.fromtimestamp(changed, timezone.utc)
    when = f"{at:%H:%M} UTC" if now - changed < DAY else f"{at:%Y-%m-%d %H:%M} UTC"
    what = f"{one.function}: {one.symptom.name}, {_times(one)} before the last change at {when}; not seen since"
    return info(what, f"It said: {one.line}")


def _times(one: Trouble) -> str:
    return "once" if one.count == 1 else f"{one.count} times"


def _told(one: Trouble, ago: float) -> Finding:
    severity = one.symptom.severity
    when = "just now" if ago < 60 else f"{ago / 60:.0f} min ago"
    if severity is Severity.ERROR and ago >= RECENT:
        severity, when = Severity.WARNING, f"{when}, not since: it may be mended"
    what = f"{one.function}: {one.symptom.name}, {_times(one)}, last {when}"
    causes = "; or ".join(cause.why for cause in one.symptom.causes)
    return Finding(severity, what, f"{causes}. It said: {one.line}", one.symptom.causes[0].hint)
