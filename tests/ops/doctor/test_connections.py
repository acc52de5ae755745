"""Rows of connections that have ended."""

from __future__ import annotations

import pytest

from chatops.ops.doctor import examine
from chatops.stack import Stack

from .breakages import WARNING, again, bad

pytestmark = pytest.mark.e2e


def test_many_stale_rows_are_a_warning_and_few_are_not(stack: Stack) -> None:
    for number in range(12):
        item = {"connectionId": {"S": f"gone{number}="}}
        stack.aws.client("dynamodb").put_item(TableName="websocket-connections", Item=item)
        if number == 8:
            assert bad(examine(lambda: again(stack))) == [], "nine are not worth a word"
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.hint) == (WARNING, "chatops prune")
    assert found.what == "12 of 12 rows that were asked about are stale"
