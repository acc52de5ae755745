"""The status as `--json` prints it, which is a promise."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change, Live
from chatops.documents import status as documents
from chatops.errors import UsageError
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Reading
from chatops.resources.log_group import LogGroup

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
NOW = datetime(2025, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def step(action: Action, *changes: Change, reason: str | None = None, hint: str | None = None) -> Step:
    return Step(LogGroup("chat", "send", 14), action, changes, reason, hint)


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_a_state_of_a_resource(action: Action) -> None:
    assert documents.resource_state(step(action))


def test_what_no_stage_serves_is_not_live() -> None:
    live = Change("stages.demo.deployment", "a", "b")
    assert documents.resource_state(step(Action.UPDATE, live)) == "not live"
    assert documents.resource_state(step(Action.UPDATE, live, Change("unused_deployments", ["d1"], []))) == "not live"
    missing = Change("stages.demo", None, {"auto_deploy": False})
    assert documents.resource_state(step(Action.UPDATE, missing)) == "not live"
    assert documents.resource_state(step(Action.UPDATE, live, Change("routes.x", None, {}))) == "drifted"
    assert documents.resource_state(step(Action.KEEP)) == "ok"


@pytest.mark.parametrize(
    "change",
    [
        Change("stages.demo.auto_deploy", True, False),
        Change("stages.demo.throttle.rate", 1, 50),
        Change("stages.earlier", {"auto_deploy": False}, None),
        Change("unused_deployments", ["d1"], []),
    ],
)
def test_a_stage_that_serves_the_routes_and_differs_otherwise_is_drifted(change: Change) -> None:
    assert documents.resource_state(step(Action.UPDATE, change)) == "drifted"


def test_what_exists_or_is_missing_is_told_in_a_word() -> None:
    live = Change("stages.demo.deployment", "a", "b")
    assert documents.resource_state(step(Action.KEEP)) == "ok"
    assert documents.resource_state(step(Action.CREATE, live)) == "missing"


@pytest.mark.parametrize("key", ["state", "last_update_status"])
def test_a_function_that_lambda_reports_failed_is_failing_though_it_is_as_the_config_says(key: str) -> None:
    failed, active = Live({}, {key: "Failed"}), Live({}, {"state": "Active", "last_update_status": "Successful"})
    assert documents.resource_state(step(Action.KEEP), failed) == "failing"
    assert documents.resource_state(step(Action.KEEP), active) == "ok"


def test_a_status_says_what_kept_it_from_asking() -> None:
    reading = Reading(Plan(()), {}, Roster((Connection("a="),), 1), UsageError("a-code", "What", "why", "hint"))
    document = documents.status_document(WHERE, reading)
    assert document["trouble"]["what"] == "What"
    assert (document["live"], document["stale"], document["unknown"]) == (0, 0, 1)


def test_the_status_has_resources_addresses_and_connections() -> None:
    listed = (
        Connection("live=", True, NOW, NOW, "192.0.2.1", "wscat"),
        Connection("stale=", False),
        Connection("unknown="),
    )
    outputs = {"websocket_url": "wss://x/demo", "http_urls": {}}
    document = documents.status_document(WHERE, Reading(Plan((step(Action.KEEP),)), outputs, Roster(listed, 7)))
    assert {key: document[key] for key in ("stack", "account", "region", "websocket_url", "live", "stale")} == {
        **WHERE,
        "websocket_url": "wss://x/demo",
        "live": 1,
        "stale": 1,
    }
    assert (document["unknown"], document["rows"], document["trouble"]) == (5, 7, None)
    assert document["resources"] == [{"name": NAME, "state": "ok"}]
    assert [one["connection_id"] for one in document["connections"]] == ["live=", "stale=", "unknown="]
    assert json.loads(json.dumps(document)) == document


def test_a_connection_has_its_times_in_utc_and_its_ages_in_whole_seconds() -> None:
    seoul = timezone(timedelta(hours=9))
    one = Connection(
        "a=", True, datetime(2025, 1, 31, 20, 58, 30, 125000, seoul), NOW - timedelta(seconds=5.9), "::1", "x"
    )
    document = documents.connection_document(one, NOW)
    left = {"idle_seconds_left": 594, "life_seconds_left": 7110, "seconds_left": 594}
    assert document == {
        "connection_id": "a=",
        "state": "live",
        "connected_at": "2025-01-31T11:58:30.125Z",
        "last_active_at": "2025-01-31T11:59:54.100Z",
        "source_ip": "::1",
        "user_agent": "x",
        "idle_seconds": 5,
        "age_seconds": 89,
        **left,
    }


def test_a_row_that_nobody_asked_about_has_its_id_and_nothing_made_up() -> None:
    document = documents.connection_document(Connection("a="), NOW)
    assert document.pop("connection_id") == "a="
    assert document.pop("state") == "unknown"
    assert set(document.values()) == {None}
    assert {"connected_at", "last_active_at", "source_ip", "user_agent", "idle_seconds", "age_seconds"} <= set(document)


@pytest.mark.parametrize(("is_live", "state"), [(True, "live"), (False, "stale")])
def test_a_connection_is_live_or_stale(is_live: bool, state: str) -> None:
    assert documents.connection_document(Connection("a=", is_live), NOW)["state"] == state


def test_a_clock_that_runs_behind_makes_no_negative_age() -> None:
    document = documents.connection_document(Connection("a=", True, NOW + timedelta(seconds=9)), NOW)
    assert document["age_seconds"] == 0
