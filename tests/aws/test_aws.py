"""AWS as seen from one account and region: names, addresses and waiting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError

from chatops import aws as aws_module
from chatops.aws import RATES, Aws, Interrupted, TimedOut
from chatops.aws.rate import RateLimit
from chatops.aws.refusal import code
from chatops.session import forget_credentials

from .calls import SEOUL, local, refused
from .conftest import Clock


@pytest.mark.parametrize("service", sorted(RATES))
def test_every_call_to_a_control_plane_waits_for_its_turn(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[tuple[float, float]] = []

    class Counting(RateLimit):
        def __init__(self, rate: float, burst: float, stop: threading.Event | None = None) -> None:
            self.told = (rate, burst)

        def wait(self) -> None:
            turns.append(self.told)

    monkeypatch.setattr(aws_module, "RateLimit", Counting)
    meta = Aws(SEOUL, keys=("test", "test")).client(service).meta
    sent = f"before-send.{meta.service_model.service_id.hyphenize()}.AnyOperation"
    for _ in range(3):
        meta.events.emit(sent, request=AWSPreparedRequest("POST", "https://example.com", {}, b"", False))
    assert turns == [RATES[service]] * 3


@pytest.mark.parametrize(("lambda_url", "is_limited"), [("", False), ("http://127.0.0.1:3", True)])
def test_only_the_local_aws_is_called_without_a_rate_limit(
    lambda_url: str, is_limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[float, float]] = []
    monkeypatch.setattr(aws_module, "RateLimit", lambda rate, burst, stop: made.append((rate, burst)))
    local_aws = Aws(SEOUL, endpoint_url="http://127.0.0.1:1", front_url="http://127.0.0.1:2", keys=("test", "test"))
    local_aws.client("lambda", lambda_url or None)
    assert made == ([RATES["lambda"]] if is_limited else [])


def test_the_burst_of_each_control_plane_is_what_aws_documents() -> None:
    assert RATES["apigatewayv2"] == (10, 40)
    assert RATES["lambda"][0] == 15


def test_what_is_ready_is_not_waited_for(clock: Clock) -> None:
    assert local(stop=clock).wait_until(lambda: "ready", what="x") == "ready"
    assert clock.waits == []


def test_what_gets_ready_is_asked_ever_less_often(clock: Clock) -> None:
    answers = iter([None] * 8 + ["ready"])
    assert local(stop=clock).wait_until(lambda: next(answers), what="x") == "ready"
    assert clock.waits == sorted(clock.waits)
    assert (len(clock.waits), clock.waits[0] < 0.5, clock.waits[-1] <= 1.5) == (8, True, True)


def test_what_never_gets_ready_is_told_after_the_limit(clock: Clock) -> None:
    with pytest.raises(TimedOut, match="making tea took more than 60 seconds"):
        local(stop=clock).wait_until(lambda: None, what="making tea", limit=60)
    assert 60 <= clock.now - 1000 <= 62


def test_a_stop_ends_every_wait(clock: Clock) -> None:
    clock.set()
    with pytest.raises(Interrupted):
        local(stop=clock).wait_until(lambda: None, what="x")
    with pytest.raises(Interrupted):
        local(stop=clock).pause(60)


def test_a_call_that_is_refused_for_a_while_is_made_again(clock: Clock) -> None:
    told: list[str] = []
    answers: list[Any] = [refused("Busy"), refused("Busy"), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    aws = local(stop=clock)
    assert aws.retry(call, when=lambda error: code(error) == "Busy", say=told.append, text="busy") == "done"
    assert len(clock.waits) == 2
    assert told[0] == "busy (0 s, 90 s left)"


def test_a_call_that_is_refused_for_ever_raises_the_refusal_after_the_limit(clock: Clock) -> None:
    def call() -> None:
        raise refused("Busy")

    with pytest.raises(ClientError, match="Busy"):
        local(stop=clock).retry(call, when=lambda _: True, say=lambda _: None, text="busy", limit=20)
    assert 20 <= clock.now - 1000 <= 24


def test_another_refusal_is_raised_at_once(clock: Clock) -> None:
    def call() -> None:
        raise refused("AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        local(stop=clock).retry(call, when=lambda error: code(error) == "Busy", say=lambda _: None, text="busy")
    assert clock.waits == []


def test_calls_together_are_made_at_the_same_time_and_answered_in_order() -> None:
    meet = threading.Barrier(3, timeout=30)

    def call(number: int) -> int:
        meet.wait()
        return number

    assert local().together(lambda: call(1), lambda: call(2), lambda: call(3)) == [1, 2, 3]
    assert local().together() == []


def test_an_error_of_a_call_together_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        local().together(lambda: 1, lambda: 1 // 0)


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        (SEOUL, "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_a_region_knows_its_partition_and_domain(region: str, partition: str, suffix: str) -> None:
    aws = Aws(region, keys=("test", "test"))
    assert (aws.partition, aws.dns_suffix) == (partition, suffix)
    assert aws.websocket_url("abc", "demo") == f"wss://abc.execute-api.{region}.{suffix}/demo"
    assert aws.connections_url("abc", "demo") == f"https://abc.execute-api.{region}.{suffix}/demo"
    assert aws.http_url("abc") == f"https://abc.execute-api.{region}.{suffix}"


def test_addresses_behind_an_endpoint_are_under_it_with_or_without_a_slash() -> None:
    for url in ("http://127.0.0.1:4566", "http://127.0.0.1:4566/"):
        aws = local(url)
        assert aws.websocket_url("abc", "demo") == "ws://127.0.0.1:4566/_aws/execute-api/abc/demo"
        assert aws.connections_url("abc", "demo") == "http://127.0.0.1:4566/_aws/execute-api/abc/demo"
        assert aws.http_url("abc") == "http://127.0.0.1:4566/_aws/execute-api/abc"


def test_an_arn_names_account_and_region_or_leaves_them_out() -> None:
    aws = local()
    aws.__dict__["account"] = "123456789012"
    assert aws.arn("dynamodb", "table/t") == f"arn:aws:dynamodb:{SEOUL}:123456789012:table/t"
    assert aws.arn("iam", "role/r", region=False) == "arn:aws:iam::123456789012:role/r"
    assert aws.arn("apigateway", "/apis/a", account=False) == f"arn:aws:apigateway:{SEOUL}::/apis/a"


def test_the_account_is_asked_for_once(moto: Callable[[], None]) -> None:
    aws = Aws(SEOUL, keys=("test", "test"))
    assert aws.account == "123456789012"
    aws.client("sts").get_caller_identity = None
    assert aws.account == "123456789012"


def test_a_client_is_made_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = Aws._make_client

    def counting(self: Aws, service: str, endpoint_url: str | None) -> Any:
        made.append(service)
        return make(self, service, endpoint_url)

    monkeypatch.setattr(Aws, "_make_client", counting)
    aws, meet = local(), threading.Barrier(4, timeout=30)

    def ask() -> Any:
        meet.wait()
        return aws.client("sts")

    with ThreadPoolExecutor(4) as pool:
        clients = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert made == ["sts"]
    assert len({id(one) for one in clients}) == 1


def test_a_client_that_is_there_is_given_while_another_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    aws, making, made = local(), threading.Event(), threading.Event()
    there, make = aws.client("sts"), Aws._make_client

    def slowly(self: Aws, service: str, endpoint_url: str | None) -> Any:
        making.set()
        assert made.wait(30)
        return make(self, service, endpoint_url)

    monkeypatch.setattr(Aws, "_make_client", slowly)
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(aws.client, "iam")
        try:
            assert making.wait(30)
            assert pool.submit(aws.client, "sts").result(timeout=30) is there
        finally:
            made.set()
        assert other.result(timeout=30) is aws.client("iam")


def test_one_service_at_two_addresses_is_two_clients() -> None:
    aws = local()
    one = aws.client("apigatewaymanagementapi", "http://127.0.0.1:1/a/demo")
    assert one is aws.client("apigatewaymanagementapi", "http://127.0.0.1:1/a/demo")
    assert one is not aws.client("apigatewaymanagementapi", "http://127.0.0.1:1/b/demo")


def test_a_local_run_uses_no_proxy_and_no_credentials_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = local().client("sts")
    assert client.meta.config.proxies == {}
    assert client._request_signer._credentials.access_key == "test"


def test_nothing_of_the_users_credentials_is_left_to_a_local_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(key, "mine")
    monkeypatch.setenv("AWS_REGION", SEOUL)
    monkeypatch.setenv("AWS_CONFIG_FILE", "mine")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "mine")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    forget_credentials()
    assert {key: value for key, value in os.environ.items() if key.startswith("AWS_")} == {
        "AWS_REGION": SEOUL,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def test_every_item_of_every_page_is_listed(moto: Callable[[], None]) -> None:
    moto()
    aws = Aws(SEOUL, keys=("test", "test"))
    for number in range(7):
        aws.client("logs").create_log_group(logGroupName=f"group-{number}")
    found = aws.pages("logs", "describe_log_groups", "logGroups", PaginationConfig={"PageSize": 2})
    assert [one["logGroupName"] for one in found] == [f"group-{number}" for number in range(7)]
