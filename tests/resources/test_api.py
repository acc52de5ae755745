"""The API by itself. Names are not unique: telling ours from others' is most of the work."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws import STACK_TAG
from chatops.deploy.plan import Action
from chatops.deploy.resource import Blocked, Change, Live, Resource, listen
from chatops.resources.api import DELETE_EVERY, DELETE_LIMIT

from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    carry_out,
    client_error,
    http,
    plan,
    plan_to_delete,
    websocket,
)

SELECTION = "$request.body.action"
NOON = datetime(2025, 1, 31, 12, tzinfo=timezone.utc)
THROTTLED = client_error("TooManyRequestsException", status=429)
CONCURRENT = client_error(
    "ConflictException", "Unable to complete operation due to concurrent modification.", status=409
)
GONE = client_error("NotFoundException", status=404)


def nothing(_: Resource) -> Live | None:
    return None


def api(
    api_id: str, age: int = 0, stack: str | None = STACK, name: str = "chat", protocol: str = "WEBSOCKET"
) -> dict[str, Any]:
    """An API as AWS lists it; `age` in minutes."""
    return {
        "ApiId": api_id,
        "Name": name,
        "ProtocolType": protocol,
        "RouteSelectionExpression": SELECTION,
        "CreatedDate": NOON - timedelta(minutes=age),
        "Tags": {"team": "chat", **({STACK_TAG: stack} if stack else {})},
    }


def gateway(*apis: dict[str, Any], **answers: Any) -> ScriptedAws:
    """An API Gateway with these APIs."""
    return ScriptedAws(apigatewayv2=Scripted(get_apis={"Items": list(apis)}, **answers))


def seen(aws: ScriptedAws) -> Live:
    found = websocket().observe(aws, nothing)
    assert found
    return found


def deleted(aws: ScriptedAws) -> list[str]:
    return [given["ApiId"] for given in aws.scripts["apigatewayv2"].given("delete_api")]


def test_an_api_is_found_by_its_name_and_protocol() -> None:
    aws = gateway(api("a", name="other"), api("b", protocol="HTTP"), api("c"))
    assert seen(aws).outputs["api_id"] == "c"
    assert http("chat").observe(aws, nothing) == Live(
        {"route_selection": SELECTION, "duplicates": []},
        {
            "api_id": "b",
            "http_url": "https://b.execute-api.ap-northeast-2.amazonaws.com",
            "origin": "https://b.execute-api.ap-northeast-2.amazonaws.com",
        },
        STACK,
    )
    assert websocket("nothing of that name").observe(aws, nothing) is None


def test_a_websocket_api_has_the_two_addresses_of_its_stage() -> None:
    assert seen(gateway(api("abc"))).outputs == {
        "api_id": "abc",
        "websocket_url": "wss://abc.execute-api.ap-northeast-2.amazonaws.com/demo",
        "connections_url": "https://abc.execute-api.ap-northeast-2.amazonaws.com/demo",
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_several_of_ours_the_oldest_is_ours_and_the_others_are_a_difference(order: tuple[int, ...]) -> None:
    apis = [api("young", 1), api("oldest", 3), api("old", 2)]
    found = seen(gateway(*(apis[at] for at in order)))
    assert found.outputs["api_id"] == "oldest"
    assert found.properties["duplicates"] == ["old", "young"]


def test_of_two_made_in_the_same_second_every_run_chooses_the_same() -> None:
    for apis in ([api("a"), api("b")], [api("b"), api("a")]):
        assert seen(gateway(*apis)).outputs["api_id"] == "a"


def test_an_api_of_ours_is_not_confused_with_older_ones_of_others() -> None:
    found = seen(gateway(api("theirs", 9, stack=None), api("ours", 1), api("another's", 5, stack="other")))
    assert (found.outputs["api_id"], found.owner) == ("ours", STACK)
    assert found.properties["duplicates"] == []


def test_the_duplicates_are_deleted_and_nothing_else() -> None:
    aws = gateway(api("young", 1), api("oldest", 3), api("old", 2), api("theirs", 9, stack=None), delete_api={})
    websocket().update(aws, [Change("duplicates", ["old", "young"], [])], {"route_selection": SELECTION}, nothing)
    assert deleted(aws) == ["old", "young"]


def test_deleting_deletes_all_of_ours_and_nothing_else() -> None:
    aws = gateway(api("a", 1), api("b", 3), api("theirs", 9, stack=None), api("c", protocol="HTTP"), delete_api={})
    websocket().delete(aws, nothing)
    assert sorted(deleted(aws)) == ["a", "b"]


@pytest.mark.parametrize("stack", [None, "other"])
def test_one_that_is_not_ours_is_never_deleted(stack: str | None) -> None:
    aws = gateway(api("theirs", stack=stack))
    websocket().delete(aws, nothing)
    assert deleted(aws) == []


def test_one_that_nobody_owns_can_be_adopted() -> None:
    aws = gateway(api("theirs", stack=None))
    assert plan(aws, websocket()).steps[0].action is Action.BLOCKED
    assert plan(aws, websocket(), adopt=True).steps[0].action is Action.ADOPT


def test_adopting_tags_that_very_api() -> None:
    aws = gateway(api("theirs", stack=None), tag_resource={})
    websocket().tag(aws, nothing)
    (sent,) = aws.scripts["apigatewayv2"].given("tag_resource")
    arn = "arn:aws:apigateway:ap-northeast-2::/apis/theirs"
    assert sent == {"ResourceArn": arn, "Tags": {STACK_TAG: STACK}}


@pytest.mark.parametrize("adopt", [False, True])
def test_two_that_nobody_owns_are_blocked_with_their_ids(adopt: bool) -> None:
    aws = gateway(api("one", stack=None), api("two", stack=None))
    with pytest.raises(Blocked, match="one, two"):
        websocket().observe(aws, nothing)
    (step,) = plan(aws, websocket(), adopt=adopt).steps
    assert step.action is Action.BLOCKED
    assert step.hint and f"{STACK_TAG}={STACK}" in step.hint


def test_another_stacks_is_blocked() -> None:
    (step,) = plan(gateway(api("a", stack="other")), websocket(), adopt=True).steps
    assert step.action is Action.BLOCKED
    assert step.reason and "'other'" in step.reason


def test_tags_of_others_are_no_difference() -> None:
    assert plan(gateway(api("a")), websocket()).in_sync


def test_a_new_api_carries_the_tag_from_the_start() -> None:
    aws = gateway(create_api={})
    websocket().create(aws, {"route_selection": SELECTION}, nothing)
    (sent,) = aws.scripts["apigatewayv2"].given("create_api")
    assert sent == {
        "Name": "chat",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": SELECTION,
        "Tags": {STACK_TAG: STACK},
    }


@pytest.mark.parametrize("refusal", [THROTTLED, CONCURRENT], ids=["too many", "another change"])
def test_a_deletion_that_is_refused_for_a_while_is_tried_again_for_minutes(refusal: ClientError) -> None:
    aws = gateway(api("a"), delete_api=[*[refusal] * 12, {}])
    websocket().delete(aws, nothing)
    assert deleted(aws) == ["a"] * 13


def test_a_deletion_that_is_throttled_for_ever_is_told_after_a_limit() -> None:
    aws = gateway(api("a"), delete_api=THROTTLED)
    with aws.time_flies(), pytest.raises(ClientError, match="TooManyRequests"):
        websocket().delete(aws, nothing)
    assert 120 <= aws.waited <= 400


def test_a_deletion_waits_for_its_turn_and_has_little_time_left_where_another_one_took_it_all() -> None:
    aws = gateway(api("a"), delete_api=THROTTLED)
    told: list[str] = []
    listen(told.append)

    def pause(seconds: float) -> None:
        aws.waited += seconds
        if aws.waited >= DELETE_LIMIT and not deleted(aws):
            aws.deleting_api.release()

    assert aws.deleting_api.acquire(blocking=False)
    with aws.time_flies(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatops.resources.api.time", SimpleNamespace(monotonic=lambda: aws.waited))
        patch.setattr(aws, "pause", pause)
        with pytest.raises(ClientError, match="TooManyRequests"):
            websocket().delete(aws, nothing)
    assert DELETE_LIMIT + DELETE_EVERY <= aws.waited <= DELETE_LIMIT + DELETE_EVERY + 5
    assert told[0] == "waiting for another API to be deleted"
    assert f", {DELETE_EVERY:.0f} s left)" in next(text for text in told if "left" in text)
    assert not aws.deleting_api.locked()


def test_one_that_somebody_deleted_meanwhile_is_fine() -> None:
    aws = gateway(api("a"), delete_api=GONE)
    websocket().delete(aws, nothing)
    assert deleted(aws) == ["a"]


def test_a_second_api_of_our_name_is_among_what_an_update_deletes() -> None:
    aws = gateway(api("young", 1), api("oldest", 3), api("theirs", 9, stack=None))
    assert plan(aws, websocket()).deletions == ["websocket_api.chat: the API young, a second one of this name"]
    assert plan(gateway(api("oldest")), websocket()).deletions == []


FOREIGN = [[None], ["another-stack"], [None, None], [None, "another-stack"]]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_down_deletes_ours_beside_foreign_ones_of_the_same_name_and_tells_of_them(foreign: list[str | None]) -> None:
    others = [api(f"foreign{number}", 60, owner) for number, owner in enumerate(foreign)]
    aws = gateway(api("ours"), *others, delete_api={})
    step = plan_to_delete(aws, websocket()).steps[0]
    assert step.action is Action.DELETE
    assert step.reason and all(one["ApiId"] in step.reason for one in others)
    script = aws.scripts["apigatewayv2"]
    script._answers["get_apis"] = [{"Items": [api("ours"), *others]}, {"Items": others}]
    outcome = carry_out(aws, plan_to_delete(gateway(api("ours"), *others), websocket()))
    assert not outcome.failed
    assert deleted(aws) == ["ours"]
    assert outcome.live["websocket_api.chat"] is None


@pytest.mark.parametrize("foreign", FOREIGN)
def test_down_keeps_foreign_ones_where_none_is_ours(foreign: list[str | None]) -> None:
    aws = gateway(*(api(f"foreign{number}", 60, owner) for number, owner in enumerate(foreign)))
    (step,) = plan_to_delete(aws, websocket()).steps
    assert step.action is Action.KEEP and step.reason
    assert not carry_out(aws, plan_to_delete(aws, websocket())).failed


def test_one_of_ours_that_is_gone_already_is_fine_beside_several_foreign_ones() -> None:
    aws = gateway(api("one", stack=None), api("two", stack=None))
    websocket().delete(aws, nothing)
    assert aws.scripts["apigatewayv2"].called("delete_api") == []


def test_on_the_local_aws_which_lists_tags_of_the_creation_an_adopted_api_is_the_stacks() -> None:
    untagged = {key: value for key, value in api("mine").items() if key != "Tags"}
    aws = gateway(untagged, api("tagged", name="x"), get_tags={"Tags": {STACK_TAG: STACK}})
    assert plan(aws, websocket(), adopt=True).of(Action.ADOPT), "AWS lists the tags of now, and is not asked twice"
    aws.front_url = "http://127.0.0.1:1"
    assert plan(aws, websocket()).in_sync
    (asked,) = aws.scripts["apigatewayv2"].given("get_tags")
    assert asked["ResourceArn"].endswith("/apis/mine")
