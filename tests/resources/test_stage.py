"""The stage: routes, integrations, permissions, and whether what exists is live.

Most of it against a local AWS; what that does not do (conflicts, slow and failing deployments) by scripted clients.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chatops.aws import STACK_TAG
from chatops.aws.refusal import absent_is_fine
from chatops.deploy.plan import Action
from chatops.deploy.resource import Blocked, Change, Live, Look
from chatops.resources import throttle
from chatops.resources.deployment import DeploymentFailed
from chatops.resources.stage import HttpStage, Stage, WebSocketStage
from chatops.resources.throttle import Limit

from . import stand
from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    client_error,
    differing,
    down,
    function,
    http_stage,
    live,
    outputs,
    plan,
    routes_to,
    stand_aws,
    up,
    websocket_stage,
)


@pytest.fixture
def aws(ministack: str, reset_ministack: Callable[[], None]) -> StandAws:
    reset_ministack()
    return stand_aws(ministack)


def e2e(test: Any) -> Any:
    """Marks a test that needs the local AWS."""
    return pytest.mark.e2e(pytest.mark.xdist_group("ministack")(test))


class Seen:
    """An API as boto3 shows it."""

    def __init__(self, aws: StandAws, stage: Stage) -> None:
        self.gateway = aws.client("apigatewayv2")
        self.api_id = outputs(aws, stage.api)["api_id"]

    def items(self, operation: str) -> list[dict[str, Any]]:
        return list(getattr(self.gateway, operation)(ApiId=self.api_id)["Items"])

    @property
    def routes(self) -> dict[str, dict[str, Any]]:
        return {one["RouteKey"]: one for one in self.items("get_routes")}

    @property
    def integrations(self) -> dict[str, dict[str, Any]]:
        return {one["IntegrationId"]: one for one in self.items("get_integrations")}

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        return {one["StageName"]: one for one in self.items("get_stages")}

    @property
    def deployments(self) -> dict[str, str]:
        return {one["DeploymentId"]: one.get("Description", "") for one in self.items("get_deployments")}

    def integrate(self, uri: str, **more: str) -> str:
        """An integration by hand; gives a route's target."""
        made = self.gateway.create_integration(
            **{
                "ApiId": self.api_id,
                "IntegrationType": "AWS_PROXY",
                "IntegrationMethod": "POST",
                "IntegrationUri": uri,
                **more,
            }
        )
        return f"integrations/{made['IntegrationId']}"

    def deploy(self, description: str = "by hand", stage: str = "demo") -> str:
        """A deployment by hand, and live."""
        made = self.gateway.create_deployment(ApiId=self.api_id, Description=description)
        self.gateway.update_stage(ApiId=self.api_id, StageName=stage, DeploymentId=made["DeploymentId"])
        return str(made["DeploymentId"])


@contextmanager
def listening(aws: StandAws, event: str, handler: Callable[..., None]) -> Iterator[None]:
    """Within it a handler sees every call of one operation before it is made."""
    events = aws.client("apigatewayv2").meta.events
    events.register(event, handler)
    try:
        yield
    finally:
        events.unregister(event, handler)


