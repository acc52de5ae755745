"""Who is there, and what can be done about it: status, prune, kick, send, smoke."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import ConnectionClosed

from ..sizes import every
from .conftest import REGION, Boto, Chatops

TABLE = "websocket-connections"


def put(boto: Boto, connection_id: str) -> None:
    boto.client("dynamodb").put_item(TableName=TABLE, Item={"connectionId": {"S": connection_id}})


def ids(chatops: Chatops) -> set[str]:
    return {one["connection_id"] for one in chatops.local("status").last["connections"]}


def test_prune_deletes_stale_rows_and_only_those(deployed: Chatops, boto: Boto, connect: Callable[[], Any]) -> None:
    connect()
    (live,) = ids(deployed)
    for name in ("L0SM9cOFvHcCIhw=", "L0SMAdd9vHcCJTA=", "user-17", "gone="):
        put(boto, name)
    assert deployed.local("prune").last == {"deleted": 2, "live": 1, "too_young": 0, "kept": 2}
    assert ids(deployed) == {live, "user-17", "gone="}


@pytest.mark.slow
def test_a_row_that_may_belong_to_a_handshake_under_way_is_not_pruned(deployed: Chatops, boto: Boto) -> None:
    from datetime import datetime, timezone

    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    item = {"connectionId": {"S": "L0SM9cOFvHcCIhw="}, "connectedAt": {"S": now}}
    boto.client("dynamodb").put_item(TableName=TABLE, Item=item)
    assert deployed.local("prune").last == {"deleted": 0, "live": 0, "too_young": 1, "kept": 0}
    assert ids(deployed) == {"L0SM9cOFvHcCIhw="}


@pytest.mark.slow
def test_a_foreign_table_keeps_50_of_50_items_and_status_lists_none(deployed: Chatops, boto: Boto) -> None:
    dynamodb = boto.client("dynamodb")
    dynamodb.create_table(
        TableName="users",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
    )
    try:
        for number in range(50):
            dynamodb.put_item(TableName="users", Item={"userId": {"S": f"L0SM9cOFvHc{number:04}="}})
        deployed.write_config("table: {name: users, key: userId}\n")
        for command in (["prune"], ["kick", "--all"], ["send", "hi"], ["smoke"]):
            refused = deployed.run(*command, "--local", "--json")
            assert (refused.code, refused.last["code"]) == (1, "table-not-ours")
        status = deployed.run("status", "--local", "--json")
        assert (status.code, status.last["rows"], status.last["connections"]) == (1, 0, [])
        assert status.last["trouble"]["code"] == "table-not-ours"
        assert dynamodb.scan(TableName="users")["Count"] == 50
    finally:
        dynamodb.delete_table(TableName="users")
        deployed.write_config("")


def test_kick_by_a_unique_prefix_closes_that_one_alone(deployed: Chatops, connect: Callable[[], Any]) -> None:
    first = connect()
    (first_id,) = ids(deployed)
    second = connect()
    assert deployed.local("kick", first_id).last == {"kicked": 1, "gone": 0, "failed": 0}
    with pytest.raises(ConnectionClosed):
        first.recv(timeout=20)
    second.send("ping")
    assert second.recv(timeout=20) == "pong"


def test_an_ambiguous_or_unknown_prefix_is_refused_with_exit_2(deployed: Chatops, boto: Boto) -> None:
    put(boto, "abc1")
    put(boto, "abc2")
    refused = deployed.run("kick", "abc", "--local", "--json")
    assert refused.code == 2
    assert "abc1, abc2" in refused.last["why"]
    assert deployed.run("kick", "xyz", "--local").code == 2
    assert deployed.run("kick", "--local").code == 2
    assert deployed.run("kick", "--idle", "soon", "--local").code == 2


def test_an_empty_id_kicks_nobody_and_sends_nothing(deployed: Chatops, connect: Callable[[], Any]) -> None:
    client = connect()
    for command in (("kick", ""), ("send", "for one alone", "--to", "")):
        refused = deployed.run(*command, "--local", "--json")
        assert refused.code == 2
        assert "empty id" in refused.last["what"]
    client.send("ping")
    assert client.recv(timeout=20) == "pong", "and not the message"


@pytest.mark.slow
def test_kick_tells_how_many_it_is_about_to_close(deployed: Chatops, connect: Callable[[], Any]) -> None:
    connect()
    (one,) = ids(deployed)
    finished = deployed.must("kick", one, "--local")
    assert "Closing 1 connection …" in finished.err
    assert finished.out == "Closed 1 connections; 0 were gone already.\n"


@pytest.mark.slow
def test_a_limit_lists_some_and_counts_all_and_without_probing_nobody_is_asked(
    deployed: Chatops, boto: Boto, connect: Callable[[], Any]
) -> None:
    connect()
    for name in ("gone1=", "gone2="):
        put(boto, name)
    some = deployed.local("status", "--limit", "1").last
    assert (some["live"], some["stale"], some["rows"]) == (1, 2, 3)
    assert [one["state"] for one in some["connections"]] == ["live"]
    unasked = deployed.local("status", "--no-probe").last
    assert (unasked["live"], unasked["stale"], unasked["unknown"], unasked["rows"]) == (0, 0, 3, 3)
    assert {one["state"] for one in unasked["connections"]} == {"unknown"}
    counted = deployed.must("status", "--no-probe", "--limit", "0", "--local").out
    assert "3 rows, not asked; 0 of 3 shown" in counted


@pytest.mark.slow
def test_a_stage_that_was_deleted_by_hand_hides_no_health(
    deployed: Chatops, boto: Boto, connect: Callable[[], Any]
) -> None:
    connect()
    gateway = boto.client("apigatewayv2")
    (api,) = (one for one in gateway.get_apis()["Items"] if one["ProtocolType"] == "WEBSOCKET")
    gateway.delete_stage(ApiId=api["ApiId"], StageName="demo")
    finished = deployed.run("status", "--local")
    assert finished.code == 1
    assert "not live" in finished.out and "21 of 22 resources ok" in finished.out
    assert "1 row, not asked" in finished.out and "unknown" in finished.out
    assert "AWS refused GetConnection" in finished.err


def test_kick_all_and_idle_choose_whom_they_say(deployed: Chatops, connect: Callable[[], Any]) -> None:
    clients = [connect() for _ in range(3)]
    assert deployed.local("kick", "--idle", "1h").last["kicked"] == 0
    assert deployed.local("kick", "--all").last["kicked"] == 3
    for client in clients:
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=20)


def test_send_reaches_all_or_one_and_counts_the_gone(deployed: Chatops, boto: Boto, connect: Callable[[], Any]) -> None:
    one = connect()
    (one_id,) = ids(deployed)
    two = connect()
    put(boto, "gone=")
    assert deployed.local("send", "모두 안녕 🎉").last == {"sent": 2, "gone": 1, "failed": 0}
    assert one.recv(timeout=20) == two.recv(timeout=20) == "모두 안녕 🎉"
    assert deployed.local("send", "psst", "--to", one_id).last == {"sent": 1, "gone": 0, "failed": 0}
    assert one.recv(timeout=20) == "psst"
    with pytest.raises(TimeoutError):
        two.recv(timeout=0.2)
    assert deployed.run("send", "hello?", "--to", "gone=", "--local").code == 1


@pytest.mark.slow
def test_status_watch_marks_who_comes_and_who_goes(deployed: Chatops, connect: Callable[[], Any]) -> None:
    process = deployed.start("status", "--watch", "--local", "--json")
    assert process.stdout
    assert json.loads(process.stdout.readline())["live"] == 0
    client = connect()
    assert any(json.loads(line)["live"] == 1 for line in process.stdout)
    client.close()
    assert any(json.loads(line)["live"] == 0 for line in process.stdout)
    process.send_signal(2)
    process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.slow
def test_status_fits_80_columns_and_shows_hostile_text_harmlessly(deployed: Chatops, boto: Boto) -> None:
    put(boto, "\x1b[2Jevil")
    terminal = pexpect.spawn(
        deployed.python,
        ["-m", "chatops", "status", "--local"],
        cwd=str(deployed.folder),
        env={**deployed.full_environment, "COLUMNS": "80", "TERM": "xterm-256color"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
    )
    terminal.expect(pexpect.EOF)
    shown = terminal.before or ""
    assert "\\x1b[2Jevil" in shown
    assert "\x1b[2J" not in shown
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in shown.splitlines()]
    assert max(map(len, lines[lines.index(next(line for line in lines if "connection" in line)) :])) <= 80


@pytest.mark.slow
def test_smoke_is_green_and_red_with_the_cause_when_send_may_not_post(deployed: Chatops, boto: Boto) -> None:
    report = deployed.local("smoke").last
    assert report["ok"] is True
    names = ["connect", "rows", "broadcast", "pong", "error frame", "disconnect"]
    assert [one["name"] for one in report["checks"]] == names
    assert report["p50_ms"] <= report["p95_ms"]
    boto.client("iam").put_role_policy(
        RoleName=f"websocket-send-{REGION}",
        PolicyName="chatops",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        ),
    )
    red = impatient(deployed).run("smoke", "--local", "--json")
    assert red.code == 1
    failed = [one for one in red.last["checks"] if not one["ok"]]
    assert [one["name"] for one in failed] == ["broadcast"]
    assert "the send function may not read the table" in failed[0]["detail"]
    assert red.last["cause"]["what"] == f"role.websocket-send-{REGION} lacks permissions"
    assert "dynamodb:Scan" in red.last["cause"]["why"]
    assert red.last["cause"]["hint"] == "chatops up --local"
    assert ids(deployed) == set(), "the clients are closed all the same"


def impatient(chatops: Chatops) -> Chatops:
    """The same command line with a shorter timeout, for a smoke test that is to fail."""
    return replace(chatops, constants={"chatops.ops.smoke.PATIENCE": 6.0})


FORGETFUL = """
import original

