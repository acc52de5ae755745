"""How near the account is to what AWS allows it."""

from __future__ import annotations

from typing import Any

import pytest

from chatops.ops.doctor import examine
from chatops.stack import Stack

from ..stand_ins import Proxy
from .breakages import ACCOUNT_SETTINGS, WARNING, again, bad, quota

pytestmark = pytest.mark.e2e


def lambda_settings(most: int, stored: float = 1.0) -> dict[str, Any]:
    return {
        "AccountLimit": {"ConcurrentExecutions": most, "UnreservedConcurrentExecutions": most, "TotalCodeSize": 80e9},
        "AccountUsage": {"TotalCodeSize": stored, "FunctionCount": 3},
    }


def test_a_new_accounts_ten_concurrent_executions_are_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(10))
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (WARNING, "Only 10 functions can run at a time")
    assert "request-service-quota-increase --service-code lambda" in found.hint


def test_a_peak_near_the_concurrency_quota_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(1000))
    peaks = {"Id": "peak", "Label": "x", "StatusCode": "Complete", "Timestamps": [1.7e9, 1.8e9], "Values": [900.0, 3.0]}
    quota(proxy, "GetMetricData", {"MetricDataResults": [peaks]})
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.what, found.why) == ("900 functions ran at a time in the last day", "the quota is 1000")


def test_full_code_storage_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, lambda_settings(1000, stored=70e9))
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "65 of 75 GB of Lambda code are used"


def test_few_requests_per_second_are_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, "GET /account", {"throttleSettings": {"rateLimit": 10.0, "burstLimit": 5}})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "API Gateway takes 10 requests per second"


def test_a_tables_quota_that_is_nearly_used_up_is_a_warning(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, "GetServiceQuota", {"Quota": {"Value": 1}})
    (found,) = bad(examine(lambda: again(stack)))
    assert found.what == "1 of 1 tables are used"
    assert "dynamodb" in found.hint
