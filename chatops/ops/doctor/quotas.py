"""How near the stack's account is to what AWS allows it in this region."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from ...aws import Aws, Interrupted
from .finding import Finding, info, ok, warning
from .patient import Patient

NEAR = 0.8
"""The share of a quota from which it deserves a warning."""
FEW_EXECUTIONS = 100
"""New accounts begin with 10 concurrent executions; usual are 1,000.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""
SLOW = 500.0
"""Requests per second; API Gateway gives 10,000, or 2,500 in newer regions."""
TABLES, TABLES_QUOTA = 2500, "L-F98FE922"


def functions(patient: Patient) -> Iterator[Finding]:
    """Lambda's concurrency and code storage.

    https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
    """
    settings = patient.aws.client("lambda").get_account_settings()
    limit, usage = settings["AccountLimit"], settings["AccountUsage"]
    most = limit["ConcurrentExecutions"]
    raise_it = _raise("lambda", "L-B99A9384", 1000, patient)
    if most < FEW_EXECUTIONS:
        why = "each client that connects, writes or leaves takes one for a moment; more are told Too Many Requests"
        yield warning(f"Only {most} functions can run at a time", why, raise_it)
    peak = _peak(patient.aws)
    if peak is not None and peak >= NEAR * most:
        yield warning(f"{peak:.0f} functions ran at a time in the last day", f"the quota is {most}", raise_it)
    elif most >= FEW_EXECUTIONS:
        yield ok(f"{most} functions can run at a time", f"the day's peak was {peak:.0f}" if peak is not None else "")
    stored, room = usage["TotalCodeSize"] / 2**30, limit["TotalCodeSize"] / 2**30
    yield _share("GB of Lambda code", stored, room, _raise("lambda", "L-2ACBD22F", 300, patient))


def requests(patient: Patient) -> Iterator[Finding]:
    """What API Gateway takes per second from this account, in all APIs and @connections together.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    """
    throttle = patient.aws.client("apigateway").get_account().get("throttleSettings", {})
    rate, burst = throttle.get("rateLimit"), throttle.get("burstLimit", 0)
    if rate is None:
        yield info("API Gateway's quotas could not be checked", "it does not tell how many requests it takes")
        return
    what = f"API Gateway takes {rate:,.0f} requests per second"
    if rate < SLOW:
        why = f"a broadcast to {rate:,.0f} clients takes a second of it"
        yield warning(what, why, _raise("apigateway", "L-8A5B8E43", 10000, patient))
    else:
        yield ok(what, f"with bursts of {burst:,}; all APIs of the account share them")


def tables(patient: Patient) -> Iterator[Finding]:
    """The number of tables in this region."""
    used = sum(1 for _ in patient.aws.pages("dynamodb", "list_tables", "TableNames"))
    most = TABLES
    try:
        quotas = patient.aws.client("service-quotas")
        most = int(quotas.get_service_quota(ServiceCode="dynamodb", QuotaCode=TABLES_QUOTA)["Quota"]["Value"])
    except Interrupted:
        raise
    except Exception:  # noqa: S110, then it is what AWS gives everyone
        pass
    yield _share("tables", used, most, _raise("dynamodb", TABLES_QUOTA, most * 2, patient))


def roles(patient: Patient) -> Iterator[Finding]:
    """The number of roles in the account; every function has one."""
    summary = patient.aws.client("iam").get_account_summary()["SummaryMap"]
    yield _share("roles", summary["Roles"], summary["RolesQuota"], _raise("iam", "L-FE177D64", 5000, patient))


def _share(what: str, used: float, most: float, hint: str) -> Finding:
    told = f"{used:,.0f} of {most:,.0f} {what} are used"
    if used >= NEAR * most:
        return warning(told, "what does not fit any more cannot be created", hint)
    return ok(told)


def _raise(service: str, code: str, value: int, patient: Patient) -> str:
    region = "us-east-1" if service == "iam" else patient.aws.region
    asked = f"--service-code {service} --quota-code {code} --desired-value {value} --region {region}"
    return f"aws service-quotas request-service-quota-increase {asked}"


def _peak(aws: Aws) -> float | None:
    """The most functions that ran at a time in the last day; nothing while CloudWatch knows of none.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html
    """
    now = datetime.now(timezone.utc)
    metric = {"Namespace": "AWS/Lambda", "MetricName": "ConcurrentExecutions"}
    query = {"Id": "peak", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Maximum"}}
    answer = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(days=1), EndTime=now
    )
    values = answer["MetricDataResults"][0]["Values"] if answer["MetricDataResults"] else []
    return max(values, default=None)
