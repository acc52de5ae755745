"""When what a function runs with was last changed, by the dates that AWS shows."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.ops.doctor.last_change import last_change, seconds

from ...resources.stand import Scripted, ScriptedAws
from ...stacks import stack

pytestmark = pytest.mark.usefixtures("folder")
MODIFIED = "2025-01-31T09:30:00.125+0000"
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetX")


def at(minute: int) -> datetime:
    return datetime(2025, 1, 31, 9, minute, tzinfo=timezone.utc)


def patient(**changed: Any) -> Any:
    """A patient whose function was changed at 9:30 and everything else at 9:00, but for what is given."""
    answers: dict[str, Any] = {
        "get_function": {"Configuration": {"LastModified": MODIFIED}},
        "get_role": {"Role": {"CreateDate": at(0)}},
        "describe_table": {"Table": {"CreationDateTime": at(0)}},
        "get_stage": {"CreatedDate": at(0), "LastUpdatedDate": at(0)},
        **changed,
    }
    services = {"lambda": "get_function", "iam": "get_role", "dynamodb": "describe_table", "apigatewayv2": "get_stage"}
    aws = ScriptedAws(**{service: Scripted(**{name: answers[name]}) for service, name in services.items()})
    live = {"websocket_api.websocket-api": SimpleNamespace(outputs={"api_id": "abc"})}
    return SimpleNamespace(aws=aws, stack=stack(aws=aws), observed=SimpleNamespace(plan=SimpleNamespace(live=live)))


@pytest.mark.parametrize(
    ("date", "expected"),
    [(MODIFIED, at(30).timestamp() + 0.125), (at(5), at(5).timestamp()), ("yesterday", 0.0), (None, 0.0)],
)
def test_a_date_is_read_in_lambdas_format_and_botocores(date: object, expected: float) -> None:
    assert seconds(date) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"get_role": {"Role": {"CreateDate": at(45)}}},
        {"describe_table": {"Table": {"CreationDateTime": at(45)}}},
        {"get_stage": {"CreatedDate": at(0), "LastUpdatedDate": at(45)}},
        {"get_stage": {"CreatedDate": at(45)}},
    ],
    ids=["role", "table", "stage", "new stage"],
)
def test_the_last_change_is_the_latest_of_all_that_the_function_runs_with(changed: dict[str, Any]) -> None:
    assert last_change(patient(), "websocket-send") == seconds(MODIFIED)
    assert last_change(patient(**changed), "websocket-send") == at(45).timestamp()


def test_what_the_function_does_not_run_with_does_not_count() -> None:
    table = {"describe_table": {"Table": {"CreationDateTime": at(45)}}}
    stage = {"get_stage": {"CreatedDate": at(45)}}
    # The page uses no table, and the HTTP API that calls it does not exist.
    assert last_change(patient(**table, **stage), "aws-gateway-lambda") == seconds(MODIFIED)


def test_a_date_that_is_refused_does_not_hide_the_others() -> None:
    refused = dict.fromkeys(("get_role", "describe_table", "get_stage"), DENIED)
    assert last_change(patient(**refused), "websocket-send") == seconds(MODIFIED)
    assert last_change(patient(**refused, get_function=DENIED), "websocket-send") == 0.0
