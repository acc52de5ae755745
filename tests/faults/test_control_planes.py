"""How much is asked of AWS, how fast, and how much of it at a time, counted at the proxy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from chatops.aws import RATES
from chatops.aws.refusal import absent_is_fine

from .bench import SMALL, Bench
from .calls import Request
from .proxy import CLEAR, Fault, Kind, Weather

BUDGETS = {"first up": 175, "second up": 50, "down": 165}
"""Calls that the default stack may take at most."""
OTHERS = 10
"""Calls a second that the other services take of one operation, at least: CloudWatch Logs and DynamoDB's control plane.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
"""


@pytest.mark.exhaustive
def test_no_control_plane_is_asked_faster_than_it_takes(bench: Bench, figure: Callable[[str], None]) -> None:
    bench.pace = None
    limits = {"apigatewayv2": RATES["apigatewayv2"], "lambda": RATES["lambda"]}
    for title, verb in (("first up", "up"), ("second up", "up"), ("down", "down")):
        bench.weather(Weather(rates=limits))
        finished = bench.run(verb, "--yes")
        assert finished.code == 0, finished
        counts = Counter(call.request.service for call in bench.proxy.trace)
        refused = [call for call in bench.proxy.trace if call.status == 429]
        for service, (rate, burst) in RATES.items():
            assert bench.proxy.busiest(1.0, service) <= burst + rate + 1
            assert bench.proxy.most_in_flight(service) <= burst
        asked = {(call.request.service, call.request.operation) for call in bench.proxy.trace}
        for service, operation in sorted(one for one in asked if one[0] not in RATES):
            assert bench.proxy.busiest(1.0, service, operation) <= OTHERS, f"{service}.{operation}"
        # Both count by clocks of their own: one that comes a moment early is refused, and made again.
        assert len(refused) <= 3, [call.request.label for call in refused]
        told = ", ".join(f"{service} {number}" for service, number in sorted(counts.items()))
        figure(f"calls of {title}: {counts.total()} ({told}), {len(bench.proxy.writes)} of them writes")
        assert counts.total() <= BUDGETS[title]
        if title == "second up":
            assert bench.proxy.writes == []


@pytest.mark.parametrize("command", [("up", "--yes"), ("plan", "--check")], ids=lambda one: one[0])
def test_a_stack_in_sync_is_read_with_few_calls_and_nothing_is_written(bench: Bench, command: tuple[str, ...]) -> None:
    bench.up()
    bench.proxy.plan()
    bench.must(*command)
    assert len(bench.proxy.trace) <= BUDGETS["second up"]
    assert bench.proxy.writes == []
    asked = Counter((call.request.label, str(call.request.parameters)) for call in bench.proxy.trace)
    assert [one for one, times in asked.items() if times > 1] == []


@pytest.mark.slow
def test_one_changed_handler_is_one_upload_and_only_its_function_is_looked_at_again(bench: Bench) -> None:
    config = bench.write("")
    bench.up(config)
    with (bench.folder / "handlers" / "connect.py").open("a") as file:
        file.write("CHANGED = True\n")
    bench.proxy.plan()
    finished = bench.up(config)
    assert finished.last["updated"] == ["function.websocket-connect"]
    (upload,) = bench.proxy.writes
    assert upload.request.label == "lambda.UpdateFunctionCode websocket-connect"
    after = [call.request for call in bench.proxy.trace if call.started >= upload.ended]
    assert after
    assert {one.operation for one in after} <= {"GetFunctionConfiguration", "GetFunction"}
    assert {one.subject for one in after} == {"websocket-connect"}


@pytest.mark.exhaustive
def test_what_somebody_deletes_while_down_runs_is_no_error(bench: Bench) -> None:
    file = bench.write("http_apis:\n")
    bench.up(file)
    api_id = bench.api_id()
    bench.weather(CLEAR, Fault(Kind.DELAYED, number=1, seconds=3.0))
    running = bench.start("down", "--yes", config=file)
    while not bench.proxy.broken:
        running.process.join(0.02)
        assert running.process.exitcode is None
    by_hand: list[Callable[[], object]] = [
        lambda: bench.client("lambda").delete_function(FunctionName="websocket-send"),
        lambda: bench.client("logs").delete_log_group(logGroupName="/aws/lambda/websocket-connect"),
        lambda: bench.client("dynamodb").delete_table(TableName="websocket-connections"),
        lambda: bench.client("apigatewayv2").delete_api(ApiId=api_id),
    ]
    deleted = 0
    for delete in by_hand:
        with absent_is_fine():  # `down` was there first
            delete()
            deleted += 1
    assert deleted
    ended = running.end()
    assert ended.code == 0, ended
    assert bench.names() == []


@pytest.mark.parametrize(
    ("times", "code"), [(1, 0), pytest.param(99, 1, marks=pytest.mark.exhaustive)], ids=["once", "for ever"]
)
@pytest.mark.slow
def test_a_log_group_that_a_last_invocation_brings_back_is_deleted_again(bench: Bench, times: int, code: int) -> None:
    file = bench.write(SMALL)
    bench.up(file)
    group, seen = "/aws/lambda/send", Counter[str]()

    def invoke(request: Request) -> None:
        """Brings the group back: at first once it was seen to be gone, later as soon as it is."""
        about = str({**request.parameters})
        if group not in about:
            return
        seen[request.operation] += 1
        is_time = request.operation == ("DeleteLogGroup" if seen["back"] else "DescribeLogGroups")
        if seen["DeleteLogGroup"] and is_time and seen["back"] < times:
            bench.client("logs").create_log_group(logGroupName=group)
            seen["back"] += 1

    bench.proxy.plan()
    bench.proxy.after = invoke
    finished = bench.run("down", "--yes", config=file)
    assert seen["back"]
    assert finished.code == code, finished
    name = f"log_group.{group}"
    assert finished.last["failed"] == ([name] if code else [])
    assert (name in finished.last["deleted"]) is not bool(code)
    assert bench.names() == ([group] if code else [])


@pytest.mark.parametrize(
    "kind",
    [pytest.param(one, marks=pytest.mark.exhaustive) for one in (Kind.ERROR, Kind.RESET, Kind.LOST_CALL)]
    + [Kind.THROTTLED],
    ids=lambda one: one.name,
)
def test_a_call_that_fails_three_times_is_made_again(bench: Bench, kind: Kind) -> None:
    file = bench.write("http_apis:\n")
    bench.weather(CLEAR, Fault(kind, label="apigatewayv2.CreateRoute $connect", times=3))
    bench.up(file)
    assert len(bench.proxy.broken) == 3
    assert bench.run("plan", "--check", config=file).code == 0
