"""The stage that clients connect to: who gets in, and whether it may log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import SMALL, Answer, Proxy, stack_of, up
from .breakages import WARNING, again, api_id, bad

pytestmark = pytest.mark.e2e


def test_a_stack_that_asks_for_signatures_is_not_told_that_it_is_open(stack: Stack, tmp_path: Path) -> None:
    closed = up(stack_of(tmp_path, stack.aws, SMALL + "websocket: {auth: iam}\n"))
    assert examine(lambda: closed).of(Severity.INFO) == []


def test_a_stage_that_is_to_log_and_has_no_role_is_found(proxy: Proxy, stack: Stack) -> None:
    gateway, api = stack.aws.client("apigatewayv2"), api_id(stack.aws)
    settings = gateway.get_stage(ApiId=api, StageName="demo")["DefaultRouteSettings"]
    gateway.update_stage(ApiId=api, StageName="demo", DefaultRouteSettings={**settings, "LoggingLevel": "INFO"})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.severity is WARNING
    assert "CloudWatch Logs role ARN must be set in account settings" in found.why
    assert "update-account" in found.hint
    account = json.dumps(
        {"cloudwatchRoleArn": "arn:aws:iam::1:role/x", "throttleSettings": {"rateLimit": 1e4, "burstLimit": 1}}
    )
    proxy.rules.append(lambda one: Answer(200, account) if one.operation == "GET /account" else None)
    assert bad(examine(lambda: again(stack))) == []
