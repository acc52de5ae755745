"""Functions that cannot run, or not as often as they should."""

from __future__ import annotations

import json

import pytest

from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import Answer, Proxy
from .breakages import ERROR, WARNING, again, bad

pytestmark = pytest.mark.e2e


def test_reserved_concurrency_of_zero_switches_a_function_off(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    client.put_function_concurrency(FunctionName="websocket-send", ReservedConcurrentExecutions=0)
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (ERROR, "The function websocket-send is switched off")
    assert "Too Many Requests" in found.why
    assert found.hint.startswith("aws lambda delete-function-concurrency --function-name websocket-send --region")


def test_a_little_reserved_concurrency_is_told_and_is_no_trouble(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    client.put_function_concurrency(FunctionName="websocket-send", ReservedConcurrentExecutions=2)
    diagnosis = examine(lambda: again(stack))
    assert bad(diagnosis) == []
    assert "The function websocket-send runs at most 2 times at once" in [one.what for one in diagnosis.findings]


@pytest.mark.parametrize(
    ("configuration", "severity", "what"),
    [
        ({"State": "Failed", "StateReason": "no subnet"}, ERROR, "The function websocket-send is Failed"),
        ({"State": "Inactive", "StateReason": "idle"}, WARNING, "The function websocket-send is Inactive"),
        (
            {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "bad layer"},
            ERROR,
            "The last update of websocket-send failed",
        ),
    ],
)
def test_a_function_that_lambda_cannot_run_is_found(
    proxy: Proxy, stack: Stack, configuration: dict[str, str], severity: Severity, what: str
) -> None:
    """The local AWS has no such functions."""
    name = "websocket-send"
    real = stack.aws.client("lambda").get_function(FunctionName=name)
    real["Configuration"] |= configuration
    body = json.dumps({key: real[key] for key in ("Configuration", "Tags")}, default=str)
    proxy.rules.append(
        lambda one: (
            Answer(200, body) if one.operation.endswith(f"/functions/{name}") and "GET" in one.operation else None
        )
    )
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (severity, what)
    assert next(iter(reversed(configuration.values()))) in found.why
