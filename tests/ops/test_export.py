"""The CloudFormation template of a stack, as cfn-lint and a reader see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatops import config as configs
from chatops.errors import UsageError
from chatops.ops.export import WRITERS, Export, export
from chatops.starter import put

from ..resources.stand import walk_kinds
from ..sizes import every

REGIONS = ["ap-northeast-2", "us-east-1"]
EVERYTHING = """
prefix: dev-
table: {name: people, key: id}
functions:
  connect: {source: handlers/connect.py, allow: [dynamodb:PutItem], reserved_concurrency: 5}
  send:
    source: handlers/send.py
    allow: [dynamodb:Scan, execute-api:ManageConnections, {action: s3:GetObject, resource: "arn:aws:s3:::mine/*"}]
    environment: {GREETING: "${not.a.reference} $plain"}
  page: {source: handlers/page.py, environment: {WEBSOCKET_URL: "{websocket_url}"}}
websocket:
  stage: prod
  auth: iam
  allowed_origins: ["https://example.com"]
  throttle: {rate: 10, burst: 20, routes: {$default: {rate: 5, burst: 5}}}
  routes: {$connect: connect, say-it: send, sayIt: send, $default: send}
http_apis:
  page: {routes: {GET /: page, "ANY /a/{b+}": page}}
"""


@pytest.fixture
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> Export:
    file = tmp_path / "config.yaml"
    file.write_text(request.param, encoding="utf-8")
    return export(configs.load(file))


def of(made: Export, kind: str) -> dict[str, Any]:
    """The properties of everything of one kind, by logical name."""
    resources = made.template["Resources"].items()
    return {key: one["Properties"] for key, one in resources if one["Type"] == f"AWS::{kind}"}


@pytest.mark.parametrize(
    "exported", every(3, [EVERYTHING, "", "http_apis: {}"]), ids=["all", "default", "chat"], indirect=True
)
def test_cfn_lint_finds_nothing_to_say(exported: Export) -> None:
    from cfnlint.api import lint  # loads for seconds

    assert [str(one) for one in lint(json.dumps(exported.template), regions=REGIONS)] == []


@pytest.mark.parametrize("exported", [EVERYTHING], indirect=True)
def test_text_of_the_config_is_no_reference(exported: Export) -> None:
    (environment,) = (
        one["Environment"]["Variables"]
        for one in of(exported, "Lambda::Function").values()
        if "GREETING" in one["Environment"]["Variables"]
    )
    assert environment["GREETING"] == "${not.a.reference} $plain"


@pytest.mark.parametrize("exported", [EVERYTHING], indirect=True)
def test_names_that_differ_in_signs_only_stay_different(exported: Export) -> None:
    keys = {key: one["RouteKey"] for key, one in of(exported, "ApiGatewayV2::Route").items()}
    assert sorted(keys.values()) == sorted(["$connect", "say-it", "sayIt", "$default", "GET /", "ANY /a/{b+}"])


@pytest.mark.parametrize("exported", [EVERYTHING], indirect=True)
def test_the_limits_and_the_authorization_are_in_it(exported: Export) -> None:
    routes = of(exported, "ApiGatewayV2::Route").values()
    assert {one["RouteKey"]: one["AuthorizationType"] for one in routes}["$connect"] == "AWS_IAM"
    (stage,) = (one for one in of(exported, "ApiGatewayV2::Stage").values() if one["StageName"] == "prod")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 10.0, "ThrottlingBurstLimit": 20}
    assert stage["RouteSettings"] == {"$default": {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 5}}
    reserved = [one.get("ReservedConcurrentExecutions") for one in of(exported, "Lambda::Function").values()]
    assert reserved == [5, None, None]


def test_other_routes_make_another_deployment_and_other_code_another_key(tmp_path: Path) -> None:
    handler = tmp_path / "own.py"
    handler.write_text("def lambda_handler(event, context): return {}\n")
    file = tmp_path / "config.yaml"

    def made(routes: str) -> tuple[list[str], list[str]]:
        text = f"functions: {{own: {{source: own.py}}}}\nwebsocket: {{routes: {routes}}}\nhttp_apis: {{}}\n"
        file.write_text(text)
        one = export(configs.load(file))
        return list(of(one, "ApiGatewayV2::Deployment")), list(one.code)

    first = made("{$default: own}")
    assert made("{$default: own}") == first
    deployments, code = made("{$default: own, more: own}")
    assert deployments != first[0] and code == first[1]
    handler.write_text("def lambda_handler(event, context): return 1\n")
    assert made("{$default: own}")[1] != first[1]


@pytest.mark.parametrize("exported", [""], indirect=True)
def test_it_names_no_account_and_no_region_and_carries_no_tag_of_chatops(exported: Export) -> None:
    text = json.dumps(exported.template)
    assert "ap-northeast-2" not in text and "chatops:stack" not in text
    assert "\\u0000" not in text


def test_every_kind_of_resource_can_be_exported() -> None:
    assert set(walk_kinds()) == set(WRITERS)


def test_files_that_were_changed_are_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path, {"template.yaml": b"one"})
    (tmp_path / "template.yaml").write_bytes(b"mine")
    with pytest.raises(UsageError, match="differ"):
        put(tmp_path, {"template.yaml": b"one", "other": b"two"})
    assert not (tmp_path / "other").exists()
    assert put(tmp_path, {"template.yaml": b"one"}, force=True) == [tmp_path / "template.yaml"]
