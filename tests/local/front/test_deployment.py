from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.local.front.catalog import Catalog
from chatops.local.front.deployment import Deployment, Integration, Route, Stage
from chatops.local.front.throttle import Limit

ARN = "arn:aws:lambda:ap-northeast-2:000000000000:function:send"
DEPLOYMENT = Deployment(
    "d1",
    "$request.body.action",
    {
        "$connect": Route("$connect", "AWS_IAM"),
        "say": Route(
            "say", two_way=True, integration=Integration("AWS_PROXY", ARN, 1.5, "arn:aws:iam::000000000000:role/r")
        ),
        "$default": Route("$default", integration=Integration("MOCK")),
    },
)


def test_a_snapshot_that_cannot_be_written_is_told_and_kept_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "a file where the folder should be"
    file.touch()
    aws: Any = SimpleNamespace(endpoint_url="", forward_header={})
    catalog = Catalog(aws, file, lambda *_: None)
    assert catalog._remember("api1", DEPLOYMENT) == DEPLOYMENT
    assert "is not kept for another start" in caplog.text


def test_a_deployment_comes_back_from_json_as_it_was() -> None:
    assert Deployment.from_dict(json.loads(json.dumps(DEPLOYMENT.to_dict()))) == DEPLOYMENT


@pytest.mark.parametrize(
    ("uri", "function"),
    [
        (f"arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{ARN}/invocations", ARN),
        (f"arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{ARN}:live/invocations", f"{ARN}:live"),
        (ARN, ARN),
        ("https://example.com/", None),
    ],
)
def test_the_function_is_found_in_an_integration_s_uri(uri: str, function: str | None) -> None:
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html"""
    assert Integration("AWS_PROXY", uri).function_arn == function


def test_a_stage_knows_its_routes_their_arns_and_their_limits() -> None:
    stage = Stage("api1", "demo", DEPLOYMENT, "arn:aws:execute-api:r:0:", Limit(1, 2), {"say": Limit(3, 4)})
    assert stage.arn("$connect") == "arn:aws:execute-api:r:0:api1/demo/$connect"
    assert [route.key for key in ("say", "dance") if (route := stage.route(key))] == ["say", "$default"]
    assert (stage.limit_of("say"), stage.limit_of("$connect")) == (Limit(3, 4), Limit(1, 2))
