"""Who may invoke a function: exactly the routes that lead to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.resources import permission

from .stand import Scripted, ScriptedAws, client_error

CONNECT = "arn:aws:execute-api:ap-northeast-2:123456789012:abc/demo/$connect"
DEFAULT = "arn:aws:execute-api:ap-northeast-2:123456789012:abc/demo/$default"
ELSEWHERE = "arn:aws:execute-api:ap-northeast-2:123456789012:other/demo/$connect"
GATEWAY = {"Service": "apigateway.amazonaws.com"}
MISSING = client_error("ResourceNotFoundException", status=404)


def statement(sid: str, arn: str | None = None, principal: Any = GATEWAY, operator: str = "ArnLike") -> dict[str, Any]:
    condition = {"Condition": {operator: {"AWS:SourceArn": arn}}} if arn else {}
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction", **condition}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def permit(lambda_: Scripted, wanted: list[str], *live: dict[str, Any]) -> ScriptedAws:
    aws = ScriptedAws(lambda_=lambda_)
    permission.permit(aws, "send", wanted, live)
    return aws


def test_only_statements_about_this_api_or_about_any_are_told() -> None:
    about_this, about_any, about_all = statement("1", CONNECT), statement("2"), statement("3", "*")
    elsewhere, bucket = statement("4", ELSEWHERE), statement("5", principal={"Service": "s3.amazonaws.com"})
    lambda_ = Scripted(get_policy=policy(about_this, about_any, about_all, elsewhere, bucket))
    found = permission.statements(ScriptedAws(lambda_=lambda_), "send", "abc")
    assert [one["Sid"] for one in found] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("pattern", "is_about_ours"),
    [
        ("arn:aws:execute-api:ap-northeast-2:123456789012:*", True),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:*/*/sendMessage", True),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:ab?/demo/*", True),
        ("arn:aws:execute-api:*", True),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:abc/*", True),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:abc", True),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:x*/demo/*", False),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:abcd/*", False),
        ("arn:aws:execute-api:ap-northeast-2:123456789012:other/*/abc/", False),
    ],
)
def test_a_statement_about_apis_of_a_pattern_is_about_every_api_that_it_matches(
    pattern: str, is_about_ours: bool
) -> None:
    lambda_ = Scripted(get_policy=policy(statement("1", pattern)))
    assert bool(permission.statements(ScriptedAws(lambda_=lambda_), "send", "abc")) is is_about_ours


def test_a_function_without_a_policy_or_without_existence_lets_nobody_in() -> None:
    assert permission.statements(ScriptedAws(lambda_=Scripted(get_policy=MISSING)), "send", "abc") == []


@pytest.mark.parametrize("operator", ["ArnLike", "ArnEquals", "StringLike", "StringEquals"])
def test_the_source_is_found_under_every_operator(operator: str) -> None:
    assert permission.source(statement("1", CONNECT, operator=operator)) == CONNECT


def test_a_statement_without_a_source_lets_any_api_in() -> None:
    assert permission.source(statement("1")) == "*"
    only_account = statement("1") | {"Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}}}
    assert permission.source(only_account) == "*"


def test_a_route_without_a_statement_gets_one_for_its_exact_source() -> None:
    lambda_ = Scripted(add_permission={})
    permit(lambda_, [CONNECT])
    (sent,) = lambda_.given("add_permission")
    assert (sent["FunctionName"], sent["Action"], sent["SourceArn"]) == ("send", "lambda:InvokeFunction", CONNECT)
    assert sent["Principal"] == "apigateway.amazonaws.com"


def test_a_statement_has_the_same_id_on_every_run_and_its_own_for_every_route() -> None:
    ids = []
    for arn in (CONNECT, CONNECT, DEFAULT):
        lambda_ = Scripted(add_permission={})
        permit(lambda_, [arn])
        ids.append(lambda_.given("add_permission")[0]["StatementId"])
    assert ids[0] == ids[1] != ids[2]
    assert all(len(one) <= 100 and one.replace("-", "").isalnum() for one in ids)


def test_a_statement_that_is_there_is_left_alone() -> None:
    lambda_ = Scripted()
    permit(lambda_, [CONNECT], statement("by hand", CONNECT))
    assert lambda_.calls == []


def test_a_broad_statement_is_replaced_by_exact_ones_which_come_first() -> None:
    lambda_ = Scripted(add_permission={}, remove_permission={})
    permit(lambda_, [CONNECT, DEFAULT], statement("broad"))
    assert lambda_.called() == ["add_permission", "add_permission", "remove_permission"]
    assert lambda_.given("remove_permission") == [{"FunctionName": "send", "StatementId": "broad"}]


def test_a_statement_for_a_route_that_is_gone_goes() -> None:
    lambda_ = Scripted(remove_permission={})
    permit(lambda_, [CONNECT], statement("1", CONNECT), statement("2", DEFAULT))
    assert lambda_.given("remove_permission") == [{"FunctionName": "send", "StatementId": "2"}]


def test_a_statement_that_is_gone_already_is_fine() -> None:
    lambda_ = Scripted(remove_permission=MISSING)
    permit(lambda_, [], statement("1", CONNECT))
    assert lambda_.called() == ["remove_permission"]


def test_a_statement_that_another_run_added_meanwhile_is_fine() -> None:
    exists = client_error("ResourceConflictException", "The statement id (chatops-1) provided already exists.")
    lambda_ = Scripted(add_permission=exists)
    assert permit(lambda_, [CONNECT]).waited == 0
    assert lambda_.called() == ["add_permission"]


BUSY = [
    "The function could not be updated due to a concurrent update operation.",
    "The operation cannot be performed at this time. An update is in progress for resource: send",
]


@pytest.mark.parametrize("message", BUSY)
def test_a_function_that_is_busy_gets_its_statement_as_soon_as_it_lets(message: str) -> None:
    busy = client_error("ResourceConflictException", message, status=409)
    lambda_ = Scripted(add_permission=[busy, busy, {}])
    permit(lambda_, [CONNECT])
    assert lambda_.called() == ["add_permission"] * 3


def test_a_function_that_is_busy_loses_its_statement_as_soon_as_it_lets() -> None:
    busy = client_error("ResourceConflictException", BUSY[0], status=409)
    lambda_ = Scripted(remove_permission=[busy, {}])
    permit(lambda_, [], statement("1", CONNECT))
    assert lambda_.called() == ["remove_permission"] * 2


def test_any_other_error_is_raised() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        permit(Scripted(add_permission=client_error("AccessDeniedException")), [CONNECT])