def lambda_handler(event, context):
    if "smoke" in event["requestContext"]["identity"]["userAgent"]:
        return {"statusCode": 200}
    return original.lambda_handler(event, context)
"""
"""A connect function that remembers everybody but the smoke test's clients."""


@pytest.fixture
def crowd(deployed: Chatops) -> Iterator[None]:
    """Strangers who join the chat all the time, stay a while, and leave."""
    over, url = threading.Event(), deployed.url()

    def come_and_go() -> None:
        there: deque[ExitStack] = deque()
        while not over.is_set():
            there.append(ExitStack())
            there[-1].enter_context(websockets.connect(url, open_timeout=20, proxy=None))
            if len(there) > 5:
                there.popleft().close()
        for one in there:
            one.close()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.slow
def test_smoke_is_green_while_others_come_and_go(deployed: Chatops, crowd: None) -> None:
    report = deployed.local("smoke").last
    assert [one["name"] for one in report["checks"] if not one["ok"]] == []


@pytest.mark.slow
def test_smoke_is_red_without_rows_though_strangers_have_theirs(deployed: Chatops, boto: Boto, crowd: None) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.write(Path(__file__).parents[2] / "handlers" / "connect.py", "original.py")
        archive.writestr("connect.py", FORGETFUL)
    boto.client("lambda").update_function_code(FunctionName="websocket-connect", ZipFile=data.getvalue())
    red = impatient(deployed).run("smoke", "--local", "--json")
    assert red.code == 1
    assert [one["name"] for one in red.last["checks"] if not one["ok"]] == ["rows"]


