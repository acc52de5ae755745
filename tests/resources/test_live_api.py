"""What an API holds now, also while it goes."""

from __future__ import annotations

from typing import Any

from chatops.resources.live_api import integration_id, see

from .api_gateway import functions, known
from .stand import Scripted, ScriptedAws, client_error, websocket_stage


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
    seen = see(ScriptedAws(apigatewayv2=client, lambda_=functions()), "abc", [], deployments_too=True)
    assert list(seen.routes) == ["$connect"] and list(seen.integrations) == ["i1"] and list(seen.stages) == ["demo"]
    assert seen.deployments == {"d1": "chatops 01", "d2": ""}
    assert integration_id(seen.routes["$connect"]) == "i1"
    assert integration_id({"RouteKey": "x"}) == ""


def test_deployments_are_listed_only_for_who_deploys() -> None:
    client = listing()
    see(ScriptedAws(apigatewayv2=client), "abc", [], deployments_too=False)
    assert "get_deployments" not in client.called()


def test_the_policies_of_functions_that_routes_lead_to_by_hand_are_read_too() -> None:
    arn = "arn:aws:lambda:ap-northeast-2:123456789012:function"
    path = "arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions"
    uris = [f"{path}/{arn}:send/invocations", f"{path}/{arn}:theirs:live/invocations", f"{arn}:page", "http://x"]
    integrations = [{"IntegrationId": str(number), "IntegrationUri": uri} for number, uri in enumerate(uris)]
    client, policies = listing(get_integrations=[*integrations, {"IntegrationId": "none"}]), functions()
    seen = see(ScriptedAws(apigatewayv2=client, lambda_=policies), "abc", ["send", "connect"], deployments_too=False)
    assert sorted(seen.policies) == ["connect", "page", "send", "theirs"]
    assert sorted(one["FunctionName"] for one in policies.given("get_policy")) == ["connect", "page", "send", "theirs"]
