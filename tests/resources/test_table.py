"""The table: its key, its time to live, and the waiting that DynamoDB asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chatops.aws import STACK_TAG, TimedOut
from chatops.deploy.plan import Action
from chatops.deploy.resource import Blocked, Change, Live
from chatops.resources.table import Table

from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    carry_out,
    client_error,
    live,
    plan,
    properties,
    stand_aws,
    table,
    up,
)

DESIRED = {"key": {"connectionId": "S"}, "billing": "PAY_PER_REQUEST", "time_to_live": "expiresAt"}
MISSING = client_error("ResourceNotFoundException")
ENABLED = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}}


@pytest.fixture
def aws(moto: Callable[[], None]) -> StandAws:
    moto()
    return stand_aws()


def made_by_hand(aws: StandAws, key: str = "connectionId", sort: str | None = None, **other: Any) -> None:
    """A table of ours in every other respect."""
    keys = [key, *([sort] if sort else [])]
    given: dict[str, Any] = {
        "TableName": "connections",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": one, "KeyType": kind} for one, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in keys],
        "Tags": [{"Key": STACK_TAG, "Value": STACK}],
    }
    aws.client("dynamodb").create_table(**{**given, **other})


def described(status: str) -> dict[str, Any]:
    return {
        "Table": {
            "TableStatus": status,
            "TableArn": "arn:aws:dynamodb:ap-northeast-2:123456789012:table/connections",
            "KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "connectionId", "AttributeType": "S"}],
        }
    }


def test_a_table_is_on_demand_with_one_string_key_and_a_time_to_live(aws: StandAws) -> None:
    up(aws, table())
    found = aws.client("dynamodb").describe_table(TableName="connections")["Table"]
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    assert found["AttributeDefinitions"] == [{"AttributeName": "connectionId", "AttributeType": "S"}]
    ttl = aws.client("dynamodb").describe_time_to_live(TableName="connections")
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expiresAt"
    assert properties(aws, table()) == DESIRED


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    ("key", "sort"), [("id", None), ("connectionId", "when")], ids=["another name", "a sort key beside it"]
)
def test_another_key_is_blocked_with_what_to_do(aws: StandAws, key: str, sort: str | None, adopt: bool) -> None:
    made_by_hand(aws, key, sort)
    (step,) = plan(aws, table(), adopt=adopt).steps
    assert step.action is Action.BLOCKED
    assert step.hint and "Choose another table name" in step.hint


def test_a_key_of_another_type_is_blocked(aws: StandAws) -> None:
    made_by_hand(aws, AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "N"}])
    (step,) = plan(aws, table()).steps
    assert step.action is Action.BLOCKED
    assert step.changes[0].path == "key.connectionId"


def test_provisioned_capacity_is_a_difference_and_becomes_on_demand(aws: StandAws) -> None:
    capacity = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    made_by_hand(aws, BillingMode="PROVISIONED", ProvisionedThroughput=capacity)
    assert properties(aws, table()) == {**DESIRED, "billing": "PROVISIONED", "time_to_live": None}
    up(aws, table())
    assert properties(aws, table()) == DESIRED


def test_a_time_to_live_on_another_attribute_is_a_difference_and_repaired(aws: StandAws) -> None:
    made_by_hand(aws)
    other = {"Enabled": True, "AttributeName": "other"}
    aws.client("dynamodb").update_time_to_live(TableName="connections", TimeToLiveSpecification=other)
    (step,) = plan(aws, table()).steps
    assert [(change.path, change.before) for change in step.changes] == [("time_to_live", "other")]
    up(aws, table())
    assert properties(aws, table()) == DESIRED


def test_a_time_to_live_that_may_be_changed_once_an_hour_is_finished_by_a_run_in_an_hour() -> None:
    text = "Time to live has been modified multiple times within a fixed interval"
    too_soon = client_error("ValidationException", text, "UpdateTimeToLive")
    other = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "other"}}
    off = {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    dynamodb = Scripted(
        describe_table=described("ACTIVE"),
        describe_time_to_live=[other, off],
        update_time_to_live=[{}, too_soon, {}],
    )
    aws, changes = ScriptedAws(dynamodb=dynamodb), [Change("time_to_live", "other", "expiresAt")]
    with pytest.raises(Blocked, match="once an hour") as refused:
        table().update(aws, changes, DESIRED, lambda _: None)
    assert "again in an hour" in refused.value.hint
    table().update(aws, changes, DESIRED, lambda _: None)
    sent = [one["TimeToLiveSpecification"] for one in dynamodb.given("update_time_to_live")]
    on = {"Enabled": True, "AttributeName": "expiresAt"}
    assert sent == [{"Enabled": False, "AttributeName": "other"}, on, on]


def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    up(aws, table())
    arn = table().arn(aws)
    aws.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "chat"}])
    assert plan(aws, table()).in_sync
    assert carry_out(aws, plan(aws, table())).done == {"table.connections": Action.KEEP}
    tags = aws.client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert {one["Key"]: one["Value"] for one in tags} == {STACK_TAG: STACK, "team": "chat"}


def test_the_rows_survive_an_update(aws: StandAws) -> None:
    made_by_hand(aws)
    row = {"connectionId": {"S": "abc="}}
    aws.client("dynamodb").put_item(TableName="connections", Item=row)
    up(aws, table())
    assert aws.client("dynamodb").scan(TableName="connections")["Items"] == [row]


def test_a_table_that_is_being_deleted_is_waited_for_and_then_is_not_there() -> None:
    dynamodb = Scripted(describe_table=[described("DELETING"), described("DELETING"), described("DELETING"), MISSING])
    aws = ScriptedAws(dynamodb=dynamodb)
    assert live(aws, table()) is None
    assert aws.waited > 0
    assert set(dynamodb.called()) == {"describe_table"}


def test_the_time_to_live_is_set_only_once_the_table_is_active() -> None:
    disabled = {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
    dynamodb = Scripted(
        create_table={},
        describe_table=[described("CREATING"), described("CREATING"), described("ACTIVE")],
        describe_time_to_live=disabled,
        update_time_to_live={},
    )
    table().create(ScriptedAws(dynamodb=dynamodb), DESIRED, lambda _: None)
    calls = dynamodb.called("create_table", "describe_table", "update_time_to_live")
    assert calls == ["create_table", *["describe_table"] * 3, "update_time_to_live"]


@pytest.mark.parametrize("status", ["ENABLED", "ENABLING"])
def test_a_time_to_live_that_is_right_already_is_not_set_again(status: str) -> None:
    enabled = {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": "expiresAt"}}
    dynamodb = Scripted(create_table={}, describe_table=described("ACTIVE"), describe_time_to_live=enabled)
    table().create(ScriptedAws(dynamodb=dynamodb), DESIRED, lambda _: None)
    assert "update_time_to_live" not in dynamodb.called()


def test_a_table_that_never_becomes_active_is_told_after_a_limit() -> None:
    aws = ScriptedAws(dynamodb=Scripted(create_table={}, describe_table=described("CREATING")))
    with aws.time_flies(), pytest.raises(TimedOut, match="table connections becoming ACTIVE"):
        table().create(aws, DESIRED, lambda _: None)
    assert 60 < aws.waited < 300


def test_a_table_that_is_busy_is_deleted_as_soon_as_it_lets() -> None:
    busy = client_error("ResourceInUseException", "Table is being updated")
    dynamodb = Scripted(delete_table=[busy, busy, {}], describe_table=[described("DELETING"), MISSING])
    table().delete(ScriptedAws(dynamodb=dynamodb), lambda _: None)
    assert dynamodb.called() == [*["delete_table"] * 3, "describe_table", "describe_table"]


def test_an_error_that_does_not_pass_by_itself_is_raised_at_once() -> None:
    dynamodb = Scripted(delete_table=client_error("AccessDeniedException"))
    with pytest.raises(type(MISSING), match="AccessDenied"):
        table().delete(ScriptedAws(dynamodb=dynamodb), lambda _: None)
    assert dynamodb.called() == ["delete_table"]


def test_a_table_that_goes_while_it_is_observed_is_not_there() -> None:
    dynamodb = Scripted(
        describe_table=described("ACTIVE"), list_tags_of_resource={"Tags": []}, describe_time_to_live=MISSING
    )
    assert live(ScriptedAws(dynamodb=dynamodb), table()) is None


def test_a_table_that_goes_before_its_tags_are_read_is_not_there() -> None:
    denied = client_error("AccessDeniedException")
    dynamodb = Scripted(
        describe_table=[described("ACTIVE"), MISSING], list_tags_of_resource=denied, describe_time_to_live=ENABLED
    )
    assert live(ScriptedAws(dynamodb=dynamodb), table()) is None


def test_tags_that_may_not_be_read_are_an_error_while_the_table_exists() -> None:
    denied = client_error("AccessDeniedException")
    dynamodb = Scripted(describe_table=described("ACTIVE"), list_tags_of_resource=denied, describe_time_to_live=ENABLED)
    with pytest.raises(type(MISSING), match="AccessDenied"):
        live(ScriptedAws(dynamodb=dynamodb), table())


def test_the_owner_is_the_value_of_the_tag() -> None:
    for tags, owner in (
        ([], None),
        ([{"Key": "x", "Value": STACK}], None),
        ([{"Key": STACK_TAG, "Value": "other"}], "other"),
    ):
        dynamodb = Scripted(
            describe_table=described("ACTIVE"), list_tags_of_resource={"Tags": tags}, describe_time_to_live=ENABLED
        )
        found = live(ScriptedAws(dynamodb=dynamodb), table())
        assert found and not isinstance(found, Blocked)
        assert found.owner == owner


def test_a_table_may_have_any_key() -> None:
    assert Table(STACK, "t", "id").desired(ScriptedAws(), lambda _: None)["key"] == {"id": "S"}


def test_an_adoption_that_sets_the_time_to_live_deletes_items(aws: StandAws) -> None:
    up(aws, table())
    arn = table().arn(aws)
    aws.client("dynamodb").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])
    assert plan(aws, table(), adopt=True).deletions == []
    off = {"Enabled": False, "AttributeName": "expiresAt"}
    aws.client("dynamodb").update_time_to_live(TableName=table().table, TimeToLiveSpecification=off)
    adopted = plan(aws, table(), adopt=True)
    assert adopted.deletions == [f"{table().name}: items whose expiresAt has passed"]
    table().tag(aws, lambda _: None)
    mended = plan(aws, table())
    assert mended.of(Action.UPDATE) and mended.deletions == []


@pytest.mark.parametrize("owner", [STACK, "other", None])
def test_what_a_listing_says_makes_no_owned_table_until_the_tag_confirms_it(owner: str | None) -> None:
    said = Live({"key": {"connectionId": "S"}}, owner=STACK, is_hearsay=True)
    assert table().owned(said) is None
    tags = [{"Key": STACK_TAG, "Value": owner}] if owner else []
    dynamodb = Scripted(list_tags_of_resource={"Tags": tags})
    confirmed = table().owned(table().confirmed(ScriptedAws(dynamodb=dynamodb), said))
    assert (confirmed is not None) == (owner == STACK)
    assert dynamodb.called() == ["list_tags_of_resource"]


def test_a_table_that_is_gone_by_now_is_not_confirmed() -> None:
    said = Live({"key": {"connectionId": "S"}}, owner=STACK, is_hearsay=True)
    dynamodb = Scripted(list_tags_of_resource=client_error("ResourceNotFoundException"))
    assert table().confirmed(ScriptedAws(dynamodb=dynamodb), said) is None
