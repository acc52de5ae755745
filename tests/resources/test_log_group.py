"""The log group: its retention, and telling it from those whose names begin like its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatops.aws import STACK_TAG
from chatops.deploy.plan import Action
from chatops.resources.log_group import LogGroup

from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    client_error,
    down,
    live,
    log_group,
    plan,
    properties,
    stand_aws,
    up,
)

NAME = "/aws/lambda/send"


@pytest.fixture
def aws(moto: Callable[[], None]) -> StandAws:
    moto()
    return stand_aws()


def test_a_log_group_has_the_name_that_lambda_writes_to_and_expires(aws: StandAws) -> None:
    up(aws, log_group())
    (found,) = aws.client("logs").describe_log_groups()["logGroups"]
    assert (found["logGroupName"], found["retentionInDays"]) == (NAME, 14)


def test_one_that_keeps_its_events_for_ever_is_a_difference_and_repaired(aws: StandAws) -> None:
    up(aws, log_group())
    aws.client("logs").delete_retention_policy(logGroupName=NAME)
    (step,) = plan(aws, log_group()).steps
    assert [(change.path, change.before, change.after) for change in step.changes] == [("retention", None, 14)]
    up(aws, log_group())
    assert properties(aws, log_group()) == {"retention": 14}


def test_one_whose_name_only_begins_like_ours_is_not_ours(aws: StandAws) -> None:
    up(aws, LogGroup(STACK, "send-more", 30))
    assert live(aws, log_group()) is None
    up(aws, log_group())
    down(aws, log_group())
    assert live(aws, log_group()) is None
    assert properties(aws, LogGroup(STACK, "send-more", 30)) == {"retention": 30}


def test_one_that_lambda_made_by_itself_is_blocked_until_it_may_be_adopted(aws: StandAws) -> None:
    aws.client("logs").create_log_group(logGroupName=NAME)
    aws.client("logs").create_log_stream(logGroupName=NAME, logStreamName="1")
    assert plan(aws, log_group()).steps[0].action is Action.BLOCKED
    up(aws, log_group(), adopt=True)
    assert plan(aws, log_group()).in_sync
    assert aws.client("logs").describe_log_streams(logGroupName=NAME)["logStreams"]


def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    up(aws, log_group())
    aws.client("logs").tag_resource(resourceArn=log_group().arn(aws), tags={"team": "chat"})
    assert plan(aws, log_group()).in_sync
    up(aws, log_group())
    tags = aws.client("logs").list_tags_for_resource(resourceArn=log_group().arn(aws))["tags"]
    assert tags == {STACK_TAG: STACK, "team": "chat"}


def test_one_that_goes_while_it_is_observed_is_not_there() -> None:
    logs = Scripted(
        describe_log_groups={"logGroups": [{"logGroupName": NAME}]},
        list_tags_for_resource=client_error("ResourceNotFoundException"),
    )
    assert live(ScriptedAws(logs=logs), log_group()) is None


@pytest.mark.parametrize("before", [None, 365])
def test_a_retention_that_becomes_shorter_deletes_log_events(before: int | None) -> None:
    group = {"logGroupName": NAME, "creationTime": 1_600_000_000_000}
    logs = Scripted(
        describe_log_groups={"logGroups": [{**group, **({"retentionInDays": before} if before else {})}]},
        list_tags_for_resource={"tags": {STACK_TAG: STACK}},
    )
    made = plan(ScriptedAws(logs=logs), log_group())
    assert made.deletions == [f"log_group.{NAME}: log events older than 14 days"]


def test_a_retention_that_becomes_longer_deletes_nothing(aws: StandAws) -> None:
    up(aws, LogGroup(STACK, "send", 7))
    made = plan(aws, log_group())
    assert made.of(Action.UPDATE) and made.deletions == []


def test_a_group_that_an_interrupted_run_left_without_a_retention_loses_nothing(aws: StandAws) -> None:
    aws.client("logs").create_log_group(logGroupName=NAME, tags={STACK_TAG: STACK})
    made = plan(aws, log_group())
    assert made.of(Action.UPDATE) and made.deletions == []


def test_an_adoption_that_sets_a_retention_deletes_log_events(aws: StandAws) -> None:
    aws.client("logs").create_log_group(logGroupName=NAME)
    assert plan(aws, log_group(), adopt=True).deletions == [f"log_group.{NAME}: log events older than 14 days"]
