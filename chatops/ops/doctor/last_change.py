"""When what a function runs with was last changed: what its log said before that may be fixed.

IAM does not date a change of a role's policy, so only a new role counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...resources.function import Function
from ...resources.stage import Stage
from .patient import Patient


def last_change(patient: Patient, function: str) -> float:
    """Return when the function, its role, its table or a stage that calls it last changed, in epoch seconds.

    0.0 when AWS shows none of these dates.
    """
    found = next(one for one in patient.stack.resources if isinstance(one, Function) and one.function == function)
    return max(patient.aws.together(*(partial(_date, read) for read in _reads(patient, found))), default=0.0)


def seconds(date: object) -> float:
    """Return a date of AWS's in epoch seconds; 0.0 for what is no date."""
    if isinstance(date, datetime):
        return date.timestamp()
    try:
        # Lambda's own format, which is none that botocore parses: 2025-01-31T09:30:00.125+0000
        return datetime.strptime(str(date), "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return 0.0


def _reads(patient: Patient, function: Function) -> Iterator[Callable[[], Any]]:
    clients = {name: patient.aws.client(name) for name in ("lambda", "iam", "dynamodb", "apigatewayv2")}

    def stage_date(stage: Stage, api_id: str) -> Any:
        found = clients["apigatewayv2"].get_stage(ApiId=api_id, StageName=stage.api.stage)
        return found.get("LastUpdatedDate") or found["CreatedDate"]

    name, role = function.function, function.role.title
    yield lambda: clients["lambda"].get_function(FunctionName=name)["Configuration"]["LastModified"]
    yield lambda: clients["iam"].get_role(RoleName=role)["Role"]["CreateDate"]
    if table := function.environment.get("WEBSOCKET_TABLE"):
        yield lambda: clients["dynamodb"].describe_table(TableName=table)["Table"]["CreationDateTime"]
    for one in patient.stack.resources:
        if isinstance(one, Stage) and function in one.routes.values():
            live = patient.observed.plan.live.get(one.api.name)
            if live:
                yield partial(stage_date, one, live.outputs["api_id"])


def _date(read: Callable[[], Any]) -> float:
    try:
        return seconds(read())
    except (BotoCoreError, ClientError, KeyError):
        # A date that is not shown makes no finding harmless.
        return 0.0