@pytest.mark.slow
def test_smoke_leaves_no_row_where_disconnect_leaves_its_own(deployed: Chatops, boto: Boto) -> None:
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    boto.client("iam").put_role_policy(
        RoleName=f"websocket-disconnect-{REGION}", PolicyName="chatops", PolicyDocument=json.dumps(nothing)
    )
    red = impatient(deployed).run("smoke", "--local", "--json")
    assert red.code == 1
    assert [one["name"] for one in red.last["checks"] if not one["ok"]] == ["disconnect"]
    assert red.last["cause"]["what"] == f"role.websocket-disconnect-{REGION} lacks permissions"
    assert ids(deployed) == set()


@pytest.mark.slow
def test_the_summary_of_an_up_with_smoke_stands_last(chatops: Chatops) -> None:
    documents = chatops.local("up", "--smoke").documents
    assert [one["event"] for one in documents][-2:] == ["smoke", "summary"]
    assert documents[-2]["ok"] is True


@pytest.mark.parametrize(
    "command",
    every(4, ["status", "status --watch", "url", "send hi", "kick --all", "chat", "smoke", "logs -f", "metrics"]),
)
def test_in_a_region_without_the_stack_every_command_says_so_and_names_find(chatops: Chatops, command: str) -> None:
    # Where other tests have had functions there are measurements of them, which `metrics` shows.
    region = "eu-west-1" if command == "metrics" else REGION
    refused = chatops.run(*command.split(), "--local", "--region", region)
    assert (refused.code, refused.out) == (1, "")
    sentence, hint = refused.err.splitlines()[-2:]
    assert sentence.startswith("The stack websocket-chat ") and f"region {region}: " in sentence
    assert f"`chatops find --local --region {region}`" in hint


def test_a_status_without_the_stack_has_its_usual_shape_for_a_program(chatops: Chatops) -> None:
    refused = chatops.run("status", "--local", "--json")
    (document,) = refused.documents
    assert (refused.code, document["trouble"]["code"], document["live"]) == (1, "not-deployed", 0)
    assert {one["state"] for one in document["resources"]} == {"missing"}


@pytest.mark.slow
def test_down_tells_how_many_are_connected_and_asks(chatops: Chatops, boto: Boto) -> None:
    mine = Chatops(chatops.folder, chatops.state, boto.keys)
    there = ("--endpoint-url", boto.endpoint_url, "--region", REGION)
    mine.must("up", "--yes", *there)
    url = mine.must("url", *there).out.strip()

    def answer(text: str, question: str) -> tuple[int, str]:
        command = ["-m", "chatops", "down", *there]
        terminal = pexpect.spawn(
            sys.executable, command, cwd=str(mine.folder), env=mine.full_environment, encoding="utf-8", timeout=60
        )
        terminal.expect(question)
        terminal.sendline(text)
        terminal.expect(pexpect.EOF)
        terminal.close()
        return int(terminal.exitstatus or 0), str(terminal.before)

    with websockets.connect(url, open_timeout=20, proxy=None):
        question = r"1 connection is live: whoever is in the chat is cut off[\s\S]*while people are connected\?"
        code, told = answer("n", question)
        assert code == 1 and "No changes were made." in told
        assert "websocket-connections" in boto.everything()
        assert "1 connection is live" in mine.must("down", "--yes", *there).err
    assert "websocket-connections" not in boto.everything()
    mine.must("up", "--yes", *there)
    code, told = answer("y", r"Delete these \d+ resources\?")
    assert code == 0 and "nothing of this stack is left" in told
