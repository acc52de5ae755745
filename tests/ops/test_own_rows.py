"""Telling one's own rows from those of everybody else in the chat, and leaving none behind."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from chatops.aws import Aws
from chatops.ops import connections
from chatops.ops.connections import Connection
from chatops.ops.management import Management
from chatops.ops.own_rows import OwnRows
from chatops.resources.table import OwnedTable


class Chat:
    """A table's rows, and what API Gateway knows of those that live: each one's user agent."""

    def __init__(self) -> None:
        self.rows: list[str] = ["before="]
        self.agents: dict[str, str] = {"before=": "wscat"}
        self.asked: list[str] = []

    def get(self, connection_id: str) -> Any:
        self.asked.append(connection_id)
        agent = self.agents.get(connection_id)
        return None if agent is None else {"identity": {"userAgent": agent}}


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Chat:
    chat = Chat()
    monkeypatch.setattr(connections, "rows", lambda *_: (Connection(one) for one in chat.rows))
    monkeypatch.setattr(Management, "get", lambda _, connection_id: chat.get(connection_id))
    return chat


@pytest.fixture
def aws() -> Aws:
    return Aws("ap-northeast-2", endpoint_url="http://127.0.0.1:1", keys=("test", "test"))


@pytest.fixture
def own(chat: Chat, aws: Aws) -> OwnRows:
    return OwnRows(aws, OwnedTable("connections", "connectionId"), Management(aws, "http://127.0.0.1:1/a/demo"))


def test_rows_of_strangers_that_join_meanwhile_are_not_ours(chat: Chat, own: OwnRows) -> None:
    chat.rows += ["stranger=", "mine="]
    chat.agents |= {"stranger=": "chatops-smoke/another-run", "mine=": own.agent}
    assert own.found() == {"mine="}
    chat.rows.remove("mine=")
    assert own.found() == set(), "the stranger is still there"


def test_each_is_asked_about_once(chat: Chat, own: OwnRows) -> None:
    chat.rows += ["stranger=", "mine="]
    chat.agents |= {"stranger=": "wscat", "mine=": own.agent}
    own.found()
    own.found()
    assert sorted(chat.asked) == ["mine=", "stranger="]


def test_one_that_is_about_to_open_is_asked_about_again(chat: Chat, own: OwnRows) -> None:
    chat.rows.append("mine=")
    assert own.found() == set()
    chat.agents["mine="] = own.agent
    assert own.found() == {"mine="}


def test_one_that_has_ended_is_still_known_by_its_row(chat: Chat, own: OwnRows) -> None:
    chat.rows.append("mine=")
    chat.agents["mine="] = own.agent
    own.found()
    del chat.agents["mine="]
    assert own.found() == {"mine="}


def test_two_runs_do_not_take_each_other_for_themselves(chat: Chat, aws: Aws) -> None:
    table, management = OwnedTable("connections", "connectionId"), Management(aws, "http://127.0.0.1:1/a/demo")
    assert OwnRows(aws, table, management).agent != OwnRows(aws, table, management).agent


def test_only_our_own_rows_that_are_still_there_are_deleted(chat: Chat, own: OwnRows, aws: Aws) -> None:
    chat.rows += ["stranger=", "stays=", "leaves="]
    chat.agents |= {"stranger=": "wscat", "stays=": own.agent, "leaves=": own.agent}
    own.found()
    chat.rows.remove("leaves=")
    own.found()
    with Stubber(aws.client("dynamodb")) as stub:
        key = {"connectionId": {"S": "stays="}}
        stub.add_response("delete_item", {}, {"TableName": "connections", "Key": key})
        own.forget()
        stub.assert_no_pending_responses()
