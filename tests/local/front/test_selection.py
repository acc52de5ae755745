from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatops.local.front.selection import route_key

ACTION = "$request.body.action"


@pytest.mark.parametrize(
    ("expression", "message", "key"),
    [
        (ACTION, '{"action": "join"}', "join"),
        ("${request.body.action}", '{"action": "join"}', "join"),
        ("$request.body.data.room", '{"data": {"room": "r1"}}', "r1"),
        ("$request.body.list[1].kind", '{"list": [1, {"kind": "x"}]}', "x"),
        ("$request.body['odd name']", '{"odd name": "x"}', "x"),
        (ACTION, '{"action": 5}', "5"),
        (ACTION, '{"action": true}', "true"),
        (ACTION, '{"action": ["a", "b"]}', "[a, b]"),
    ],
)
def test_a_message_selects_the_route_that_it_names(expression: str, message: str, key: str) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html"""
    assert route_key(expression, message) == key


@pytest.mark.parametrize(
    "message", ["ping", "", "[]", "{}", '{"action": null}', '"action"', '{"Action": "x"}', "[" * 9999]
)
def test_a_message_that_names_none_selects_the_default_route(message: str) -> None:
    assert route_key(ACTION, message) == "$default"


@pytest.mark.parametrize("key", ["$connect", "$disconnect", "$default"])
def test_a_message_cannot_select_a_predefined_route(key: str) -> None:
    assert route_key(ACTION, f'{{"action": "{key}"}}') == "$default"


@pytest.mark.parametrize("expression", ["", "action", "$request.header.x", "$request.body.[", "$request.body..a"])
def test_an_expression_of_another_kind_selects_the_default_route(expression: str) -> None:
    assert route_key(expression, '{"action": "join"}') == "$default"


@given(st.text(), st.text())
def test_no_message_and_no_expression_is_too_strange(expression: str, message: str) -> None:
    assert isinstance(route_key(expression, message), str)
    assert isinstance(route_key(ACTION, message), str)
