"""`chatops logs`: what the functions really wrote, followed, and one connection's story among it."""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import websockets.sync.client as websockets

from chatops.aws import STACK_TAG

from .conftest import Boto, Chatops, Kept

PATIENCE = 30.0
CONNECT, SEND, DISCONNECT = "websocket-connect", "websocket-send", "websocket-disconnect"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, state: Path, kept: Kept) -> Iterator[Chatops]:
    """The default stack, up for all tests of this file."""
    kept.down()
    chatops = Chatops(tmp_path_factory.mktemp("logs"), state)
    chatops.local("up")
    yield chatops
    chatops.local("down", "--yes")


def invoke(boto: Boto, function: str, route: str, connection_id: str, body: str | None = None) -> None:
    """Runs a function as API Gateway would."""
    stage = {"apiId": "none", "stage": "demo", "connectionId": connection_id, "routeKey": route, "requestId": "g"}
    event = {"requestContext": stage, "body": body, "isBase64Encoded": False}
    boto.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))


def write(boto: Boto, function: str, *messages: str, stream: str = "by hand") -> None:
    """Puts lines into a function's log group."""
    logs, group = boto.client("logs"), f"/aws/lambda/{function}"
    names = [one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    if stream not in names:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@dataclass
class Following:
    """A `chatops logs -f` that runs, and its lines as they come."""

    process: subprocess.Popen[str]
    lines: queue.Queue[str]

    def next(self, text: str) -> str:
        """The next line with this text."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if text in line:
                return line


@contextmanager
def following(chatops: Chatops, *arguments: str) -> Iterator[Following]:
    process = chatops.start("logs", "-f", "--local", *arguments)
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)

    reading = threading.Thread(target=read)
    reading.start()
    with process:
        try:
            yield Following(process, lines)
        finally:
            process.kill()
            reading.join()


@pytest.mark.slow
def test_the_story_of_one_of_two_connections(stack: Chatops) -> None:
    url = stack.url()

    def connect() -> Any:
        return websockets.connect(url, open_timeout=20, proxy=None)

    def rows() -> set[str]:
        return {one["connection_id"] for one in stack.local("status").last["connections"]}

    with ExitStack() as clients:
        one = clients.enter_context(connect())
        (first,) = rows()
        two = clients.enter_context(connect())
        (second,) = rows() - {first}
        for client in (one, two):
            client.send(json.dumps({"action": "sendMessage", "message": "hi"}))
            for each in (one, two):
                assert each.recv(timeout=20) == "hi"
        with following(stack, "--connection", first) as tail:
            for event in ("connected", "message", "broadcast"):
                assert tail.next(event)
            one.close()
            assert "took" in tail.next("took") and tail.next("disconnected")
    told = stack.must("logs", "--local", "--connection", first[:-2]).out
    events = re.findall(rf"(?<= )(\w+) {re.escape(first)}", told)
    assert events == ["connected", "message", "broadcast", "disconnected"]
    assert second not in told
    assert "sent=2" in told
    documents = stack.local("logs", "--connection", first).documents
    assert {one["connection_id"] for one in documents} == {first}
    requests = {one["request_id"] for one in documents}
    assert len(requests) == 3
    reports = [one["request_id"] for one in documents if one["message"].startswith("REPORT")]
    assert sorted(reports) == sorted(requests)


def test_all_functions_lines_are_merged_and_each_invocation_ends_in_one_short_line(stack: Chatops, boto: Boto) -> None:
    invoke(boto, CONNECT, "$connect", "mergeOnexxxxxxx=")
    invoke(boto, SEND, "$default", "mergeOnexxxxxxx=", "ping")
    invoke(boto, DISCONNECT, "$disconnect", "mergeOnexxxxxxx=")
    told = stack.must("logs", "--local", "--connection", "mergeOnexxxxxxx=").out
    assert [line.split()[1] for line in told.splitlines()] == [CONNECT] * 2 + [SEND] * 2 + [DISCONNECT] * 2
    for function in (CONNECT, SEND, DISCONNECT):
        assert re.search(
            rf"^\d\d:\d\d:\d\d\.\d{{3}} {function} +took [\d.]+ ms, \d+ of \d+ MB(, init [\d.]+ ms)?$",
            told,
            re.MULTILINE,
        )
    assert not re.search("START|END|REPORT|RequestId", told)
    times = [one["time"] for one in stack.local("logs").documents]
    assert times == sorted(times)


@pytest.mark.slow
def test_one_function_alone_by_its_name_or_its_key(stack: Chatops, boto: Boto) -> None:
    write(boto, CONNECT, "only me")
    write(boto, SEND, "not me")
    documents = stack.local("logs", "--function", CONNECT).documents
    assert {one["function"] for one in documents} == {CONNECT}
    refused = stack.run("logs", "--local", "--function", "websocket-snd", "--json")
    assert refused.code == 2
    assert refused.last["hint"] == "Did you mean websocket-send?"


@pytest.mark.slow
def test_grep_keeps_to_lines_with_the_text(stack: Chatops, boto: Boto) -> None:
    write(boto, SEND, "a needle 안녕", "hay")
    assert [one["message"] for one in stack.local("logs", "--grep", "NEEDLE 안녕").documents] == ["a needle 안녕"]
    nothing = stack.must("logs", "--local", "--grep", "no such text", "--since", "30s")
    assert nothing.out == ""
    assert "no such line in the last 30s" in nothing.err


def test_a_wrong_duration_is_wrong_usage(stack: Chatops) -> None:
    assert stack.run("logs", "--local", "--since", "tomorrow").code == 2


@pytest.mark.slow
def test_a_beginning_that_several_connections_share_is_wrong_usage(stack: Chatops, boto: Boto) -> None:
    write(boto, CONNECT, *(json.dumps({"event": "connected", "connectionId": f"twin-{one}="}) for one in "ab"))
    refused = stack.run("logs", "--local", "--connection", "twin", "--json")
    assert refused.code == 2
    assert "twin-a=, twin-b=" in refused.last["why"]
    assert len(refused.documents) == 1


@pytest.mark.slow
def test_following_shows_what_comes_and_ctrl_c_ends_it_quietly(stack: Chatops, boto: Boto) -> None:
    write(boto, SEND, "before")
    with following(stack) as tail:
        tail.next("before")
        for number in range(3):
            write(boto, SEND, f"line {number}", stream=f"stream {number}")
            assert tail.next("line").rstrip().endswith(f"line {number}")
        invoke(boto, SEND, "$default", "follow-1", "ping")
        tail.next("ping follow-1")
        tail.next("took")
        tail.process.send_signal(signal.SIGINT)
        assert tail.process.wait(PATIENCE) == 130
        assert tail.process.stderr
        told = tail.process.stderr.read().splitlines()
        assert [line.partition(" ")[0] for line in told] == ["stack", "config"], told


@pytest.mark.slow
def test_a_group_that_is_missing_is_no_error_and_is_followed_once_it_is_there(stack: Chatops, boto: Boto) -> None:
    logs, group = boto.client("logs"), f"/aws/lambda/{DISCONNECT}"
    logs.delete_log_group(logGroupName=group)
    assert stack.run("logs", "--local").code == 0
    assert "There is no such line" in stack.must("logs", "--function", DISCONNECT, "--local").err
    with following(stack, "--function", DISCONNECT) as tail:
        logs.create_log_group(logGroupName=group, tags={STACK_TAG: "websocket-chat"})
        write(boto, DISCONNECT, "back again")
        tail.next("back again")


def test_without_the_stack_it_says_so_and_follows_nothing(stack: Chatops, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("prefix: not-there-\n")
    told = replace(stack, folder=tmp_path).run("logs", "-f", "--local", "--json")
    assert (told.code, told.last["code"]) == (1, "not-deployed")


@pytest.mark.slow
def test_hostile_lines_do_nothing_to_the_terminal(stack: Chatops, boto: Boto) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202eevil\nforged\r[bold]x[/bold]"
    write(boto, SEND, hostile)
    told = stack.must("logs", "--local", "--function", SEND).out
    assert r"\x1b]0;owned\x07\x1b[2J\u202eevil" in told
    assert "\n    forged\n    [bold]x[/bold]\n" in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)
    documents = stack.must("logs", "--local", "--json", "--function", SEND)
    assert hostile in [one["message"] for one in documents.documents]
    assert documents.out.isascii()


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_it_quietly(stack: Chatops, boto: Boto) -> None:
    write(boto, SEND, *(f"line {number}" for number in range(5000)))
    for arguments in ([], ["--json"]):
        process = stack.start("logs", "--local", *arguments)
        assert process.stdout and process.stderr
        with process:
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(PATIENCE) == 1
            assert "Error" not in process.stderr.read()
