"""Looking again and again: at the resources now and then, at the connections each time, whatever fails meanwhile."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chatops import plans
from chatops.deploy.resource import Live
from chatops.ops import addresses, watch
from chatops.ops.connections import Connection
from chatops.ops.roster import Roster
from chatops.ops.watch import Watch
from chatops.resources.table import Table

AWAY = EndpointConnectionError(endpoint_url="https://x", error="refused")


class Stack:
    """A stack whose plans, addresses and rows are written down."""

    def __init__(self) -> None:
        self.plans, self.urls, self.pauses = 0, "http://127.0.0.1:1/a/demo", list[float]()
        self.error: Exception | None = None
        self.aws: Any = SimpleNamespace(pause=self.pauses.append, stop=None, http=lambda *_: None)
        self.config = SimpleNamespace(table=None, stack="chat")
        self.aws.account, self.aws.region = "123456789012", "ap-northeast-2"
        self.table = Table("chat", "connections", "connectionId")
        self.owners: dict[str, str | None] = {"table.connections": "chat"}

    def plan(self) -> Any:
        self.plans += 1
        if self.error:
            raise self.error
        key = {"key": {"connectionId": "S"}}
        live = {name: Live(key, owner=owner) for name, owner in self.owners.items()}
        return SimpleNamespace(number=self.plans, live=live)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setattr(addresses, "outputs", lambda *_: {})
    monkeypatch.setattr(addresses, "connections_among", lambda stack, _: stack.urls)
    monkeypatch.setattr(plans, "up", lambda stack: stack.plan())
    return Stack()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """By what each look asked about the connections; the table has two thousand rows."""
    asked: list[Any] = []

    def read(_: Any, table: Any, management: Any, **__: Any) -> Roster:
        asked.append(management)
        return Roster((Connection("a=", True),), 2000) if table else Roster()

    monkeypatch.setattr(watch, "read", read)
    return asked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("chatops.ops.watch.time.monotonic", lambda: clock.now)
    return clock


def test_the_resources_are_looked_at_again_after_a_while(stack: Any, asked: list[Any], clock: SimpleNamespace) -> None:
    mine = Watch(stack)
    mine.look()
    clock.now += watch.PLANNED_EVERY - 1
    mine.look()
    assert stack.plans == 1
    clock.now += 1
    reading: Any = mine.look()
    assert reading.plan.number == stack.plans == 2


def test_an_api_that_was_made_anew_is_asked_and_one_that_stays_is_asked_by_the_same_pool(
    stack: Any, asked: list[Any], clock: SimpleNamespace
) -> None:
    mine = Watch(stack)
    mine.look()
    mine.look()
    assert asked[0] is asked[1]
    stack.urls = "http://127.0.0.1:1/b/demo"
    mine.look()
    assert asked[2] is not asked[0]
    stack.urls = None
    mine.look()
    assert asked[3] is None


def test_a_network_that_is_away_is_told_and_ends_nothing(stack: Any, asked: list[Any], clock: SimpleNamespace) -> None:
    mine = Watch(stack)
    mine.look()
    clock.now += watch.PLANNED_EVERY
    stack.error = AWAY
    reading: Any = mine.look()
    assert (reading.trouble, reading.plan.number) == (AWAY, 1)
    stack.error = None
    clock.now += watch.PLANNED_EVERY
    assert mine.look().trouble is None


def test_without_a_first_look_at_the_resources_there_is_nothing_to_watch(stack: Any, asked: list[Any]) -> None:
    stack.error = AWAY
    with pytest.raises(EndpointConnectionError):
        Watch(stack).look()


def test_many_rows_are_asked_about_less_often(stack: Any, asked: list[Any]) -> None:
    list(islice(Watch(stack).looks(), 2))
    assert stack.pauses == [1.0, 2000 / watch.ROWS_PER_SECOND]


@pytest.mark.parametrize("owner", [None, "another"])
def test_a_stack_of_which_nothing_carries_the_tag_does_not_exist_and_no_table_is_read(
    stack: Any, asked: list[Any], owner: str | None
) -> None:
    stack.owners = {"table.connections": owner}
    reading: Any = Watch(stack).look()
    assert (reading.exists, reading.trouble.code, reading.roster.total, asked) == (False, "not-deployed", 0, [])
    assert "account 123456789012, region ap-northeast-2" in reading.trouble.what
    assert "table.connections" in reading.trouble.why and "chatops find" in reading.trouble.hint


def test_a_stack_of_which_a_part_exists_is_read(stack: Any, asked: list[Any]) -> None:
    stack.owners = {"role.send": "chat"}
    reading: Any = Watch(stack).look()
    assert (reading.exists, reading.trouble, len(asked)) == (True, None, 1)


@pytest.mark.parametrize("owner", [None, "other"])
def test_a_table_that_is_not_the_stacks_lists_nobody_and_says_so(
    stack: Any, asked: list[Any], clock: SimpleNamespace, owner: str | None
) -> None:
    stack.owners = {"table.connections": owner, "role.send": "chat"}
    reading: Any = Watch(stack).look()
    assert reading.roster.rows == ()
    assert reading.trouble.code == "table-not-ours"