def allowed(aws: StandAws, name: str = "send") -> list[tuple[str, str]]:
    """The statements of a function's policy: id and source."""
    with absent_is_fine():
        found = json.loads(aws.client("lambda").get_policy(FunctionName=name)["Policy"])["Statement"]
        sources = [one.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*") for one in found]
        return [(one["Sid"], arn) for one, arn in zip(found, sources, strict=True)]
    return []


@e2e
def test_every_route_leads_to_its_function_by_one_integration_per_function(aws: StandAws) -> None:
    stage = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send", "sendMessage": "send"})
    up(aws, stage)
    seen = Seen(aws, stage)
    uris = {
        key: seen.integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        for key, route in seen.routes.items()
    }
    assert {key: uri.split(":function:")[1] for key, uri in uris.items()} == {
        "$connect": "connect/invocations",
        "$default": "send/invocations",
        "sendMessage": "send/invocations",
    }
    assert len(seen.integrations) == 2


@e2e
def test_each_route_may_invoke_its_function_by_its_exact_arn_and_no_other(aws: StandAws) -> None:
    stage = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send", "sendMessage": "send"})
    up(aws, stage)
    before = f"arn:aws:execute-api:ap-northeast-2:{aws.account}:{Seen(aws, stage).api_id}/demo"
    assert [arn for _, arn in allowed(aws, "connect")] == [f"{before}/$connect"]
    assert sorted(arn for _, arn in allowed(aws)) == [f"{before}/$default", f"{before}/sendMessage"]


@e2e
def test_http_routes_may_invoke_by_method_and_path_in_every_stage(aws: StandAws) -> None:
    stage = http_stage("GET /user/{userId}", "ANY /any", "$default")
    up(aws, stage)
    before = f"arn:aws:execute-api:ap-northeast-2:{aws.account}:{Seen(aws, stage).api_id}/*"
    assert sorted(arn for _, arn in allowed(aws)) == [
        f"{before}/$default",
        f"{before}/*/any",
        f"{before}/GET/",
        f"{before}/GET/user/{{userId}}",
    ]


@e2e
@pytest.mark.parametrize("make", [websocket_stage, http_stage])
def test_a_removed_route_is_deleted_with_its_permission(aws: StandAws, make: Callable[..., Stage]) -> None:
    more = "more" if make is websocket_stage else "GET /more"
    up(aws, make(more))
    assert f"routes.{more}" in differing(aws, make())
    up(aws, make())
    seen = Seen(aws, make())
    assert more not in seen.routes
    assert len(seen.routes) == len(allowed(aws)) == 1
    assert plan(aws, make()).in_sync


@e2e
def test_a_route_that_somebody_added_is_a_difference_and_goes(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    target = seen.routes["$connect"]["Target"]
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="backdoor", Target=target)
    assert differing(aws, stage) == ["routes.backdoor"]
    up(aws, stage)
    assert list(seen.routes) == ["$connect"]


@e2e
def test_a_route_that_leads_to_another_function_is_moved_and_what_it_leaves_is_tidied(aws: StandAws) -> None:
    first = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send"})
    second = routes_to(first, **{"$connect": "connect", "$default": "connect"})
    up(aws, first)
    up(aws, second)
    seen = Seen(aws, second)
    assert len(seen.integrations) == 1
    assert allowed(aws) == []
    assert plan(aws, second).in_sync


@e2e
@pytest.mark.parametrize("make", [websocket_stage, http_stage])
def test_an_integration_that_no_route_uses_is_a_difference_and_goes(aws: StandAws, make: Callable[..., Stage]) -> None:
    up(aws, make())
    seen = Seen(aws, make())
    seen.integrate("arn:aws:lambda:ap-northeast-2:000000000000:function:elsewhere")
    assert differing(aws, make()) == ["unused_integrations"]
    up(aws, make())
    assert len(seen.integrations) == 1
    assert plan(aws, make()).in_sync


@e2e
def test_routes_with_an_integration_each_to_one_function_keep_working(aws: StandAws) -> None:
    """What the AWS console makes: an integration per route. AWS refuses to delete one that a route still uses."""
    stage = websocket_stage("more")
    up(aws, stage)
    seen = Seen(aws, stage)
    uri = next(iter(seen.integrations.values()))["IntegrationUri"]
    target = seen.integrate(uri)
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["more"]["RouteId"], Target=target)
    seen.deploy()
    up(aws, stage)
    used = {route["Target"].removeprefix("integrations/") for route in seen.routes.values()}
    assert used == set(seen.integrations), "every route leads to an integration that exists, and none is left over"
    assert plan(aws, stage).in_sync


@e2e
def test_a_route_to_an_integration_that_is_no_proxy_is_repaired(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    target = seen.integrate("http://example.org", IntegrationType="HTTP_PROXY")
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["$connect"]["RouteId"], Target=target)
    assert "routes.$connect.integration" in differing(aws, stage)
    up(aws, stage)
    assert [one["IntegrationType"] for one in seen.integrations.values()] == ["AWS_PROXY"]


@e2e
def test_an_http_integration_with_the_old_payload_format_is_repaired(aws: StandAws) -> None:
    stage = http_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    uri = next(iter(seen.integrations.values()))["IntegrationUri"]
    target = seen.integrate(uri, PayloadFormatVersion="1.0")
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=seen.routes["GET /"]["RouteId"], Target=target)
    assert "routes.GET /.payload_format" in differing(aws, stage)
    up(aws, stage)
    assert [one["PayloadFormatVersion"] for one in seen.integrations.values()] == ["2.0"]
    assert plan(aws, stage).in_sync


