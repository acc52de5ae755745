"""Limits of a stage and of single routes, also of routes that go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chatops.resources import throttle
from chatops.resources.throttle import Limit

from .api_gateway import Seen, listening
from .stand import Scripted, ScriptedAws, StandAws, client_error, plan, up, websocket_stage


@pytest.mark.e2e
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


def test_a_limit_is_read_as_it_was_given_and_whole_numbers_as_whole_ones() -> None:
    for given in ({"rate": 50, "burst": 100}, {"rate": 0.5, "burst": 0}):
        assert throttle.limit_in(throttle.settings(given)) == given
    whole = throttle.limit_in({"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 1})
    assert whole and isinstance(whole["rate"], int)


def test_a_stage_or_route_without_settings_of_its_own_has_no_limit() -> None:
    assert throttle.limit_in({"LoggingLevel": "OFF"}) is None
    assert throttle.limit_in({"ThrottlingBurstLimit": 5}) == {"rate": None, "burst": 5}


LIMITED = {"DefaultRouteSettings": throttle.settings({"rate": 9, "burst": 9}), "RouteSettings": {**SETTINGS, "x": {}}}


def test_without_a_limit_of_ours_what_others_set_is_no_difference() -> None:
    assert throttle.live(LIMITED, None, {}) == throttle.desired(None, {})
    assert throttle.route_settings(throttle.desired(None, {})) == {}


def test_with_a_limit_of_ours_every_other_limit_is_a_difference() -> None:
    live = throttle.live(LIMITED, Limit(50, 100), {})
    assert live["throttle"] == {"rate": 9, "burst": 9}
    assert live["route_throttles"] == {key: {"rate": 5, "burst": 9} for key in SETTINGS}
    assert throttle.live({}, Limit(50, 100), {}) == {"throttle": None, "route_throttles": {}}


def test_limits_are_set_only_where_they_differ() -> None:
    client = Scripted(update_stage={})
    wanted = throttle.desired(Limit(50, 100), {"$connect": Limit(5, 9)})
    throttle.apply(ScriptedAws(apigatewayv2=client), "abc", "demo", wanted, wanted)
    assert client.calls == []
    throttle.apply(ScriptedAws(apigatewayv2=client), "abc", "demo", wanted, {**wanted, "throttle": None})
    (given,) = client.given("update_stage")
    assert (given["StageName"], given["RouteSettings"]) == ("demo", {"$connect": SETTINGS["$connect"]})
    assert given["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100}
