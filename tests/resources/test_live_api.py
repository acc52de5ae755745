"""What an API holds now, also while it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatops.resources import permission
from chatops.resources.live_api import integration_id, see

from .api_gateway import functions, known
from .stand import STACK, Scripted, ScriptedAws, client_error, websocket_stage


def test_an_api_that_goes_while_its_stage_is_observed_leaves_nothing() -> None:
    gone = client_error("NotFoundException", status=404)
    client = Scripted(**dict.fromkeys(("get_routes", "get_integrations", "get_stages", "get_deployments"), gone))
    assert websocket_stage().observe(ScriptedAws(apigatewayv2=client, lambda_=functions()), known) is None


def listing(**items: list[dict[str, Any]]) -> Scripted:
    """An API Gateway that lists these, by operation."""
    operations = ("get_routes", "get_integrations", "get_stages", "get_deployments")
    return Scripted(**{name: {"Items": items.get(name, [])} for name in operations})


def test_everything_is_kept_by_what_names_it() -> None:
    client = listing(
        get_routes=[{"RouteKey": "$connect", "RouteId": "r1", "Target": "integrations/i1"}],
        get_integrations=[{"IntegrationId": "i1"}],
        get_stages=[{"StageName": "demo", "DeploymentId": "d1"}],
        get_deployments=[{"DeploymentId": "d1", "Description": "chatops 01"}, {"DeploymentId": "d2"}],
    )
    seen = see(ScriptedAws(apigatewayv2=client, lambda_=functions()), "abc", STACK, {}, deployments_too=True)
    assert list(seen.routes) == ["$connect"] and list(seen.integrations) == ["i1"] and list(seen.stages) == ["demo"]
    assert seen.deployments == {"d1": "chatops 01", "d2": ""}
    assert integration_id(seen.routes["$connect"]) == "i1"
    assert integration_id({"RouteKey": "x"}) == ""


def test_deployments_are_listed_only_for_who_deploys() -> None:
    client = listing()
    see(ScriptedAws(apigatewayv2=client), "abc", STACK, {}, deployments_too=False)
    assert "get_deployments" not in client.called()


def test_the_policies_of_functions_that_routes_lead_to_by_hand_are_read_too() -> None:
    arn = "arn:aws:lambda:ap-northeast-2:123456789012:function"
    path = "arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions"
    uris = [f"{path}/{arn}:send/invocations", f"{path}/{arn}:theirs:live/invocations", f"{arn}:page", "http://x"]
    integrations = [{"IntegrationId": str(number), "IntegrationUri": uri} for number, uri in enumerate(uris)]
    client, policies = listing(get_integrations=[*integrations, {"IntegrationId": "none"}]), functions()
    known = {"send": STACK, "connect": STACK}
    seen = see(ScriptedAws(apigatewayv2=client, lambda_=policies), "abc", STACK, known, deployments_too=False)
    assert sorted(seen.policies) == ["connect", "page", "send", "theirs"]
    assert sorted(one["FunctionName"] for one in policies.given("get_policy")) == ["connect", "page", "send", "theirs"]


ARN = "arn:aws:lambda:ap-northeast-2:123456789012:function:theirs"


def policies_seen(
    *sources: Any, uri: str = ARN, owners: dict[str, str | None] | None = None, **answers: Any
) -> tuple[dict[str, Any], Scripted]:
    """The sources of the statements that may be changed, by function, where one integration leads to `uri`."""
    principal = {"Service": "apigateway.amazonaws.com"}
    statements = [
        {"Sid": str(number), "Principal": principal, "Condition": {"ArnLike": {"AWS:SourceArn": one}} if one else {}}
        for number, one in enumerate(sources)
    ]
    client = Scripted(get_policy={"Policy": json.dumps({"Statement": statements})}, **answers)
    gateway = listing(get_integrations=[{"IntegrationId": "i1", "IntegrationUri": uri}])
    aws = ScriptedAws(apigatewayv2=gateway, lambda_=client)
    seen = see(aws, "abc", STACK, owners or {}, deployments_too=False)
    return {name: [permission.source(one) for one in found] for name, found in seen.policies.items()}, client


BEFORE = "arn:aws:execute-api:ap-northeast-2:123456789012"
EXACT, ANY_ROUTE = f"{BEFORE}:abc/demo/$connect", f"{BEFORE}:abc/*"
WIDE = [None, "*", f"{BEFORE}:*", f"{BEFORE}:a*/demo/x", f"{BEFORE}:ab?/*", "arn:aws:s3:::abc", f"{BEFORE}:*/abc/x"]


def function_of(owner: str | None) -> dict[str, Any]:
    return {"get_function": {"Configuration": {}, "Tags": {"chatops:stack": owner} if owner else {}}}


@pytest.mark.parametrize("owner", [None, "other"])
def test_of_a_foreign_function_only_statements_that_name_this_api_are_seen(owner: str | None) -> None:
    seen, _ = policies_seen(EXACT, ANY_ROUTE, [EXACT, ANY_ROUTE], [EXACT, "*"], *WIDE, **function_of(owner))
    assert seen == {"theirs": [EXACT, ANY_ROUTE, f"{EXACT},{ANY_ROUTE}"]}


def test_of_a_function_of_the_stack_that_the_config_does_not_name_every_statement_is_seen() -> None:
    seen, _ = policies_seen(EXACT, *WIDE, **function_of(STACK))
    assert len(seen["theirs"]) == 1 + len(WIDE)


@pytest.mark.parametrize(("owner", "count"), [(STACK, 2), ("other", 1), (None, 1)])
def test_whose_a_known_function_is_decides_and_nobody_is_asked_again(owner: str | None, count: int) -> None:
    seen, client = policies_seen(EXACT, "*", owners={"theirs": owner})
    assert len(seen["theirs"]) == count
    assert client.called() == ["get_policy"]


def test_whose_a_function_is_makes_no_difference_without_a_wide_statement() -> None:
    seen, client = policies_seen(EXACT)
    assert seen == {"theirs": [EXACT]}
    assert client.called() == ["get_policy"]


def test_a_function_that_goes_meanwhile_is_not_the_stacks() -> None:
    gone = client_error("ResourceNotFoundException")
    assert policies_seen(EXACT, "*", get_function=gone)[0] == {"theirs": [EXACT]}


@pytest.mark.parametrize(
    "uri",
    [
        ARN.replace("123456789012", "999999999999"),
        ARN.replace("ap-northeast-2", "us-east-1"),
        ARN.replace("theirs", "${stageVariables.function}"),
        "http://example.org/arn:aws:lambda:::function:",
    ],
)
def test_a_function_of_another_account_or_region_or_of_a_stage_variable_has_no_policy_here(uri: str) -> None:
    assert policies_seen(EXACT, uri=uri)[0] == {}