@e2e
def test_the_authorization_of_a_route_is_kept_as_the_config_says(aws: StandAws) -> None:
    signed = replace(websocket_stage(), authorization={"$connect": "AWS_IAM"})
    up(aws, signed)
    seen = Seen(aws, signed)
    assert seen.routes["$connect"]["AuthorizationType"] == "AWS_IAM"
    route_id = seen.routes["$connect"]["RouteId"]
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=route_id, AuthorizationType="NONE")
    assert differing(aws, signed) == ["routes.$connect.authorization"]
    up(aws, signed)
    assert seen.routes["$connect"]["AuthorizationType"] == "AWS_IAM"
    up(aws, websocket_stage())
    assert seen.routes["$connect"]["AuthorizationType"] == "NONE"


@e2e
def test_a_stage_that_serves_another_deployment_is_not_live_and_is_deployed_again(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    by_hand = seen.deploy()
    assert differing(aws, stage) == ["unused_deployments", "stages.demo.deployment"]
    aws.calls.clear()
    up(aws, stage)
    assert {"CreateDeployment", "UpdateStage"} <= set(aws.calls)
    assert seen.stages["demo"]["DeploymentId"] != by_hand
    assert seen.deployments[seen.stages["demo"]["DeploymentId"]].startswith("chatops ")


@e2e
def test_a_route_that_exists_and_is_not_live_is_a_difference(aws: StandAws) -> None:
    up(aws, websocket_stage())
    stage = websocket_stage("more")
    seen = Seen(aws, stage)
    target = seen.routes["$connect"]["Target"]
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="more", Target=target)
    assert "stages.demo.deployment" in differing(aws, stage)
    up(aws, stage)
    assert plan(aws, stage).in_sync


@e2e
def test_a_stage_without_a_deployment_is_given_one(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.delete_stage(ApiId=seen.api_id, StageName="demo")
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="demo", Tags={STACK_TAG: STACK})
    up(aws, stage)
    assert seen.stages["demo"]["DeploymentId"] in seen.deployments
    assert plan(aws, stage).in_sync


