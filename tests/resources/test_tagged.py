"""What a listing of many things is believed, and for what it is not enough."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatops.deploy.resource import sharing
from chatops.resources.tagged import owner, tag_list, tag_value

from .stand import STACK, Scripted, ScriptedAws

TABLE = "arn:aws:dynamodb:ap-northeast-2:123456789012:table/connections"
GROUP = "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/lambda/send"


def aws(*arns: str) -> ScriptedAws:
    """An AWS whose Tagging API lists these."""
    listed = {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in arns]}
    return ScriptedAws(resourcegroupstaggingapi=Scripted(get_resources=listed))


def answer(given: str | None) -> Callable[[], str | None]:
    return lambda: given


def test_what_is_listed_as_ours_is_not_asked() -> None:
    with sharing(hearsay=True):
        assert owner(aws(TABLE), STACK, TABLE, lambda: pytest.fail("it was asked")) == STACK


def test_a_log_groups_arn_may_be_listed_with_a_star_at_its_end() -> None:
    with sharing(hearsay=True):
        assert owner(aws(GROUP + ":*"), STACK, GROUP, lambda: pytest.fail("it was asked")) == STACK


@pytest.mark.parametrize("whose", [STACK, "another", None])
def test_what_is_not_listed_is_asked_since_the_listing_may_lag(whose: str | None) -> None:
    with sharing(hearsay=True):
        assert owner(aws(), STACK, TABLE, answer(whose)) == whose


def test_what_may_be_deleted_is_asked_although_it_is_listed() -> None:
    with sharing():
        assert owner(aws(TABLE), STACK, TABLE, answer(None)) is None
    assert owner(aws(TABLE), STACK, TABLE, answer(None)) is None


def test_the_listing_is_read_once_for_all() -> None:
    one = aws(TABLE, GROUP)
    with sharing(hearsay=True):
        for arn in (TABLE, GROUP):
            assert owner(one, STACK, arn, answer(None)) == STACK
    assert one.scripts["resourcegroupstaggingapi"].called() == ["get_resources"]


def test_tags_as_a_list_and_back() -> None:
    tags = tag_list({"a": "1", "b": "2"})
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert (tag_value(tags, "b"), tag_value(tags, "c"), tag_value([], "a")) == ("2", None, None)
