"""What AWS refuses for a while is asked for again, whichever call it is, and botocore is left all else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

import chatops.resources
from chatops.aws import Aws, Interrupted
from chatops.deploy.resource import listen

API: dict[str, Any] = {"ApiId": "abc"}
STAGE = {**API, "StageName": "demo"}
WRITES: dict[str, dict[str, Any]] = {
    "create_api": {"Name": "chat", "ProtocolType": "HTTP"},
    "update_api": API,
    "delete_api": API,
    "create_integration": {**API, "IntegrationType": "AWS_PROXY"},
    "delete_integration": {**API, "IntegrationId": "i"},
    "create_route": {**API, "RouteKey": "$connect"},
    "update_route": {**API, "RouteId": "r"},
    "delete_route": {**API, "RouteId": "r"},
    "create_deployment": API,
    "delete_deployment": {**API, "DeploymentId": "d"},
    "create_stage": STAGE,
    "update_stage": STAGE,
    "delete_stage": STAGE,
    "delete_route_settings": {**STAGE, "RouteKey": "$connect"},
    "tag_resource": {"ResourceArn": "arn:aws:apigateway:ap-northeast-2::/apis/abc", "Tags": {"a": "b"}},
}
"""Every call by which an API is changed, with what it takes."""
CONCURRENT = (409, "ConflictException", "Unable to complete operation due to concurrent modification. Try again later.")
THROTTLED = (429, "TooManyRequestsException", "Too Many Requests")
FINE = (200, "", "")


class Service:
    """One service of AWS that gives its answers in order, and the last one for ever; time passes while one waits."""

    def __init__(self, aws: Aws, service: str, monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, str, str]) -> None:
        self.answers, self.asked, self.now = list(answers), 0, 0.0
        self.told: list[str] = []
        self.client = aws.client(service)
        self.client.meta.events.register("before-send", self._answer)
        listen(self.told.append)
        monkeypatch.setattr("chatops.aws.patience.time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=self._pass))
        monkeypatch.setattr(aws, "stop", SimpleNamespace(wait=self._pass))
        self._is_stopped = False

    def stop(self) -> None:
        """Ends the run at its next wait."""
        self._is_stopped = True

    def _pass(self, seconds: float) -> bool:
        self.now += seconds
        assert self.now < 1000, "somebody waits for ever"
        return self._is_stopped

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.asked += 1
        status, code, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = json.dumps({"message": text, "__type": code}).encode() if code else b"{}"
        response = AWSResponse(request.url, status, {"x-amzn-ErrorType": code} if code else {}, None)
        response._content = body
        return response


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    monkeypatch.setattr("chatops.aws.RATES", {})
    aws = Aws("ap-northeast-2", endpoint_url="http://127.0.0.1:1", keys=("test", "test"))
    return lambda name, *answers: Service(aws, name, monkeypatch, *answers)


def test_every_call_by_which_an_api_is_changed_is_tried_here() -> None:
    text = "".join(file.read_text() for file in Path(chatops.resources.__path__[0]).glob("*.py"))
    verbs = r"\.((?:create|update|delete|put|tag|untag|reset|import)_(?:\w+))\(\s*(?:ApiId|ResourceArn|Name)="
    made = {name for name in re.findall(verbs, text) if hasattr(Aws("x", keys=("a", "b")).client("apigatewayv2"), name)}
    assert made <= set(WRITES)
    assert len(made) > 10


@pytest.mark.parametrize("operation", sorted({*WRITES} - {"delete_api"}))
def test_a_change_of_an_api_that_meets_another_one_is_made_again(
    service: Callable[..., Service], operation: str
) -> None:
    gateway = service("apigatewayv2", *[CONCURRENT] * 12, FINE)
    getattr(gateway.client, operation)(**WRITES[operation])
    assert gateway.asked == 13
    assert gateway.told[0].startswith("apigatewayv2 does not take ")
    assert re.search(r" \(\d+ s, \d+ s left\)$", gateway.told[-1])


@pytest.mark.parametrize(
    ("name", "operation", "refusal"),
    [
        ("apigatewayv2", "get_apis", THROTTLED),
        ("lambda", "list_functions", THROTTLED),
        ("logs", "describe_log_groups", (400, "ThrottlingException", "Rate exceeded")),
        ("dynamodb", "list_tables", (400, "ThrottlingException", "Rate exceeded")),
    ],
)
def test_every_service_that_is_asked_too_much_is_asked_again_for_a_minute_at_least(
    service: Callable[..., Service], name: str, operation: str, refusal: tuple[int, str, str]
) -> None:
    asked = service(name, refusal)
    with pytest.raises(ClientError, match=refusal[1]):
        getattr(asked.client, operation)()
    assert 60 <= asked.now <= 100
    assert len(asked.told) == asked.asked - 1 > 20


def test_a_refusal_of_another_kind_is_raised_at_once(service: Callable[..., Service]) -> None:
    gateway = service("apigatewayv2", (409, "ConflictException", "Route with key $connect already exists for this API"))
    with pytest.raises(ClientError, match="already exists"):
        gateway.client.create_route(**WRITES["create_route"])
    assert (gateway.asked, gateway.now, gateway.told) == (1, 0, [])


def test_an_error_of_aws_itself_is_left_to_botocore(service: Callable[..., Service]) -> None:
    gateway = service("apigatewayv2", (500, "InternalFailure", "Oh."), FINE)
    gateway.client.get_apis()
    assert (gateway.asked, gateway.told) == (2, [])


def test_a_deletion_of_an_api_that_is_throttled_is_left_to_who_makes_it(service: Callable[..., Service]) -> None:
    gateway = service("apigatewayv2", THROTTLED)
    with pytest.raises(ClientError, match="TooManyRequests"):
        gateway.client.delete_api(**API)
    assert (gateway.asked, gateway.now) == (1, 0)


def test_a_run_that_is_stopped_asks_no_more(service: Callable[..., Service]) -> None:
    gateway = service("apigatewayv2", THROTTLED)
    gateway.stop()
    with pytest.raises(Interrupted):
        gateway.client.get_apis()
    assert gateway.asked == 1