@e2e
def test_a_stage_that_is_missing_is_made_again_with_its_tag(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.delete_stage(ApiId=seen.api_id, StageName="demo")
    assert differing(aws, stage) == ["unused_deployments", "stages.demo"]
    up(aws, stage)
    assert seen.stages["demo"]["Tags"] == {STACK_TAG: STACK}


@e2e
def test_auto_deploy_is_off_for_messages_and_on_for_http(aws: StandAws) -> None:
    for stage, name, should in ((websocket_stage(), "demo", False), (http_stage(), "$default", True)):
        up(aws, stage)
        seen = Seen(aws, stage)
        assert seen.stages[name].get("AutoDeploy", False) is should
        seen.gateway.update_stage(ApiId=seen.api_id, StageName=name, AutoDeploy=not should)
        assert differing(aws, stage) == [f"stages.{name}.auto_deploy"]
        up(aws, stage)
        assert seen.stages[name].get("AutoDeploy", False) is should


@e2e
def test_old_deployments_of_ours_are_cleaned_up_and_those_of_others_are_not(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    theirs = seen.deploy()
    stages = [websocket_stage(*(f"more{number}" for number in range(count))) for count in (1, 2, 3)]
    for stage in stages:
        up(aws, stage)
    current = seen.stages["demo"]["DeploymentId"]
    assert set(seen.deployments) == {theirs, current}


@e2e
def test_a_deployment_of_ours_that_another_stage_serves_is_kept(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    first = seen.stages["demo"]["DeploymentId"]
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="frozen", DeploymentId=first)
    up(aws, websocket_stage("more"))
    assert first in seen.deployments
    assert seen.stages["frozen"]["DeploymentId"] == first


@e2e
def test_the_same_routes_are_deployed_once_and_other_routes_again(aws: StandAws) -> None:
    up(aws, websocket_stage())
    aws.calls.clear()
    up(aws, websocket_stage())
    assert aws.calls == []
    up(aws, websocket_stage("more"))
    assert aws.calls.count("CreateDeployment") == 1


@e2e
def test_a_deployment_of_ours_that_no_stage_serves_is_a_difference_and_goes(aws: StandAws) -> None:
    """What a run leaves that is killed between a deployment and the stage that is to serve it."""
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    for description in ("chatops 0123456789abcdef", "by hand"):
        seen.gateway.create_deployment(ApiId=seen.api_id, Description=description)
    assert differing(aws, websocket_stage()) == ["unused_deployments"]
    aws.calls.clear()
    up(aws, websocket_stage())
    assert aws.calls == ["DeleteDeployment"]
    assert sorted(one[:7] for one in seen.deployments.values()) == ["by hand", "chatops"]
    assert plan(aws, websocket_stage()).in_sync


@e2e
def test_a_route_that_was_repaired_is_deployed_whatever_the_fingerprint_says(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    before = seen.stages["demo"]["DeploymentId"]
    route_id = seen.routes["$connect"]["RouteId"]
    seen.gateway.update_route(ApiId=seen.api_id, RouteId=route_id, AuthorizationType="AWS_IAM")
    up(aws, stage)
    assert seen.stages["demo"]["DeploymentId"] != before
    assert list(seen.deployments) == [seen.stages["demo"]["DeploymentId"]]


@e2e
@pytest.mark.parametrize("first", [True, False], ids=["the first deployment", "a later one"])
def test_routes_that_somebody_changes_while_they_are_deployed_are_never_served_as_ours(
    aws: StandAws, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatops.resources.deployment.SHOWN", 0.1)
    stage = websocket_stage("more")
    if not first:
        up(aws, websocket_stage())
    hand = StandAws(aws.endpoint_url).client("apigatewayv2")
    meddled: list[str] = []

    def meddle(params: dict[str, Any], **_: Any) -> None:
        if not meddled:
            api_id = params["url_path"].split("/")[3]
            route = next(one for one in hand.get_routes(ApiId=api_id)["Items"] if one["RouteKey"] == "$connect")
            hand.update_route(ApiId=api_id, RouteId=route["RouteId"], AuthorizationType="AWS_IAM")
            meddled.append(api_id)

    with listening(aws, "before-call.apigatewayv2.CreateDeployment", meddle), pytest.raises(DeploymentFailed):
        up(aws, stage)
    assert meddled
    seen = Seen(aws, stage)
    served = {name: seen.deployments[one["DeploymentId"]] for name, one in seen.stages.items()}
    mine = stage.desired(aws, lambda one: live(aws, one))["stages"]["demo"]["deployment"]
    assert mine not in {*served.values(), *seen.deployments.values()}
    up(aws, stage)
    assert seen.deployments == {seen.stages["demo"]["DeploymentId"]: mine}
    assert plan(aws, stage).in_sync


@e2e
@pytest.mark.parametrize("limited", [True, False], ids=["limits of ours", "limits of others"])
def test_a_route_goes_with_the_limit_of_its_own_that_would_stop_every_later_update(
    aws: StandAws, limited: bool
) -> None:
    limits: dict[str, Any] = {"limit": Limit(50, 100), "route_limits": {"more": Limit(5, 10)}} if limited else {}
    before = replace(websocket_stage("more", "kept"), **limits)
    after = replace(websocket_stage("kept"), limit=limits.get("limit"))
    up(aws, before)
    seen = Seen(aws, before)
    theirs = {one: {"ThrottlingRateLimit": 9.0, "ThrottlingBurstLimit": 9} for one in ("more", "kept")}
    if not limited:
        seen.gateway.update_stage(ApiId=seen.api_id, StageName="demo", RouteSettings=theirs)
    hand = StandAws(aws.endpoint_url).client("apigatewayv2")

    def refuse(**_: Any) -> None:
        routes = {one["RouteKey"] for one in hand.get_routes(ApiId=seen.api_id)["Items"]}
        settings = hand.get_stage(ApiId=seen.api_id, StageName="demo").get("RouteSettings", {})
        gone = [key for key, one in settings.items() if one and key not in routes]
        if gone:
            text = f"Unable to find Route by key {gone[0]} within the provided RouteSettings"
            raise client_error("NotFoundException", text, "UpdateStage", 404)

    with listening(aws, "before-call.apigatewayv2.UpdateStage", refuse):
        up(aws, after)
        assert plan(aws, after).in_sync
        settings = {key: one for key, one in seen.stages["demo"].get("RouteSettings", {}).items() if one}
        assert list(settings) == ([] if limited else ["kept"])
        up(aws, replace(after, limit=Limit(60, 100)))


@e2e
def test_a_stage_of_somebody_elses_is_left_alone(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="theirs")
    assert plan(aws, websocket_stage()).in_sync
    up(aws, websocket_stage("more"))
    assert sorted(seen.stages) == ["demo", "theirs"]


@e2e
def test_a_stage_of_ours_under_an_earlier_name_goes(aws: StandAws) -> None:
    up(aws, websocket_stage())
    renamed = websocket_stage(api=replace(stand.websocket(), stage="prod"))
    assert set(differing(aws, renamed)) >= {"stages.prod", "stages.demo"}
    up(aws, renamed)
    assert list(Seen(aws, renamed).stages) == ["prod"]
    assert [arn.split("/")[1] for _, arn in allowed(aws)] == ["prod"]
    assert plan(aws, renamed).in_sync


@e2e
def test_a_broad_permission_is_a_difference_and_replaced_by_the_exact_ones(aws: StandAws) -> None:
    stage = websocket_stage("more")
    up(aws, stage)
    exact = sorted(arn for _, arn in allowed(aws))
    for sid, _ in allowed(aws):
        aws.client("lambda").remove_permission(FunctionName="send", StatementId=sid)
    aws.client("lambda").add_permission(
        FunctionName="send", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    assert differing(aws, stage) == ["permissions.send"]
    up(aws, stage)
    assert sorted(arn for _, arn in allowed(aws)) == exact
    assert plan(aws, stage).in_sync


@e2e
def test_a_permission_for_all_of_this_apis_routes_is_too_broad(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    aws.client("lambda").add_permission(
        FunctionName="send",
        StatementId="all",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:ap-northeast-2:{aws.account}:{Seen(aws, stage).api_id}/*",
    )
    assert differing(aws, stage) == ["permissions.send"]
    up(aws, stage)
    assert "all" not in [sid for sid, _ in allowed(aws)]


@e2e
def test_permissions_that_are_not_about_this_api_are_left_alone(aws: StandAws) -> None:
    up(aws, websocket_stage())
    for sid, principal, arn in (
        ("bucket", "s3.amazonaws.com", "arn:aws:s3:::bucket"),
        ("elsewhere", "apigateway.amazonaws.com", "arn:aws:execute-api:ap-northeast-2:000000000000:other/demo/x"),
    ):
        aws.client("lambda").add_permission(
            FunctionName="send", StatementId=sid, Action="lambda:InvokeFunction", Principal=principal, SourceArn=arn
        )
    assert plan(aws, websocket_stage()).in_sync
    up(aws, websocket_stage("more"))
    assert {"bucket", "elsewhere"} <= {sid for sid, _ in allowed(aws)}


@e2e
def test_two_apis_may_share_a_function_without_taking_each_others_permissions(aws: StandAws) -> None:
    send = function()
    chat = WebSocketStage(STACK, stand.websocket(), {"$connect": send}, {})
    page = HttpStage(STACK, stand.http(), {"GET /": send}, {})
    up(aws, chat, page)
    assert len(allowed(aws)) == 2
    assert plan(aws, chat, page).in_sync
    page.delete(aws, lambda one: live(aws, one))
    assert [arn.split("/")[-1] for _, arn in allowed(aws)] == ["$connect"]


@e2e
def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    arn = f"arn:aws:apigateway:ap-northeast-2::/apis/{Seen(aws, stage).api_id}"
    for one in (arn, f"{arn}/stages/demo"):
        aws.client("apigatewayv2").tag_resource(ResourceArn=one, Tags={"team": "chat"})
    assert plan(aws, stage).in_sync
    up(aws, websocket_stage("more"))
    assert aws.client("apigatewayv2").get_tags(ResourceArn=arn)["Tags"] == {STACK_TAG: STACK, "team": "chat"}


@e2e
def test_deleting_takes_the_permissions_off_functions_that_stay(aws: StandAws) -> None:
    stage = websocket_stage("more")
    up(aws, stage)
    seen = Seen(aws, stage)
    stage.delete(aws, lambda one: live(aws, one))
    assert (seen.routes, seen.integrations, seen.stages) == ({}, {}, {})
    assert allowed(aws) == []


@e2e
def test_a_stack_goes_with_all_that_somebody_added_to_its_api(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="theirs")
    target = seen.integrate("http://example.org", IntegrationType="HTTP_PROXY")
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="theirs", Target=target)
    down(aws, stage)
    assert live(aws, stage.api) is None


# What the local AWS does not do: conflicts, and deployments that are slow or fail.


def owned_by(owner: str | None) -> Look:
    """Only the API is known, and whose it is."""
    return lambda one: Live({}, {"api_id": "abc"}, owner) if one.name == "websocket_api.chat" else None


known = owned_by(STACK)


def gateway(**answers: Any) -> Scripted:
    """An API Gateway where nothing is yet, and everything works but what is said here."""
    empty: dict[str, Any] = {"Items": []}
    uri = websocket_stage().integration_uri(ScriptedAws(), function())
    usual = {
        **dict.fromkeys(("get_stages", "get_deployments"), empty),
        "get_routes": [empty, {"Items": [{"RouteKey": "$connect", "RouteId": "r1", "Target": "integrations/i1"}]}],
        "get_integrations": [
            empty,
            {"Items": [{"IntegrationId": "i1", "IntegrationUri": uri, "IntegrationType": "AWS_PROXY"}]},
        ],
        "create_integration": {"IntegrationId": "i1"},
        "create_deployment": {"DeploymentId": "d1"},
        "get_deployment": {"DeploymentStatus": "DEPLOYED"},
        "create_route": {},
        "create_stage": {},
    }
    return Scripted(**{**usual, **answers})


def functions() -> Scripted:
    """A Lambda that lets anybody be permitted."""
    return Scripted(get_policy=client_error("ResourceNotFoundException"), add_permission={}, remove_permission={})


def create(client: Scripted) -> ScriptedAws:
    aws = ScriptedAws(apigatewayv2=client, lambda_=functions())
    stage = websocket_stage()
    stage.create(aws, stage.desired(aws, known), known)
    return aws


def update(client: Scripted) -> ScriptedAws:
    aws = ScriptedAws(apigatewayv2=client, lambda_=functions())
    stage = websocket_stage()
    stage.update(aws, [Change("routes", None, None)], stage.desired(aws, known), known)
    return aws


GONE_ROUTE = client_error(
    "NotFoundException", "Unable to find Route by key gone within the provided RouteSettings", status=404
)
SETTINGS = {key: {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 9} for key in ("gone", "$connect")}


@pytest.mark.parametrize(
    ("update", "deleted"),
    [
        ({"RouteSettings": {"$connect": SETTINGS["$connect"]}}, []),
        ({"RouteSettings": SETTINGS}, ["gone"]),
        (GONE_ROUTE, ["gone"]),
    ],
    ids=["an update replaces", "an update adds", "an update is refused since the route is gone already"],
)
def test_a_stage_forgets_the_limit_of_a_route_that_goes_however_an_update_is_taken(
    update: Any, deleted: list[str]
) -> None:
    client = Scripted(update_stage=update, delete_route_settings={})
    stage = {"StageName": "demo", "RouteSettings": {**SETTINGS}}
    wanted = {"throttle": {"rate": 50, "burst": 100}, "route_throttles": {"$connect": {"rate": 5, "burst": 9}}}
    throttle.forget(ScriptedAws(apigatewayv2=client), "abc", stage, wanted, {"$connect": {}})
    assert [one["RouteSettings"] for one in client.given("update_stage")] == [{"$connect": SETTINGS["$connect"]}]
    assert [one["RouteKey"] for one in client.given("delete_route_settings")] == deleted
    throttle.forget(ScriptedAws(apigatewayv2=client), "abc", stage, wanted, {"$connect": {}})
    assert len(client.calls) == 1 + len(deleted), "nothing is left to forget"


def test_a_stage_is_made_only_when_its_deployment_is_done() -> None:
    client = gateway(get_deployment=[{"DeploymentStatus": "PENDING"}] * 3 + [{"DeploymentStatus": "DEPLOYED"}])
    create(client)
    assert client.called("create_deployment", "get_deployment", "create_stage") == [
        "create_deployment",
        *["get_deployment"] * 4,
        "create_stage",
    ]
    (made,) = client.given("create_stage")
    assert (made["DeploymentId"], made["Tags"]) == ("d1", {STACK_TAG: STACK})


def test_a_deployment_comes_after_every_route() -> None:
    client = gateway()
    create(client)
    assert client.called("create_integration", "create_route", "create_deployment") == [
        "create_integration",
        "create_route",
        "create_deployment",
    ]


def test_a_deployment_that_fails_is_told_with_its_reason_and_never_served() -> None:
    client = gateway(get_deployment={"DeploymentStatus": "FAILED", "DeploymentStatusMessage": "no such method"})
    with pytest.raises(DeploymentFailed, match="no such method"):
        create(client)
    assert "create_stage" not in client.called()


def test_a_route_that_another_run_made_meanwhile_is_fine() -> None:
    exists = client_error("ConflictException", "Route with key $connect already exists for this API", status=409)
    client = gateway(create_route=exists)
    assert create(client).waited == 0
    assert client.called("create_route") == ["create_route"]


def test_an_integration_that_a_route_still_uses_is_never_deleted() -> None:
    stage, aws = websocket_stage("more"), ScriptedAws(lambda_=functions())
    uri = stage.integration_uri(aws, function())
    integrations = [
        {"IntegrationId": one, "IntegrationUri": uri, "IntegrationType": "AWS_PROXY"} for one in ("i1", "i2", "unused")
    ]
    routes = [
        {"RouteKey": key, "RouteId": key, "Target": f"integrations/{one}", "AuthorizationType": "NONE"}
        for key, one in (("$connect", "i1"), ("more", "i2"))
    ]
    client = gateway(
        get_routes={"Items": routes}, get_integrations={"Items": integrations}, update_route={}, delete_integration={}
    )
    aws.scripts["apigatewayv2"] = client
    stage.update(aws, [Change("stages.demo", None, None)], stage.desired(aws, known), known)
    now = {"$connect": "i1", "more": "i2"}
    now |= {given["RouteId"]: given["Target"].removeprefix("integrations/") for given in client.given("update_route")}
    gone = {given["IntegrationId"] for given in client.given("delete_integration")}
    assert not gone & set(now.values()), "AWS refuses that, and elsewhere it breaks the route"
    assert len({"i1", "i2", "unused"} - gone) == len(set(now.values())), "what no route uses is not left over"


def test_without_its_api_a_stage_is_not_there() -> None:
    assert websocket_stage().observe(ScriptedAws(), lambda _: None) is None
    websocket_stage().delete(ScriptedAws(), lambda _: None)


def test_an_api_that_goes_while_its_stage_is_observed_leaves_nothing() -> None:
    gone = client_error("NotFoundException", status=404)
    client = Scripted(**dict.fromkeys(("get_routes", "get_integrations", "get_stages", "get_deployments"), gone))
    assert websocket_stage().observe(ScriptedAws(apigatewayv2=client, lambda_=functions()), known) is None


def test_the_fingerprint_of_a_deployment_changes_with_the_routes_and_with_nothing_else() -> None:
    aws = ScriptedAws()

    def fingerprint(stage: Stage) -> str:
        return str(stage.desired(aws, known)["stages"]["demo"]["deployment"])

    one = fingerprint(websocket_stage("a", "b"))
    assert one == fingerprint(websocket_stage("b", "a"))
    assert one != fingerprint(websocket_stage("a"))
    assert one != fingerprint(replace(websocket_stage("a", "b"), authorization={"$connect": "AWS_IAM"}))
    assert one != fingerprint(routes_to(websocket_stage(), **{"$connect": "send", "a": "send", "b": "other"}))


def test_a_stage_is_ours_when_its_api_is() -> None:
    route = {"RouteKey": "$connect", "RouteId": "r1"}
    aws = ScriptedAws(apigatewayv2=gateway(get_routes={"Items": [route]}), lambda_=functions())
    for owner in (STACK, "other", None):
        found = websocket_stage().observe(aws, owned_by(owner))
        assert found and found.owner == owner


def test_the_stage_of_an_api_that_cannot_be_told_apart_is_never_touched() -> None:
    api = {"Name": "chat", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "", "CreatedDate": ""}
    apis = {"Items": [{**api, "ApiId": "one"}, {**api, "ApiId": "two"}]}
    aws = ScriptedAws(apigatewayv2=gateway(get_apis=apis), lambda_=functions())
    with pytest.raises(Blocked):
        live(aws, stand.websocket())
    stage = WebSocketStage(STACK, stand.websocket(), {}, {})
    steps = {step.name: step.action for step in plan(aws, stage).steps}
    assert steps["websocket_api.chat"] is Action.BLOCKED
