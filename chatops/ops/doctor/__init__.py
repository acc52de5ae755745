"""What is broken, why, and what mends it: many small checks, made side by side, none of which ends the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING

from ...aws import Interrupted
from ...deploy.threads import result_of, thread_pool
from . import connections, functions, gateway, identity, logs, permissions, quotas, resources
from .finding import Diagnosis, Finding, Severity, info, unchecked
from .patient import Patient, meet
from .symptoms import recognise

if TYPE_CHECKING:
    from ...stack import Stack

Check = Callable[[Patient], Iterable[Finding]]

CHECKS: dict[str, Check] = {
    "The credentials": identity.credentials,
    "The clock": identity.clock,
    "The region": identity.region,
    "The permissions": permissions.check,
    "Lambda's quotas": quotas.functions,
    "API Gateway's quotas": quotas.requests,
    "DynamoDB's quotas": quotas.tables,
    "IAM's quotas": quotas.roles,
    "The resources": resources.check,
    "The functions": functions.check,
    "The stage": gateway.check,
    "The connections": connections.check,
    "The logs": logs.check,
}
"""Every check, by what it looks at."""


WHAT_RUNS = ("The resources", "The functions", "The stage", "The logs")
"""The checks of what a chat that does not work may lack, or what its functions say of it."""


def examine(
    stack: Callable[[], Stack], *, region_from: str = "", since: int = 3600, checks: Collection[str] = tuple(CHECKS)
) -> Diagnosis:
    """Makes every check that can be made, or some. `since` is how many seconds of the logs are read.

    `stack` may raise: what keeps us from a stack, such as wrong credentials, is then all that is found.
    """
    patient = meet(stack, region_from, since)
    if not isinstance(patient, Patient):
        return Diagnosis(tuple(patient))
    with thread_pool(len(checks) + 1, "doctor") as pool:
        patient.observe_in(pool)
        answers = [pool.submit(copy_context().run, _made, name, patient) for name in checks]
        found = [one for answer in answers for one in result_of(answer)]
    worst_first = list(Severity)
    return Diagnosis(tuple(sorted(found, key=lambda one: worst_first.index(one.severity))), patient.where)


def causes_of(text: str) -> Iterator[Finding]:
    """What a message that somebody saw may come from."""
    symptom = recognise(text)
    if symptom is None:
        yield info(f"{text!r} is no symptom that chatops knows", "the checks may still find what it comes from")
        return
    for cause in symptom.causes:
        yield info(f"{symptom.name!r} may come from this", cause.why, cause.hint)


def _made(name: str, patient: Patient) -> list[Finding]:
    found: list[Finding] = []
    try:
        for one in CHECKS[name](patient):
            found.append(one)
    except Interrupted:
        raise
    except Exception as reason:
        found.append(unchecked(name, reason))
    return found
