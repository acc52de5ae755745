"""The main job: up, chat with real clients, status, repair, down."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pexpect
import pytest

from .conftest import Boto, Chatops


def say(message: str) -> str:
    return json.dumps({"action": "sendMessage", "message": message})


def test_two_python_clients_chat_both_ways_in_korean_and_emoji(connect: Callable[[], Any]) -> None:
    one, two = connect(), connect()
    for speaker, message in ((one, "안녕하세요 👋🏽"), (two, "반가워요 🎉\n둘째 줄"), (one, "")):
        speaker.send(say(message or " "))
        assert one.recv(timeout=20) == (message or " ")
        assert two.recv(timeout=20) == (message or " ")


def test_two_wscats_see_the_tutorials_message_and_status_lists_both(deployed: Chatops, wscat: str) -> None:
    url = deployed.url()
    clients = [pexpect.spawn(wscat, ["-c", url], encoding="utf-8", timeout=30) for _ in range(2)]
    try:
        for client in clients:
            client.expect("Connected")
        clients[0].sendline('{"action":"sendMessage", "message":"Hello! bs~"}')
        for client in clients:
            client.expect("< Hello! bs~")
        clients[1].sendline("ping")
        clients[1].expect("< pong")
        seen = deployed.local("status").last
        assert (seen["live"], seen["stale"]) == (2, 0)
        assert {one["state"] for one in seen["resources"]} == {"ok"}
    finally:
        for client in clients:
            client.close(force=True)


def test_a_message_that_cannot_be_sent_is_answered_to_its_sender_alone(connect: Callable[[], Any]) -> None:
    sender, other = connect(), connect()
    for frame in ("not JSON", "[]", '{"action":"dance"}', '{"action":"sendMessage"}', say("x")[:-2], '{"message":1}'):
        sender.send(frame)
        answer = json.loads(sender.recv(timeout=20))
        assert answer["error"] and answer["message"], frame
    sender.send(say("done"))
    assert other.recv(timeout=20) == "done", "the other client saw none of the mistakes"


def test_a_stale_row_is_told_from_a_live_one(deployed: Chatops, boto: Boto, connect: Callable[[], Any]) -> None:
    connect()
    boto.client("dynamodb").put_item(TableName="websocket-connections", Item={"connectionId": {"S": "gone=="}})
    seen = deployed.local("status").last
    assert (seen["live"], seen["stale"]) == (1, 1)
    stale = next(one for one in seen["connections"] if one["state"] == "stale")
    assert stale["connection_id"] == "gone=="


def test_a_second_up_changes_nothing(deployed: Chatops) -> None:
    summary = deployed.local("up").last
    assert summary["event"] == "summary"
    assert summary["unchanged"]
    assert not any(summary[key] for key in ("created", "updated", "adopted", "deleted", "failed", "skipped"))
    assert deployed.must("plan", "--local", "--check").code == 0


def test_a_function_changed_by_hand_is_seen_and_repaired(deployed: Chatops, boto: Boto) -> None:
    client = boto.client("lambda")
    client.update_function_configuration(FunctionName="websocket-send", Timeout=3)
    checked = deployed.run("plan", "--local", "--check", "--json")
    assert checked.code == 3
    step = next(one for one in checked.last["steps"] if one["resource"] == "function.websocket-send")
    assert step["action"] == "update"
    assert [change["path"] for change in step["changes"]] == ["timeout"]
    assert deployed.local("up").last["updated"] == ["function.websocket-send"]
    assert client.get_function_configuration(FunctionName="websocket-send")["Timeout"] == step["changes"][0]["after"]


def test_down_leaves_nothing_and_says_so(deployed: Chatops, boto: Boto) -> None:
    assert boto.everything()
    told = deployed.must("down", "--local", "--yes")
    assert "nothing of this stack is left" in told.err
    assert boto.everything() == []
    again = deployed.local("down", "--yes").last
    assert again["deleted"] == []


@pytest.mark.slow
def test_the_stack_is_what_the_tutorial_makes_by_hand(deployed: Chatops, boto: Boto) -> None:
    table = boto.client("dynamodb").describe_table(TableName="websocket-connections")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    for name in ("websocket-connect", "websocket-disconnect", "websocket-send"):
        function = boto.client("lambda").get_function_configuration(FunctionName=name)
        assert function["Runtime"] == "python3.12"
        assert function["Environment"]["Variables"]["WEBSOCKET_TABLE"] == "websocket-connections"
    gateway = boto.client("apigatewayv2")
    api = next(one for one in gateway.get_apis()["Items"] if one["Name"] == "websocket-api")
    assert api["RouteSelectionExpression"] == "$request.body.action"
    routes = {one["RouteKey"] for one in gateway.get_routes(ApiId=api["ApiId"])["Items"]}
    assert routes == {"$connect", "$disconnect", "sendMessage", "$default"}
    assert [one["StageName"] for one in gateway.get_stages(ApiId=api["ApiId"])["Items"]] == ["demo"]


@pytest.mark.slow
def test_up_in_a_pipe_prints_a_plain_line_per_resource_and_only_addresses_on_stdout(chatops: Chatops) -> None:
    told = chatops.must("up", "--local")
    assert "\x1b" not in told.out + told.err
    assert "+ function.websocket-send  created" in told.err
    assert all("://" in line for line in told.out.splitlines())
