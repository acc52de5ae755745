"""Each thing that can be broken is broken on the local AWS, found, told with its cause, and mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatops.aws import Aws
from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ...sizes import every
from ..stand_ins import REGION, SMALL, stack_of, up
from .breakages import (
    ERROR,
    ROLE,
    WARNING,
    add_a_route,
    again,
    allow_everything,
    ask_a_route_for_signatures,
    attach_another_policy,
    bad,
    change_a_timeout,
    change_the_trust,
    delete_a_function,
    delete_a_log_group,
    delete_a_route,
    delete_the_stage,
    delete_the_table,
    deploy_by_hand,
    leave_a_table_over,
    let_all_of_api_gateway_in,
    set_a_password,
    take_an_action,
    take_the_permissions,
    take_the_policy,
    take_the_tag,
    throttle_to,
    trust_others_too,
)

pytestmark = pytest.mark.e2e


def test_where_nothing_exists_one_error_says_so_and_names_the_ways_out(aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws, SMALL + "prefix: other-\n")
    (error,) = bad(examine(lambda: stack))
    assert error.what == f"Nothing of the stack {stack.config.stack} exists in {REGION}"
    assert "chatops find" in error.hint and "chatops up" in error.hint


BROKEN_AND_MENDED_BY_UP: list[tuple[Callable[[Stack], None], Severity, str, str]] = [
    (take_an_action, ERROR, f"role.{ROLE} lacks permissions", "dynamodb:Scan on table/websocket-connections"),
    (take_the_policy, ERROR, f"role.{ROLE} lacks permissions", "dynamodb:Scan on table/websocket-connections"),
    (allow_everything, WARNING, f"role.{ROLE} may do too much", "it may * on *"),
    (attach_another_policy, WARNING, f"role.{ROLE} may do too much", "the policy mine"),
    (change_the_trust, ERROR, f"role.{ROLE} may not be used by Lambda", "cannot be assumed by Lambda"),
    (trust_others_too, WARNING, f"role.{ROLE} trusts others than the config says", "ec2.amazonaws.com"),
    (delete_the_table, ERROR, "table.websocket-connections is missing", "the config asks for it"),
    (delete_a_log_group, WARNING, "log_group./aws/lambda/websocket-send is missing", "lost"),
    (change_a_timeout, WARNING, "function.websocket-send differs from the config", "timeout is 3 and should be 29"),
    (
        set_a_password,
        WARNING,
        "function.websocket-send differs from the config",
        "environment.DB_PASSWORD is '(hidden)'",
    ),
    (delete_a_route, ERROR, "stage.websocket-api has no route $default", "Forbidden"),
    (add_a_route, WARNING, "stage.websocket-api has a route dance", "does not ask"),
    (ask_a_route_for_signatures, ERROR, "The route $connect of websocket-api is not what the config says", "AWS_IAM"),
    (deploy_by_hand, ERROR, "The routes of websocket-api are not live", "demo"),
    (delete_the_stage, ERROR, "stage.websocket-api has no stage demo", "Forbidden"),
    (take_the_permissions, ERROR, "API Gateway may not invoke websocket-connect", "Internal server error"),
    (let_all_of_api_gateway_in, WARNING, "More than its routes may invoke websocket-connect", "*"),
    (throttle_to(0.0, 0), ERROR, "stage.websocket-api takes no requests", "Too Many Requests"),
    (throttle_to(7.0, 9), WARNING, "stage.websocket-api takes more or fewer requests than the config says", "is 7"),
    (leave_a_table_over, WARNING, "table.earlier is left over", "does not ask"),
]


@pytest.mark.parametrize(
    ("breaks", "severity", "what", "why"),
    every(5, BROKEN_AND_MENDED_BY_UP),
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_broken_is_found_alone_and_gone_after_the_command_that_mends_it(
    stack: Stack, breaks: Callable[[Stack], None], severity: Severity, what: str, why: str
) -> None:
    breaks(stack)
    diagnosis = examine(lambda: again(stack))
    (found,) = bad(diagnosis)
    assert (found.severity, found.what) == (severity, what)
    assert why in found.why
    assert found.hint == "chatops up"
    assert diagnosis.is_ok == (severity is WARNING)
    up(again(stack))
    assert bad(examine(lambda: again(stack))) == []


def test_a_function_that_is_missing_is_an_error_as_is_that_nobody_may_invoke_it(stack: Stack) -> None:
    delete_a_function(stack)
    assert {one.what for one in bad(examine(lambda: again(stack)))} == {
        "function.websocket-send is missing",
        "API Gateway may not invoke websocket-send",
    }


def test_what_is_not_ours_stands_in_the_way(stack: Stack) -> None:
    take_the_tag(stack)
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "table.websocket-connections stands in the way"
    assert "chatops up --adopt" in found.hint
