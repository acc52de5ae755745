"""Whether each function can run at all.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...aws.refusal import absent_is_fine
from .finding import Finding, error, info, ok, warning
from .patient import Patient


def check(patient: Patient) -> Iterator[Finding]:
    """The state, the last update and the reserved concurrency of every function that exists."""
    names = [one.name for one in patient.config.functions.values()]
    client = patient.aws.client("lambda")

    def see(name: str) -> Any:
        with absent_is_fine():
            return client.get_function(FunctionName=name)
        return None

    found = patient.aws.together(*(lambda one=name: see(one) for name in names))
    states = {name: answer for name, answer in zip(names, found, strict=True) if answer}
    troubles = [one for name, answer in states.items() for one in _troubles(name, answer, patient)]
    yield from troubles
    if states and not troubles:
        yield ok(f"All {len(states)} functions are Active")


def _troubles(name: str, answer: Any, patient: Patient) -> Iterator[Finding]:
    now, reserved = answer["Configuration"], answer.get("Concurrency", {}).get("ReservedConcurrentExecutions")
    state, reason = now.get("State", "Active"), now.get("StateReason", "no reason given")
    if state == "Failed":
        yield error(f"The function {name} is Failed", reason, "chatops up")
    elif state == "Inactive":
        why = f"{reason}; the next call fails, and wakes it"
        yield warning(f"The function {name} is Inactive", why, "chatops smoke")
    elif state == "Pending":
        yield info(f"The function {name} is Pending", reason, "chatops status")
    if now.get("LastUpdateStatus") == "Failed":
        why = now.get("LastUpdateStatusReason", "no reason given")
        yield error(f"The last update of {name} failed", f"{why}; the code before it still runs", "chatops up")
    asked = next(one.reserved_concurrency for one in patient.config.functions.values() if one.name == name)
    free = f"aws lambda delete-function-concurrency --function-name {name} {patient.here}"
    if reserved == 0:
        why = "its reserved concurrency is 0, so every call is refused: Too Many Requests"
        yield error(f"The function {name} is switched off", why, "chatops up" if asked else free)
    elif reserved is not None and reserved != asked:
        why = "its concurrency was reserved by hand; more calls are refused: Too Many Requests"
        yield info(f"The function {name} runs at most {reserved} times at once", why, free)
