"""The stage: permissions, tags, what is others', and how it comes and goes.

Most of it against a local AWS; what that does not do (conflicts, slow and failing deployments) by scripted clients.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatops.aws import STACK_TAG
from chatops.deploy.plan import Action
from chatops.deploy.resource import Blocked
from chatops.resources.stage import HttpStage, WebSocketStage
from chatops.resources.throttle import Limit

from . import stand
from .api_gateway import Seen, allowed, functions, gateway, owned_by
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
    plan,
    routes_to,
    up,
    websocket_stage,
)


@pytest.mark.e2e
def test_each_route_may_invoke_its_function_by_its_exact_arn_and_no_other(aws: StandAws) -> None:
    stage = routes_to(websocket_stage(), **{"$connect": "connect", "$default": "send", "sendMessage": "send"})
    up(aws, stage)
    before = f"arn:aws:execute-api:ap-northeast-2:{aws.account}:{Seen(aws, stage).api_id}/demo"
    assert [arn for _, arn in allowed(aws, "connect")] == [f"{before}/$connect"]
    assert sorted(arn for _, arn in allowed(aws)) == [f"{before}/$default", f"{before}/sendMessage"]


@pytest.mark.e2e
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


@pytest.mark.e2e
def test_a_stage_without_a_deployment_is_given_one(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.delete_stage(ApiId=seen.api_id, StageName="demo")
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="demo", Tags={STACK_TAG: STACK})
    up(aws, stage)
    assert seen.stages["demo"]["DeploymentId"] in seen.deployments
    assert plan(aws, stage).in_sync


@pytest.mark.e2e
def test_a_stage_that_is_missing_is_made_again_with_its_tag(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.delete_stage(ApiId=seen.api_id, StageName="demo")
    assert differing(aws, stage) == ["unused_deployments", "stages.demo"]
    up(aws, stage)
    assert seen.stages["demo"]["Tags"] == {STACK_TAG: STACK}


@pytest.mark.e2e
def test_auto_deploy_is_off_for_messages_and_on_for_http(aws: StandAws) -> None:
    for stage, name, should in ((websocket_stage(), "demo", False), (http_stage(), "$default", True)):
        up(aws, stage)
        seen = Seen(aws, stage)
        assert seen.stages[name].get("AutoDeploy", False) is should
        seen.gateway.update_stage(ApiId=seen.api_id, StageName=name, AutoDeploy=not should)
        assert differing(aws, stage) == [f"stages.{name}.auto_deploy"]
        up(aws, stage)
        assert seen.stages[name].get("AutoDeploy", False) is should


@pytest.mark.e2e
def test_a_stage_of_somebody_elses_is_left_alone(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen = Seen(aws, websocket_stage())
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="theirs")
    assert plan(aws, websocket_stage()).in_sync
    up(aws, websocket_stage("more"))
    assert sorted(seen.stages) == ["demo", "theirs"]


@pytest.mark.e2e
def test_a_stage_of_ours_under_an_earlier_name_goes(aws: StandAws) -> None:
    up(aws, websocket_stage())
    renamed = websocket_stage(api=replace(stand.websocket(), stage="prod"))
    assert set(differing(aws, renamed)) >= {"stages.prod", "stages.demo"}
    up(aws, renamed)
    assert list(Seen(aws, renamed).stages) == ["prod"]
    assert [arn.split("/")[1] for _, arn in allowed(aws)] == ["prod"]
    assert plan(aws, renamed).in_sync


@pytest.mark.e2e
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


@pytest.mark.e2e
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


@pytest.mark.e2e
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


@pytest.mark.e2e
def test_two_apis_may_share_a_function_without_taking_each_others_permissions(aws: StandAws) -> None:
    send = function()
    chat = WebSocketStage(STACK, stand.websocket(), {"$connect": send}, {})
    page = HttpStage(STACK, stand.http(), {"GET /": send}, {})
    up(aws, chat, page)
    assert len(allowed(aws)) == 2
    assert plan(aws, chat, page).in_sync
    page.delete(aws, lambda one: live(aws, one))
    assert [arn.split("/")[-1] for _, arn in allowed(aws)] == ["$connect"]


def foreign_function(aws: StandAws, stage: WebSocketStage, owner: str | None) -> list[str]:
    """A function that is not the stack's, a hand-made route to it, and the ids of three statements of its policy: one
    that names the stack's API, one that names another, and one that lets any API in.
    """
    roles, lambda_ = aws.client("iam"), aws.client("lambda")
    trust = '{"Version": "2012-10-17", "Statement": []}'
    arn = roles.create_role(RoleName="theirs", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    made = lambda_.create_function(
        FunctionName="theirs",
        Runtime="python3.12",
        Handler="send.lambda_handler",
        Role=arn,
        Code={"ZipFile": stand.code().read()},
        Tags={STACK_TAG: owner} if owner else {},
    )
    seen = Seen(aws, stage)
    uri = f"arn:aws:apigateway:ap-northeast-2:lambda:path/2015-03-31/functions/{made['FunctionArn']}/invocations"
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="theirs", Target=seen.integrate(uri))
    before = f"arn:aws:execute-api:ap-northeast-2:{aws.account}"
    sources = {"by-hand": f"{before}:{seen.api_id}/*", "another-api": f"{before}:abcdefghij/*", "any-api": None}
    for sid, source in sources.items():
        what = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
        more = {"SourceArn": source} if source else {}
        lambda_.add_permission(FunctionName="theirs", StatementId=sid, **what, **more)
    return list(sources)


@pytest.mark.e2e
@pytest.mark.parametrize("owner", [None, "another-stack"])
def test_a_foreign_function_keeps_the_statements_that_are_not_about_this_api_alone(
    aws: StandAws, owner: str | None
) -> None:
    stage = websocket_stage()
    up(aws, stage)
    foreign_function(aws, stage, owner)
    assert "permissions.theirs" in differing(aws, stage)
    up(aws, stage)
    assert [sid for sid, _ in allowed(aws, "theirs")] == ["another-api", "any-api"]
    assert plan(aws, stage).in_sync
    down(aws, stage)
    assert [sid for sid, _ in allowed(aws, "theirs")] == ["another-api", "any-api"]


@pytest.mark.e2e
@pytest.mark.parametrize("is_left_over", [False, True])
def test_down_takes_from_a_foreign_function_only_the_statement_about_this_api(
    aws: StandAws, is_left_over: bool
) -> None:
    stage = websocket_stage()
    up(aws, stage)
    foreign_function(aws, stage, None)
    down(aws, WebSocketStage(STACK, stage.api, {}, {}) if is_left_over else stage)
    assert [sid for sid, _ in allowed(aws, "theirs")] == ["another-api", "any-api"]


@pytest.mark.e2e
def test_down_takes_from_a_foreign_function_of_the_configs_name_only_the_statements_about_this_api(
    aws: StandAws,
) -> None:
    stage = websocket_stage()
    up(aws, stage)
    broad = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    aws.client("lambda").add_permission(FunctionName="send", StatementId="any-api", **broad)
    arn = f"arn:aws:lambda:ap-northeast-2:{aws.account}:function:send"
    aws.client("lambda").untag_resource(Resource=arn, TagKeys=[STACK_TAG])
    down(aws, stage)
    assert [sid for sid, _ in allowed(aws)] == ["any-api"]


@pytest.mark.e2e
def test_adopting_a_function_replaces_its_broad_statement_and_converges(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    broad = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    aws.client("lambda").add_permission(FunctionName="send", StatementId="any-api", **broad)
    arn = f"arn:aws:lambda:ap-northeast-2:{aws.account}:function:send"
    aws.client("lambda").untag_resource(Resource=arn, TagKeys=[STACK_TAG])
    up(aws, stage, adopt=True)
    assert "any-api" not in [sid for sid, _ in allowed(aws)]
    assert plan(aws, stage).in_sync


@pytest.mark.e2e
def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    arn = f"arn:aws:apigateway:ap-northeast-2::/apis/{Seen(aws, stage).api_id}"
    for one in (arn, f"{arn}/stages/demo"):
        aws.client("apigatewayv2").tag_resource(ResourceArn=one, Tags={"team": "chat"})
    assert plan(aws, stage).in_sync
    up(aws, websocket_stage("more"))
    assert aws.client("apigatewayv2").get_tags(ResourceArn=arn)["Tags"] == {STACK_TAG: STACK, "team": "chat"}


@pytest.mark.e2e
def test_deleting_takes_the_permissions_off_functions_that_stay(aws: StandAws) -> None:
    stage = websocket_stage("more")
    up(aws, stage)
    seen = Seen(aws, stage)
    stage.delete(aws, lambda one: live(aws, one))
    assert (seen.routes, seen.integrations, seen.stages) == ({}, {}, {})
    assert allowed(aws) == []


@pytest.mark.e2e
def test_a_stack_goes_with_all_that_somebody_added_to_its_api(aws: StandAws) -> None:
    stage = websocket_stage()
    up(aws, stage)
    seen = Seen(aws, stage)
    seen.gateway.create_stage(ApiId=seen.api_id, StageName="theirs")
    target = seen.integrate("http://example.org", IntegrationType="HTTP_PROXY")
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="theirs", Target=target)
    down(aws, stage)
    assert live(aws, stage.api) is None


def test_without_its_api_a_stage_is_not_there() -> None:
    assert websocket_stage().observe(ScriptedAws(), lambda _: None) is None
    websocket_stage().delete(ScriptedAws(), lambda _: None)


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


@pytest.mark.e2e
def test_routes_and_stages_that_go_are_among_what_an_update_deletes(aws: StandAws) -> None:
    up(aws, websocket_stage("more", "v1.0/x"))
    assert plan(aws, websocket_stage("more", "v1.0/x", "new")).deletions == []
    assert plan(aws, websocket_stage("more")).deletions == ["stage.chat: the route v1.0/x"]
    renamed = websocket_stage("v1.0/x", api=replace(stand.websocket(), stage="prod"))
    assert sorted(plan(aws, renamed).deletions) == ["stage.chat: the route more", "stage.chat: the stage demo"]
    seen = Seen(aws, websocket_stage())
    seen.gateway.create_route(ApiId=seen.api_id, RouteKey="byHand")
    assert plan(aws, websocket_stage("more", "v1.0/x")).deletions == ["stage.chat: the route byHand"]


@pytest.mark.e2e
def test_a_limit_that_goes_and_an_integration_that_an_interrupted_run_left_are_ordinary_changes(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen, stage = Seen(aws, websocket_stage()), websocket_stage()
    up(aws, function("earlier"))
    for name in ("send", "earlier"):
        seen.integrate(stage.integration_uri(aws, function(name)))
    changed = plan(aws, replace(websocket_stage(), limit=Limit(1, 1)))
    assert changed.of(Action.UPDATE)
    assert changed.deletions == []


@pytest.mark.e2e
def test_an_integration_without_a_route_that_was_made_by_hand_is_among_what_an_update_deletes(aws: StandAws) -> None:
    up(aws, websocket_stage())
    seen, stage = Seen(aws, websocket_stage()), websocket_stage()
    up(aws, function("foreign"))
    aws.client("lambda").untag_resource(Resource=function("foreign").arn(aws), TagKeys=[STACK_TAG])
    uri = stage.integration_uri(aws, function("foreign"))
    targets = [
        seen.integrate(uri),
        seen.integrate(uri.replace("foreign", "send:live")),
        seen.integrate(uri.replace("foreign", "nobody")),
        seen.integrate("https://example.com", IntegrationType="HTTP_PROXY"),
        "/" + seen.gateway.create_integration(ApiId=seen.api_id, IntegrationType="MOCK")["IntegrationId"],
    ]
    by_hand = sorted(f"stage.chat: the integration {one.rpartition('/')[2]}" for one in targets)
    assert sorted(plan(aws, websocket_stage()).deletions) == by_hand


def test_of_an_api_that_is_adopted_every_integration_without_a_route_is_among_what_goes() -> None:
    stage = websocket_stage()
    uri = stage.integration_uri(ScriptedAws(), function())
    unused = {"IntegrationId": "i1", "IntegrationType": "AWS_PROXY", "IntegrationUri": uri}
    aws = ScriptedAws(
        apigatewayv2=gateway(get_routes={"Items": []}, get_integrations={"Items": [unused]}), lambda_=functions()
    )
    told = {}
    for owner in (STACK, None):
        found = stage.observe(aws, owned_by(owner))
        assert found
        told[owner] = stage.deletions(found, stage.desired(aws, owned_by(owner)))
    assert told == {STACK: [], None: ["the integration i1"]}


def test_an_integration_to_a_function_that_may_not_be_looked_at_counts_as_made_by_hand() -> None:
    stage = websocket_stage()
    uri = stage.integration_uri(ScriptedAws(), function("secret"))
    unused = {"IntegrationId": "i1", "IntegrationType": "AWS_PROXY", "IntegrationUri": uri}
    missing, refused = client_error("ResourceNotFoundException"), client_error("AccessDeniedException")
    lambda_ = Scripted(get_policy=missing, get_function=refused)
    aws = ScriptedAws(
        apigatewayv2=gateway(get_routes={"Items": []}, get_integrations={"Items": [unused]}), lambda_=lambda_
    )
    found = stage.observe(aws, owned_by(STACK))
    assert found and stage.deletions(found, stage.desired(aws, owned_by(STACK))) == ["the integration i1"]
