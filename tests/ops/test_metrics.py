"""Metrics: what is asked of CloudWatch, and what is made of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chatops.aws import Aws
from chatops.commands import diagnose
from chatops.ops import metrics
from chatops.ops.metrics import Measured

from ..admin import reset
from .stand_ins import KEYS, REGION, Proxy, proxy_before, stack_of, up

HOUR = 3600
pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(ministack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr("chatops.aws.RATES", {})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("COLUMNS", "80")
    reset(ministack)
    with proxy_before(ministack) as one:
        yield one


@pytest.fixture
def aws(proxy: Proxy) -> Aws:
    return Aws(REGION, endpoint_url=proxy.url, keys=KEYS)


def run(proxy: Proxy, *arguments: str) -> Result:
    where = ["--region", REGION, "--endpoint-url", proxy.url]
    return CliRunner().invoke(diagnose.app, ["metrics", *arguments, *where])


def put(aws: Aws, subject: metrics.Subject, name: str, *values: tuple[float, int]) -> None:
    """Measures values, each so many seconds ago."""
    dimensions = [{"Name": key, "Value": value} for key, value in subject.dimensions]
    now = datetime.now(timezone.utc)
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": now - timedelta(seconds=ago), "Value": value}
        for value, ago in values
    ]
    aws.client("cloudwatch").put_metric_data(Namespace=subject.namespace, MetricData=data)


def series(measured: Measured, name: str) -> metrics.Series:
    (found,) = (one for some in measured.series.values() for one in some if one.metric.name == name)
    return found


API = metrics.websocket("chat", "abc123", "demo")
SEND = metrics.function("send")


@pytest.mark.parametrize(
    ("seconds", "period"),
    [(60, 60), (1800, 60), (HOUR, 120), (6 * HOUR, 900), (86400, 3600), (7 * 86400, 21600), (30 * 86400, 86400)],
)
def test_a_longer_time_has_longer_periods_and_never_more_than_thirty_points(seconds: int, period: int) -> None:
    assert metrics.period_of(seconds) == period
    assert seconds / period <= metrics.COLUMNS


def test_beyond_fifteen_days_periods_are_multiples_of_the_five_minutes_that_cloudwatch_still_has() -> None:
    assert all(metrics.period_of(days * 86400) % 300 == 0 for days in range(15, 31))


def test_counts_have_their_sum_and_highest_point(aws: Aws) -> None:
    put(aws, API, "ConnectCount", (3, 3000), (4, 3000), (2, 600))
    found = series(metrics.measure(aws, [API], HOUR), "ConnectCount")
    assert found.figures == {"sum": 9, "max": 7}
    assert [value for value in found.values if value is not None] == [7, 2], "in the order of time"


def test_what_was_measured_before_the_time_is_not_counted(aws: Aws) -> None:
    put(aws, API, "MessageCount", (5, 100), (1000, 2 * HOUR))
    assert series(metrics.measure(aws, [API], HOUR), "MessageCount").figures["sum"] == 5


def test_another_api_stage_or_function_is_not_counted(aws: Aws) -> None:
    put(aws, metrics.websocket("chat", "other", "demo"), "MessageCount", (5, 100))
    put(aws, metrics.websocket("chat", "abc123", "test"), "MessageCount", (5, 100))
    put(aws, metrics.function("connect"), "Errors", (5, 100))
    assert metrics.measure(aws, [API, SEND], HOUR).is_empty


def test_a_duration_has_the_percentiles_of_the_whole_time(aws: Aws) -> None:
    put(aws, SEND, "Duration", *((float(value), 200 + value) for value in range(1, 101)))
    found = series(metrics.measure(aws, [SEND], HOUR), "Duration")
    assert found.figures["p50"] == pytest.approx(50, abs=2)
    assert found.figures["p95"] == pytest.approx(95, abs=2)
    assert found.figures["p99"] == pytest.approx(99, abs=2)


def test_of_two_percentiles_of_a_divided_time_the_worse_one_counts(proxy: Proxy, aws: Aws) -> None:
    """CloudWatch's own periods may begin in the middle of the time that is asked for."""
    whole = 60 * metrics.COLUMNS
    now = datetime.now(timezone.utc).timestamp()
    border = now - now % whole
    put(aws, SEND, "Duration", (10.0, int(now - border) + 60), (400.0, int(now - border) - 1))
    found = series(metrics.measure(aws, [SEND], whole), "Duration")
    assert found.figures["p99"] == 400.0


def test_everything_is_asked_for_in_one_call(proxy: Proxy, aws: Aws) -> None:
    metrics.measure(aws, [API, *(metrics.function(f"function-{number}") for number in range(10))], HOUR)
    assert [one.operation for one in proxy.seen] == ["GetMetricData"]


