"""What CloudWatch measured: the WebSocket API, and the functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..aws import Aws

COLUMNS = 30
"""The most points of a plot."""
PERIODS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds that one point may cover, so that it begins and ends where a clock's hand would."""
LONGEST = COLUMNS * PERIODS[-1]
"""Seconds. For longer ago CloudWatch keeps ever fewer points, but never fewer than one for each of these periods.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
"""
PERCENTILES = ("p50", "p95", "p99")
QUERIES = 500
"""The most that GetMetricData answers at once."""


@dataclass(frozen=True)
class Metric:
    """One metric of one thing: its name in CloudWatch, what is plotted of it, and what is told beside.

    `statistic` is of each point. Milliseconds have percentiles of the whole time beside them, counts their sum and
    maximum.
    """

    name: str
    label: str
    statistic: str
    unit: str = "Count"


API = (
    Metric("ConnectCount", "connections opened", "Sum"),
    Metric("MessageCount", "messages", "Sum"),
    Metric("ClientError", "client errors", "Sum"),
    Metric("IntegrationError", "integration errors", "Sum"),
    Metric("ExecutionError", "execution errors", "Sum"),
    Metric("IntegrationLatency", "latency, ms", "p95", "Milliseconds"),
)
FUNCTION = (
    Metric("Invocations", "invocations", "Sum"),
    Metric("Errors", "errors", "Sum"),
    Metric("Throttles", "throttles", "Sum"),
    Metric("ConcurrentExecutions", "concurrency", "Maximum"),
    Metric("Duration", "duration, ms", "p95", "Milliseconds"),
)


@dataclass(frozen=True)
class Subject:
    """What is measured: its name in chatops, its namespace and dimensions in CloudWatch, and its metrics."""

    resource: str
    namespace: str
    dimensions: tuple[tuple[str, str], ...]
    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class Series:
    """A metric over time: a value per period, or nothing where none was measured, and figures of the whole time."""

    metric: Metric
    values: tuple[float | None, ...]
    figures: dict[str, float]

    @property
    def is_measured(self) -> bool:
        """True when CloudWatch has a value for any period."""
        return any(value is not None for value in self.values)


@dataclass(frozen=True)
class Measured:
    """All series of all subjects; each point covers `period` seconds, the first one from `start` on, in UTC."""

    start: datetime
    end: datetime
    period: int
    series: dict[str, list[Series]]

    @property
    def is_empty(self) -> bool:
        return not any(one.is_measured for some in self.series.values() for one in some)


def websocket(name: str, api_id: str, stage: str) -> Subject:
    """The WebSocket API's stage."""
    return Subject(f"websocket_api.{name}", "AWS/ApiGateway", (("ApiId", api_id), ("Stage", stage)), API)


def function(name: str) -> Subject:
    """A function."""
    return Subject(f"function.{name}", "AWS/Lambda", (("FunctionName", name),), FUNCTION)


def period_of(seconds: int) -> int:
    """How many seconds a point covers, when all of them cover so many."""
    return next((one for one in PERIODS if seconds <= one * COLUMNS), PERIODS[-1])


def measure(aws: Aws, subjects: Sequence[Subject], seconds: int) -> Measured:
    """What CloudWatch knows of the last so many seconds, up to now."""
    period = period_of(seconds)
    points = max(1, math.ceil(seconds / period))
    end = datetime.fromtimestamp(math.ceil(datetime.now(timezone.utc).timestamp() / period) * period, timezone.utc)
    start = end - timedelta(seconds=points * period)
    times = [start + timedelta(seconds=index * period) for index in range(points)]
    queries = [query for one in subjects for metric in one.metrics for query in _queries(one, metric, period, points)]
    answers = _ask(aws, queries, start, end)

    def series(subject: Subject, metric: Metric) -> Series:
        plot, *percentiles = [answers.get(_id(one), {}) for one in _queries(subject, metric, period, points)]
        values = tuple(plot.get(time) for time in times)
        # Where the time lies across two of CloudWatch's own periods, it gives two values: the worse one counts.
        worst = [max(one.values(), default=None) for one in percentiles]
        told = {name: one for name, one in zip(PERCENTILES, worst, strict=False) if one is not None}
        return Series(metric, values, told or _figures(metric, values))

    found = {one.resource: [series(one, metric) for metric in one.metrics] for one in subjects}
    return Measured(start, end, period, found)


def _queries(subject: Subject, metric: Metric, period: int, points: int) -> Iterator[Any]:
    """What to ask for one metric: its plot, and then the percentiles of the whole time, if it has any."""
    dimensions = [{"Name": name, "Value": value} for name, value in subject.dimensions]
    what = {"Namespace": subject.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    yield {"Metric": what, "Period": period, "Stat": metric.statistic}
    if metric.unit == "Milliseconds":
        for percentile in PERCENTILES:
            yield {"Metric": what, "Period": period * points, "Stat": percentile}


def _id(query: Any) -> str:
    """A name for a query, of letters and digits, and the same for the same query."""
    return "q" + hashlib.sha256(json.dumps(query).encode()).hexdigest()[:24]


def _figures(metric: Metric, values: Sequence[float | None]) -> dict[str, float]:
    known = [value for value in values if value is not None]
    if not known:
        return {}
    return {"sum": sum(known), "max": max(known)} if metric.statistic == "Sum" else {"max": max(known)}


def _ask(aws: Aws, queries: Sequence[Any], start: datetime, end: datetime) -> dict[str, dict[datetime, float]]:
    """Asks for all at once, and gives each query's values by their times."""
    answers: dict[str, dict[datetime, float]] = {}
    asked = [{"Id": _id(one), "MetricStat": one} for one in queries]
    span = {"StartTime": start, "EndTime": end}
    for first in range(0, len(asked), QUERIES):
        some = asked[first : first + QUERIES]
        for one in aws.pages("cloudwatch", "get_metric_data", "MetricDataResults", MetricDataQueries=some, **span):
            times = [time.astimezone(timezone.utc) for time in one["Timestamps"]]
            answers.setdefault(one["Id"], {}).update(zip(times, one["Values"], strict=True))
    return answers
