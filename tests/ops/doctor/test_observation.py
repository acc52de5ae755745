"""What AWS refuses to show, and what can be told all the same."""

from __future__ import annotations

import pytest

from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import Proxy
from .breakages import again, bad, change_a_timeout

pytestmark = pytest.mark.e2e


def test_what_aws_refuses_to_show_is_told_and_hides_nothing_else(proxy: Proxy, stack: Stack) -> None:
    change_a_timeout(stack)
    proxy.refuse(lambda one: one.service == "iam", "AccessDenied", "User: me is not authorized", 403)
    diagnosis = examine(lambda: again(stack))
    assert [one.what for one in bad(diagnosis)] == ["function.websocket-send differs from the config"]
    unchecked = [one for one in diagnosis.of(Severity.INFO) if "could not be checked" in one.what]
    told = " ".join(one.what for one in unchecked)
    assert "role.websocket-connect" in told and "IAM's quotas" in told
    assert all("AccessDenied" in one.why for one in unchecked)


def test_an_api_that_cannot_be_seen_makes_no_drift_of_what_names_its_id(proxy: Proxy, stack: Stack) -> None:
    proxy.refuse(lambda one: one.service == "apigateway", "AccessDeniedException", "no", 403)
    diagnosis = examine(lambda: again(stack))
    assert bad(diagnosis) == []
    told = " ".join(one.what for one in diagnosis.of(Severity.INFO))
    assert "websocket_api.websocket-api" in told and "stage.websocket-api" in told
