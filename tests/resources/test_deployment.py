"""Deployments: what is served is what the routes say, and old ones of ours are tidied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws import STACK_TAG
from chatops.resources.deployment import DeploymentFailed, delete_unused, unused
from chatops.resources.live_api import Seen as LiveApi
from chatops.resources.stage import Stage

from .api_gateway import Seen, create, gateway, known, listening
from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    client_error,
    differing,
    live,
    plan,
    routes_to,
    up,
    websocket_stage,
)


@pytest.mark.e2e
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


@pytest.mark.e2e
def test_a_route_that_exists_and_is_not_live_is_a_difference(aws: StandAws) -> None:
    up(aws, websocket_stage())
    stage = websocket_stage("more")
    seen = Seen(aws, stage)
    target = seen.routes["$connect"]["Target"]
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="more", Target=target)
    assert "stages.demo.deployment" in differing(aws, stage)
    up(aws, stage)
    assert plan(aws, stage).in_sync


@pytest.mark.e2e
def test_old_deployments_of_ours_are_cleaned_up_and_those_of_others_are_not(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    theirs = seen.deploy()
    stages = [websocket_stage(*(f"more{number}" for number in range(count))) for count in (1, 2, 3)]
    for stage in stages:
        up(aws, stage)
    current = seen.stages["demo"]["DeploymentId"]
    assert set(seen.deployments) == {theirs, current}


@pytest.mark.e2e
def test_a_deployment_of_ours_that_another_stage_serves_is_kept(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    first = seen.stages["demo"]["DeploymentId"]
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="frozen", DeploymentId=first)
    up(aws, websocket_stage("more"))
    assert first in seen.deployments
    assert seen.stages["frozen"]["DeploymentId"] == first


@pytest.mark.e2e
def test_the_same_routes_are_deployed_once_and_other_routes_again(aws: StandAws) -> None:
    up(aws, websocket_stage())
    aws.calls.clear()
    up(aws, websocket_stage())
    assert aws.calls == []
    up(aws, websocket_stage("more"))
    assert aws.calls.count("CreateDeployment") == 1


@pytest.mark.e2e
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


@pytest.mark.e2e
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


@pytest.mark.e2e
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


def test_the_fingerprint_of_a_deployment_changes_with_the_routes_and_with_nothing_else() -> None:
    aws = ScriptedAws()

    def fingerprint(stage: Stage) -> str:
        return str(stage.desired(aws, known)["stages"]["demo"]["deployment"])

    one = fingerprint(websocket_stage("a", "b"))
    assert one == fingerprint(websocket_stage("b", "a"))
    assert one != fingerprint(websocket_stage("a"))
    assert one != fingerprint(replace(websocket_stage("a", "b"), authorization={"$connect": "AWS_IAM"}))
    assert one != fingerprint(routes_to(websocket_stage(), **{"$connect": "send", "a": "send", "b": "other"}))


def test_of_the_deployments_that_no_stage_serves_only_ours_are_unused() -> None:
    stages = {"demo": {"DeploymentId": "d1"}, "new": {}}
    deployments = {"d1": "chatops 01", "d3": "chatops 03", "d2": "chatops 02", "theirs": "by hand", "plain": ""}
    assert unused(LiveApi(stages=stages, deployments=deployments)) == ["d2", "d3"]


@pytest.mark.parametrize("code", ["BadRequestException", "NotFoundException"])
def test_an_old_deployment_that_another_run_serves_or_deleted_meanwhile_is_left(code: str) -> None:
    client = Scripted(delete_deployment=client_error(code))
    seen = LiveApi(deployments={"d1": "chatops 01", "d2": "chatops 02"})
    delete_unused(ScriptedAws(apigatewayv2=client), "abc", seen, {"demo": "d2"})
    assert [one["DeploymentId"] for one in client.given("delete_deployment")] == ["d1"], "d2 has just become live"


def test_any_other_refusal_to_delete_one_is_raised() -> None:
    client = Scripted(delete_deployment=client_error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        delete_unused(ScriptedAws(apigatewayv2=client), "abc", LiveApi(deployments={"d1": "chatops 01"}), {})
