"""Whether the caller may do what chatops does, asked of IAM's policy simulator.

It knows the caller's policies, its boundary and its organization's, and not the policy of a single session.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...aws import Aws
from ...deploy.resource import sharing
from ..policy import GROUPS, policy
from .finding import Finding, info, ok, warning
from .patient import Patient

HINT = "chatops policy"


def check(patient: Patient) -> Iterator[Finding]:
    """Which actions the caller's policies do not allow. Not an error: who only watches needs few of them."""
    if patient.caller_arn.endswith(":root"):
        yield ok("The permissions are complete", "the account's root user may do everything")
        return
    source = _source(patient.aws, patient.caller_arn)
    if source is None:
        why = f"{patient.caller_arn} is neither a user nor a role, and IAM simulates no other"
        yield info("The permissions could not be checked", why, HINT)
        return
    with sharing():
        groups = {group: policy(patient.stack, [group])["Statement"] for group in GROUPS}
    statements = {json.dumps(one): one for some in groups.values() for one in some}
    answers = patient.aws.together(*(lambda one=one: _denied(patient.aws, source, one) for one in statements.values()))
    denied = dict(zip(statements, answers, strict=True))
    for group, some in groups.items():
        lacking = sorted({action for one in some for action in denied[json.dumps(one)]})
        if lacking:
            why = f"they may not {', '.join(lacking)}"
            yield warning(f"These credentials do not suffice for {GROUPS[group]}", why, f"{HINT} --for {group}")
    if not any(answers):
        yield ok("The permissions are complete", f"IAM allows them for {', '.join(GROUPS)}")


def _source(aws: Aws, caller_arn: str) -> str | None:
    """The user or role whose policies count. An assumed role's own ARN lacks the role's path."""
    kind, _, name = caller_arn.split(":", 5)[5].partition("/")
    if kind == "user":
        return caller_arn
    if kind == "assumed-role":
        return str(aws.client("iam").get_role(RoleName=name.split("/")[0])["Role"]["Arn"])
    return None


def _resources(statement: Any) -> list[str]:
    resources = statement["Resource"]
    return [resources] if isinstance(resources, str) else resources


def _denied(aws: Aws, source: str, statement: Any) -> list[str]:
    """The statement's actions that are not allowed on all of its resources."""
    context = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in statement.get("Condition", {}).get("StringEquals", {}).items()
    ]
    # The simulator is asked about things, not about patterns: any one thing stands for a pattern.
    arns = [one if one == "*" else one.replace("*", "x") for one in _resources(statement)]
    asked = {"PolicySourceArn": source, "ActionNames": statement["Action"], "ResourceArns": arns}
    answers = aws.pages("iam", "simulate_principal_policy", "EvaluationResults", ContextEntries=context, **asked)
    return sorted({one["EvalActionName"] for one in answers if one["EvalDecision"] != "allowed"})