def test_more_than_five_hundred_queries_are_divided(proxy: Proxy, aws: Aws) -> None:
    subjects = [metrics.function(f"function-{number}") for number in range(100)]
    put(aws, subjects[-1], "Errors", (1, 100))
    measured = metrics.measure(aws, subjects, HOUR)
    assert len([one for one in proxy.seen if one.operation == "GetMetricData"]) == 2
    assert not measured.is_empty


@pytest.mark.slow
def test_what_has_no_data_says_so_in_text_and_json(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = up(stack_of(tmp_path, aws))
    shown = run(proxy, "--config", str(stack.config.file))
    assert shown.exit_code == 0, shown.output
    assert "function.websocket-send  no data yet" in shown.stdout
    assert "CloudWatch has no data" in shown.stdout
    document = json.loads(run(proxy, "--config", str(stack.config.file), "--json").stdout)
    assert {value for one in document["series"] for value in one["values"]} == {None}


def test_a_stack_that_does_not_exist_has_no_plots_but_an_error(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    shown = run(proxy, "--config", str(stack.config.file), "--json")
    assert (shown.exit_code, json.loads(shown.stdout)["code"]) == (1, "not-deployed")


def test_an_api_of_somebody_elses_with_our_name_is_not_plotted(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    made = aws.client("apigatewayv2").create_api(
        Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    put(aws, metrics.websocket("websocket-api", made["ApiId"], "demo"), "MessageCount", (5, 100))
    put(aws, metrics.function("websocket-send"), "Errors", (2, 100))
    shown = run(proxy, "--config", str(stack.config.file))
    assert "websocket_api.websocket-api  does not exist" in shown.stdout
    assert "messages" not in shown.stdout
    document = json.loads(run(proxy, "--config", str(stack.config.file), "--json").stdout)
    assert document["missing"] == ["websocket_api.websocket-api"]
    assert not [one for one in document["series"] if one["resource"].startswith("websocket_api.")]


@pytest.mark.slow
def test_a_running_stack_is_shown_at_80_columns_without_colour(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = up(stack_of(tmp_path, aws))
    live = stack.websocket.observe(aws, lambda _: None)
    assert live
    api = metrics.websocket(stack.websocket.api, live.outputs["api_id"], stack.websocket.stage)
    put(aws, api, "MessageCount", *((12345.0, ago) for ago in range(180, 3000, 120)))
    put(aws, api, "IntegrationLatency", *((29000.0, ago) for ago in range(180, 3000, 120)))
    put(aws, api, "ExecutionError", (2, 100))
    put(aws, metrics.function("websocket-send"), "Throttles", (1, 100))
    shown = run(proxy, "--config", str(stack.config.file))
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in shown.stdout
    by_label: dict[str, Any] = {line[:20].strip(): line for line in lines}
    assert by_label["messages"].split()[-4:] == ["sum", "296k", "max", "12k"]
    assert by_label["latency, ms"].split()[-6:] == ["p50", "29k", "p95", "29k", "p99", "29k"]
    assert by_label["connections opened"].endswith("no data")
    assert "websocket_api.websocket-api" in lines
    assert "function.websocket-connect  no data yet" in lines


def test_json_holds_every_point(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    put(aws, metrics.function("websocket-send"), "Errors", (2, 100))
    document = json.loads(run(proxy, "--config", str(stack.config.file), "--json", "--since", "30m").stdout)
    assert (document["period_seconds"], document["region"]) == (60, REGION)
    (errors,) = (one for one in document["series"] if one["resource"].endswith("-send") and one["metric"] == "Errors")
    assert (errors["statistic"], errors["unit"], errors["figures"]) == ("Sum", "Count", {"sum": 2, "max": 2})
    assert len(errors["values"]) == 30
    assert sum(value or 0 for value in errors["values"]) == 2


@pytest.mark.parametrize("since", ["30s", "31d", "soon", "-1h"])
def test_a_time_that_cloudwatch_cannot_answer_for_is_wrong_usage(proxy: Proxy, since: str) -> None:
    assert run(proxy, f"--since={since}").exit_code == 2
    assert proxy.seen == []


def test_a_refusal_is_told_and_ends_with_one(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    proxy.refuse(lambda one: one.operation == "GetMetricData", "AccessDenied", "no cloudwatch:GetMetricData", 403)
    shown = run(proxy, "--config", str(stack.config.file))
    assert shown.exit_code == 1
    assert "no cloudwatch:GetMetricData" in shown.stderr
