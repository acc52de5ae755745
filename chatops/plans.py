"""Stack → plans: what makes AWS equal to it, what deletes it, and what is still there after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from . import leftovers
from .aws import STACK_TAG
from .deploy import plan
from .deploy.plan import Action, Plan, Step, observe
from .deploy.resource import Blocked, Live, Resource, sharing
from .errors import UsageError
from .resources.function import Function
from .resources.log_group import LogGroup
from .resources.table import OwnedTable, Table
from .stack import Stack

SERVICES = ("resourcegroupstaggingapi", "dynamodb", "logs", "apigatewayv2", "iam", "lambda")
"""Whom a plan asks, in the order in which it does."""
LOOKS = 4
"""How often `down` looks again for log groups that come back."""


def up(stack: Stack, *, adopt: bool = False) -> Plan:
    """What makes AWS equal to the config.

    Where a function of an earlier config may be left, its role and log group are looked for too. What turns out not to
    exist, or not to be the stack's, has no step. What a listing says to be the stack's is asked itself before it is
    changed: the listing lags.
    """
    left, observed = _observe(stack, stack.resources, hearsay=True)
    made = plan.plan_up(stack.resources, left, observed, stack.aws, adopt=adopt)
    doubtful = [step.resource for step in made.of(Action.UPDATE) if _is_hearsay(made.live.get(step.name))]
    if doubtful:
        with sharing():
            observed |= observe(doubtful, stack.aws)
        made = plan.plan_up(stack.resources, left, observed, stack.aws, adopt=adopt)
    steps = (step for step in made.steps if step.action is not Action.KEEP or step.resource not in left)
    return replace(made, steps=tuple(_spare_rows(stack, step) for step in steps))


def down(stack: Stack) -> Plan:
    """What deletes everything of this stack, and of its earlier configs."""
    left, observed = _observe(stack, stack.doomed, glance=True)
    return plan.plan_down([*stack.doomed, *left], observed)


def remains(stack: Stack, deleted: Sequence[Resource] = ()) -> list[str]:
    """The names of what exists of this stack and is its own, and of log groups that were `deleted` and are back.

    A function's last invocation can bring its log group back, without a tag: that one is deleted again. Anything else
    without the tag is someone else's, such as an API with the same name.
    """
    aws = stack.aws
    for look in range(LOOKS):
        left, observed = _observe(stack, stack.doomed, glance=True)
        unseen = [one for one in deleted if one.name not in observed and isinstance(one, LogGroup)]
        observed |= observe(unseen, aws)
        groups = [
            one
            for one in deleted
            if isinstance(one, LogGroup) and _may_be_ours(observed.get(one.name), stack.config.stack)
        ]
        if not groups or look == LOOKS - 1:
            break
        aws.together(*(partial(one.delete, aws, lambda _: None) for one in groups))
        aws.pause(1.0)
    ours = [step.resource for step in plan.plan_down([*stack.doomed, *left], observed).of(Action.DELETE)]
    return sorted({one.name for one in (*ours, *groups)})


def is_there(stack: Stack, seen: Plan) -> bool:
    """Whether anything that a plan has seen is the stack's own."""
    return any(one and one.owner == stack.config.stack for one in seen.live.values())


ADOPTED_WHOLE = (Function, LogGroup, Table)
"""Kinds whose adoption overwrites what they hold, which `--adopt` asks for, and removes nothing that has a name."""


def refusal(stack: Stack, made: Plan) -> UsageError | None:
    """Return why `up` must not carry out this plan whatever the user answers, or None.

    Both cases mean that the config in use is not the one that created what the plan would delete.
    """
    config, owner = stack.config, stack.config.stack
    steps = [one for one in made.steps if one.action is not Action.ADOPT or not isinstance(one.resource, ADOPTED_WHOLE)]
    deletions = [one for step in steps for one in step.deletions]
    if config.is_built_in and deletions:
        return UsageError(
            "defaults-would-delete",
            "No config file was found, and the built-in defaults would delete what exists under its names",
            _listed(f"`up` with the built-in defaults, of the stack {owner!r}, would delete:", deletions),
            "Change to the folder of your config.yaml, or pass it with --config. No changes were made.",
        )
    owned = [name for name, live in made.live.items() if live and live.owner == owner]
    if not owned or {one.name for one in stack.resources} & {*owned}:
        return None
    own_file = "in a config of your own (`chatops init`)" if config.is_built_in else f"in {config.origin}"
    return UsageError(
        "stack-of-another-config",
        f"The stack {owner!r} was created with another config",
        _listed(
            f"none of what carries the tag {STACK_TAG}={owner} is in the config in use ({config.origin}):",
            sorted(owned),
        ),
        f"Choose another `stack:` {own_file}, or delete these resources first with the config that created them: "
        "`chatops down --config OTHER`. No changes were made.",
    )


def _listed(text: str, names: Sequence[str]) -> str:
    """A text with these names below it, a line each."""
    return "\n".join([text, *(f"- {one}" for one in names)])


def tables(seen: Plan) -> list[OwnedTable]:
    """Every table of a plan that exists and is the stack's own, of an earlier config too, with the key that it has."""
    found = (step.resource.owned(seen.live.get(step.name)) for step in seen.steps if isinstance(step.resource, Table))
    return [one for one in found if one]


def _observe(
    stack: Stack, resources: list[Resource], *, hearsay: bool = False, glance: bool = False
) -> tuple[list[Resource], dict[str, Live | Blocked | None]]:
    """What is left over from earlier configs, and the live state of that and of these resources."""
    aws = stack.aws
    with sharing(hearsay=hearsay, glance=glance):
        left, observed = aws.together(lambda: leftovers.find(stack), lambda: observe(resources, aws))
    with sharing(glance=glance):
        return left, {**observed, **observe(left, aws)}


def _spare_rows(stack: Stack, step: Step) -> Step:
    """The step; a table that the config no longer names is not deleted while it lists connections."""
    table = step.resource
    if step.action is not Action.DELETE or not isinstance(table, Table):
        return step
    if table.is_empty(stack.aws):
        return replace(step, resource=replace(table, spares_rows=True))
    return Step(table, Action.KEEP, reason="not in the config any more, and holds rows; `down` deletes it")


def _is_hearsay(seen: Live | None) -> bool:
    return seen is not None and seen.is_hearsay


def _may_be_ours(seen: Live | Blocked | None, stack: str) -> bool:
    return isinstance(seen, Live) and seen.owner in (None, stack)
