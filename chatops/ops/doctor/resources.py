"""Each resource of the stack: missing, different from the config, not live, or not ours."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from ...deploy.plan import Action, Step
from ...deploy.resource import Change
from .finding import Finding, error, ok, warning
from .patient import Patient

UP = "chatops up"
WITHOUT = {
    "$connect": "who connects is not remembered, and gets no messages",
    "$disconnect": "who leaves stays in the table until a message does not reach them",
    "$default": "what no other route takes, and every ping, is answered Forbidden",
}
"""What happens without a route. What any other should take goes to $default; an HTTP API answers 404 Not Found."""


def check(patient: Patient) -> Iterator[Finding]:
    """What `up` would do, and what it means that it is not done."""
    plan, unseen = patient.observed.plan, patient.observed.unseen
    yield from unseen
    if not any(plan.live.values()) and not plan.of(Action.BLOCKED) and not unseen:
        yield error(
            f"Nothing of the stack {patient.config.stack} exists in {patient.aws.region}",
            "it was not created yet, or this is not the region where it was",
            "chatops find, then chatops up",
        )
        return
    for step in plan.steps:
        yield from _findings(step)
    asked = [one.name for one in patient.stack.resources]
    kept = [step for step in plan.of(Action.KEEP) if step.name in asked]
    if kept:
        yield ok(f"{len(kept)} of {len(asked)} resources are as the config says")


def _findings(step: Step) -> Iterator[Finding]:
    if step.action is Action.CREATE:
        yield _missing(step)
    elif step.action is Action.BLOCKED:
        yield error(f"{step.name} stands in the way", step.reason or "", step.hint or "")
    elif step.action is Action.DELETE:
        yield warning(f"{step.name} is left over", "the config does not ask for it (any more)", UP)
    elif step.action is Action.UPDATE:
        explained = {"role": _role, "stage": _stage}.get(step.resource.kind, _other)
        yield from explained(step)


def _missing(step: Step) -> Finding:
    if step.resource.kind == "log_group":
        return warning(f"{step.name} is missing", "what the function says is lost: its role may not create it", UP)
    return error(f"{step.name} is missing", "the config asks for it", UP)


def _role(step: Step) -> Iterator[Finding]:
    """A role that may do less than its function needs breaks the chat; one that may do more is a risk."""
    trusts = [one for one in step.changes if one.path.partition(".")[0] == "trust"]
    if any("lambda.amazonaws.com" not in str(one.before) and "lambda" in str(one.after) for one in trusts):
        why = "its trust policy was changed: `cannot be assumed by Lambda`"
        yield error(f"{step.name} may not be used by Lambda", why, UP)
    elif trusts:
        yield warning(f"{step.name} trusts others than the config says", "; ".join(map(_difference, trusts)), UP)
    for change in step.changes:
        if change in trusts:
            continue
        if change.path.startswith("policies.chatops"):
            before, after = _grants(change.before), _grants(change.after)
            if lost := _uncovered(after, before):
                yield error(f"{step.name} lacks permissions", f"it may not {'; not '.join(lost)}", UP)
            if gained := _uncovered(before, after):
                yield warning(f"{step.name} may do too much", f"it may {'; '.join(gained)}", UP)
        else:
            why = f"{change.path.replace('policies.', 'the policy ')} was added by hand"
            yield warning(f"{step.name} may do too much", why, UP)


def _grants(statements: Any) -> set[tuple[str, str]]:
    """The actions that a policy's statements allow, each with its resource, in whichever of IAM's spellings."""
    if isinstance(statements, dict):
        statements = statements.get("Statement", statements)
    return {
        (action, resource)
        for one in _many(statements)
        if isinstance(one, dict) and one.get("Effect") == "Allow"
        for action in _many(one.get("Action"))
        for resource in _many(one.get("Resource"))
    }


def _uncovered(grants: set[tuple[str, str]], by: set[tuple[str, str]]) -> list[str]:
    """Those of the grants that no other gives too, by a wildcard or word by word."""

    def covers(wide: tuple[str, str], narrow: tuple[str, str]) -> bool:
        return fnmatchcase(narrow[0].lower(), wide[0].lower()) and fnmatchcase(narrow[1], wide[1])

    rest = sorted(one for one in grants if not any(covers(other, one) for other in by))
    return [f"{action} on {resource.split(':', 5)[-1]}" for action, resource in rest]


def _many(one: Any) -> list[Any]:
    """IAM writes a list of one thing without the list."""
    return one if isinstance(one, list) else [] if one is None else [one]


def _stage(step: Step) -> Iterator[Finding]:
    """Routes that are missing, not live, throttled, or whose function API Gateway may not invoke."""
    throttles = [one for one in step.changes if "throttle" in one.path]
    if throttles:
        yield _throttle(step, throttles)
    # Whatever stage does not serve our deployment leaves it unused: that is told of the stage.
    is_unserved = any(one.path.startswith("stages") for one in step.changes)
    for change in step.changes:
        if change in throttles or (is_unserved and change.path == "unused_deployments"):
            continue
        part, _, name = change.path.partition(".")
        if part == "stages":
            yield _stale_deployment(step, name.split(".")[0], change)
        elif part == "permissions":
            yield from _permissions(name, change)
        elif part == "routes":
            yield from _route(step, name, change)
        else:
            yield warning(f"{step.name} differs from the config", _difference(change), UP)


def _stale_deployment(step: Step, stage: str, change: Change) -> Finding:
    if change.before is None and not change.path.endswith(".deployment"):
        return error(f"{step.name} has no stage {stage}", "clients get 403 Forbidden", UP)
    if change.path.endswith(".deployment"):
        why = f"what the stage {stage} serves is not what the routes say: they were never deployed, or not by chatops"
        return error(f"The routes of {step.resource.title} are not live", why, UP)
    return warning(f"{step.name} differs from the config", _difference(change), UP)


def _throttle(step: Step, changes: list[Change]) -> Finding:
    """A limit of nothing refuses everyone.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
    """
    differences = "; ".join(map(_difference, changes))
    if any(one.before == 0 or (isinstance(one.before, dict) and 0 in one.before.values()) for one in changes):
        return error(f"{step.name} takes no requests", f"{differences}: clients get Too Many Requests", UP)
    return warning(f"{step.name} takes more or fewer requests than the config says", differences, UP)


def _permissions(function: str, change: Change) -> Iterator[Finding]:
    before, after = set(change.before or ()), set(change.after or ())
    if missing := sorted(after - before):
        routes = ", ".join(arn.split("/", 2)[-1] for arn in missing)
        why = f"its policy does not let these routes in: {routes}; clients get Internal server error"
        yield error(f"API Gateway may not invoke {function}", why, UP)
    if extra := sorted(before - after):
        yield warning(f"More than its routes may invoke {function}", ", ".join(extra), UP)


def _route(step: Step, name: str, change: Change) -> Iterator[Finding]:
    route = name.rpartition(".")[0] if name.endswith((".integration", ".authorization", ".payload_format")) else name
    if change.before is None and route == name:
        why = WITHOUT.get(route, "what it should take goes to $default, or is not found")
        yield error(f"{step.name} has no route {route}", why, UP)
    elif change.after is None and route == name:
        yield warning(f"{step.name} has a route {route}", "the config does not ask for it", UP)
    else:
        yield error(f"The route {route} of {step.resource.title} is not what the config says", _difference(change), UP)


def _other(step: Step) -> Iterator[Finding]:
    # A function that is switched off is told by `functions`.
    changes = [one for one in step.shown if (one.path, one.before) != ("reserved_concurrency", 0)]
    if changes:
        yield warning(f"{step.name} differs from the config", "; ".join(map(_difference, changes)), UP)


def _difference(change: Change) -> str:
    return f"{change.path} is {change.before!r} and should be {change.after!r}"
