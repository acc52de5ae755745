"""https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html"""

from __future__ import annotations

from typing import Any

import pytest

from chatops.local.front.permission import is_allowed_to_invoke

FUNCTION = "arn:aws:lambda:ap-northeast-2:000000000000:function:send"
PREFIX = "arn:aws:execute-api:ap-northeast-2:000000000000:api1"
ROUTE = f"{PREFIX}/demo/sendMessage"


def statement(source: str | None = ROUTE, operator: str = "ArnLike", **more: Any) -> dict[str, Any]:
    condition = {"Condition": {operator: {"AWS:SourceArn": source}}} if source else {}
    return {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION,
        **condition,
        **more,
    }


def allows(*statements: dict[str, Any], source: str = ROUTE) -> bool:
    return is_allowed_to_invoke({"Version": "2012-10-17", "Statement": list(statements)}, FUNCTION, source)


@pytest.mark.parametrize(
    "source", [ROUTE, f"{PREFIX}/*", f"{PREFIX}/*/sendMessage", f"{PREFIX}/demo/send*", "arn:aws:execute-api:*", None]
)
def test_a_statement_for_the_route_or_more_lets_it_invoke(source: str | None) -> None:
    assert allows(statement(source))


@pytest.mark.parametrize(
    "source", [f"{PREFIX}/demo/$connect", f"{PREFIX}/prod/sendMessage", ROUTE.replace("api1", "api2"), f"{PREFIX}/demo"]
)
def test_a_statement_for_another_route_stage_or_api_does_not(source: str) -> None:
    assert not allows(statement(source))


@pytest.mark.parametrize("operator", ["ArnLike", "ArnEquals", "StringEquals", "StringLike"])
def test_each_way_to_name_the_source_is_understood(operator: str) -> None:
    assert allows(statement(operator=operator))
    assert not allows(statement(operator=operator), source=f"{PREFIX}/demo/$connect")


def test_a_star_is_no_wildcard_for_string_equals() -> None:
    assert not allows(statement(f"{PREFIX}/*", operator="StringEquals"))


@pytest.mark.parametrize(
    "more",
    [
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
        {"Action": "lambda:GetFunction"},
        {"Resource": FUNCTION + "2"},
    ],
)
def test_a_statement_about_somebody_or_something_else_does_not(more: dict[str, Any]) -> None:
    assert not allows(statement(**more))


def test_a_denial_wins() -> None:
    assert not allows(statement(), statement(Effect="Deny"))


def test_the_account_of_the_source_may_be_named() -> None:
    both = {"ArnLike": {"AWS:SourceArn": ROUTE}, "StringEquals": {"AWS:SourceAccount": "000000000000"}}
    assert allows(statement(Condition=both))
    both["StringEquals"]["AWS:SourceAccount"] = "111111111111"
    assert not allows(statement(Condition=both))


def test_a_function_without_a_policy_is_not_invoked() -> None:
    assert not is_allowed_to_invoke(None, FUNCTION, ROUTE)
