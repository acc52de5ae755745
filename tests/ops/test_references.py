"""Text that CloudFormation fills in: names of ours become its references, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatops.ops.references import Anywhere, capitalized, ref, referring


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("plain", "plain"),
        (ref("Table"), {"Ref": "Table"}),
        (ref("Table.Arn"), {"Fn::GetAtt": ["Table", "Arn"]}),
        (f"wss://{ref('Api')}.x", {"Fn::Sub": "wss://${Api}.x"}),
        (f"{ref('A')}{ref('B.Arn')}", {"Fn::Sub": "${A}${B.Arn}"}),
        (f"${{mine}}/{ref('A')}", {"Fn::Sub": "${!mine}/${A}"}),
        ("${mine}", "${mine}"),
        (5, 5),
        (None, None),
    ],
)
def test_a_name_becomes_the_reference_that_fits_where_it_stands(value: Any, told: Any) -> None:
    assert referring(value) == told


def test_names_are_found_inside_of_lists_and_mappings_but_not_in_keys() -> None:
    given = {"a": [ref("A"), {"b": ("x", ref("B"))}]}
    assert referring(given) == {"a": [{"Ref": "A"}, {"b": ["x", {"Ref": "B"}]}]}


def test_a_logical_name_is_letters_and_digits_without_references() -> None:
    assert capitalized("role", f"websocket-send-{ref('AWS::Region')}") == "RoleWebsocketSend"
    assert capitalized("route", "GET /a/{b+}") == "RouteGETAB"


def test_an_arn_of_anywhere_differs_by_references_only() -> None:
    told = referring(Anywhere().arn("dynamodb", "table/people"))
    assert told == {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/people"}
    assert "\\u0000" not in json.dumps(told)
