"""A changed config: what the old one left behind is in the plan, and `up` takes it away."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .bench import SMALL, Bench
from .test_kill_points import unlike


@dataclass(frozen=True)
class Edit:
    """What is changed in the config, and what the plan deletes for it."""

    title: str
    before: str
    after: str
    deleted: tuple[str, ...] = ()


EDITS = [
    Edit("the stage renamed", "  routes: {$connect", "  stage: prod\n  routes: {$connect"),
    Edit("a route added", "send}\nhttp", "send, more: send}\nhttp"),
    Edit("a route moved", "sendMessage: send", "sendMessage: connect"),
    Edit("a route removed", ", sendMessage: send", ""),
    Edit(
        "a function renamed",
        "connect",
        "join",
        ("function.connect", "role.connect-ap-northeast-2", "log_group./aws/lambda/connect"),
    ),
    Edit("the table renamed", "functions:", "table: {name: others}\nfunctions:", ("table.websocket-connections",)),
    Edit(
        "an HTTP API removed",
        "http_apis:\n  page: {routes: {GET /: connect}}",
        "http_apis:",
        ("stage.page", "http_api.page"),
    ),
    Edit("an HTTP API renamed", "  page:", "  site:", ("stage.page", "http_api.page")),
    Edit(
        "the WebSocket API renamed",
        "  routes: {$connect",
        "  name: talk\n  routes: {$connect",
        ("stage.websocket-api", "websocket_api.websocket-api"),
    ),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("edit", EDITS, ids=[one.title for one in EDITS])
def test_after_a_change_of_the_config_all_is_as_if_it_had_always_been_so(bench: Bench, edit: Edit) -> None:
    changed = SMALL.replace(edit.before, edit.after)
    if edit.title == "a function renamed":
        changed = changed.replace("$join", "$connect").replace("handlers/join", "handlers/connect")
    assert changed != SMALL
    before, after = bench.write(SMALL, "before.yaml"), bench.write(changed, "after.yaml")
    bench.up(after)
    expected = bench.inventory()
    bench.down(after)
    assert bench.names() == []
    bench.up(before)
    plan = bench.must("plan", config=after).last
    assert sorted(one["resource"] for one in plan["steps"] if one["action"] == "delete") == sorted(edit.deleted)
    summary = bench.up(after).last
    assert sorted(summary["deleted"]) == sorted(edit.deleted)
    assert unlike(bench, expected, after) == []


@pytest.mark.exhaustive
def test_another_prefix_is_another_stack_and_leaves_the_first_alone(bench: Bench) -> None:
    one, other = bench.write(SMALL, "one.yaml"), bench.write("prefix: dev-\n" + SMALL, "other.yaml")
    bench.up(one)
    before = bench.inventory()
    bench.up(other)
    assert bench.run("plan", "--check", config=one).code == 0
    bench.down(other)
    assert bench.inventory() == before


@pytest.mark.slow
def test_a_renamed_table_stays_while_it_lists_connections_and_the_plan_says_so(bench: Bench) -> None:
    before = bench.write(SMALL, "before.yaml")
    after = bench.write("table: {name: others}\n" + SMALL, "after.yaml")
    bench.up(before)
    rows = bench.client("dynamodb")
    rows.put_item(TableName="websocket-connections", Item={"connectionId": {"S": "abc="}})
    plan = bench.must("plan", config=after).last
    step = next(one for one in plan["steps"] if one["resource"] == "table.websocket-connections")
    assert step["action"] == "keep"
    assert "holds rows" in step["reason"]
    assert bench.up(after).last["deleted"] == []
    assert rows.scan(TableName="websocket-connections")["Count"] == 1
    rows.delete_item(TableName="websocket-connections", Key={"connectionId": {"S": "abc="}})
    assert bench.up(after).last["deleted"] == ["table.websocket-connections"]
    rows.put_item(TableName="others", Item={"connectionId": {"S": "abc="}})
    bench.down(after)
    assert bench.names() == []
