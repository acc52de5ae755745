"""The process: its health, its safety, its end, and what happens without MiniStack."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from .behaviours.connections import post
from .chats import STAGE, Chat, Route, Shape, client, deploy
from .processes import ROOT, free_port, front, front_command, local_aws, running
from .sink import Sink
from .targets import ChatopsTarget

pytestmark = pytest.mark.e2e


def ask(url: str, method: str = "GET", path: str = "/", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(url: str, data: bytes) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: one.recv(4096), b""))


def test_the_health_tells_of_the_local_aws_and_the_connections(tmp_path: Path, target: ChatopsTarget) -> None:
    with front(target.aws, tmp_path) as url:
        chat = deploy(target.aws, Shape((Route("$connect"),)), target.sink, url + "/{api}")
        with chat.join():
            status, body = ask(url, path="/_chatops/health")
    assert (status, json.loads(body)) == (200, {"ok": True, "aws": target.aws, "connections": 1})


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com:80", ""])
def test_a_page_with_a_name_for_this_machine_gets_nothing(target: ChatopsTarget, host: str) -> None:
    """A name that a stranger made resolve to 127.0.0.1 must not open what is there to his page."""
    assert ask(target.url, path="/_chatops/health", Host=host)[0] in {400, 403}


@pytest.mark.parametrize(("origin", "status"), [("https://example.com", 403), ("http://localhost:3000", 101)])
def test_only_pages_of_this_machine_connect(chat: Chat, origin: str, status: int) -> None:
    try:
        with connect(chat.url, origin=Origin(origin), proxy=None):
            found = 101
    except InvalidStatus as refused:
        found = refused.response.status_code
    assert found == status


def test_only_pages_of_this_machine_ask(target: ChatopsTarget) -> None:
    assert ask(target.url, path="/_chatops/health", Origin="https://example.com")[0] == 403
    assert ask(target.url, path="/_chatops/health", Origin="http://127.0.0.1:3000")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/a/b/@connections/c"), ("GET", "/a/b"), ("OPTIONS", "/")]
)
def test_what_is_neither_a_handshake_nor_for_connections_is_403(target: ChatopsTarget, method: str, path: str) -> None:
    status, body = ask(target.url, method, path)
    assert (status, json.loads(body)) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400 "),
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 "),
        (
            b"GET /demo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b"HTTP/1.1 400 ",
        ),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b""),
        (b"", b""),
    ],
)
def test_a_request_that_is_none_does_no_harm(target: ChatopsTarget, data: bytes, begins: bytes) -> None:
    assert raw(target.url, data).startswith(begins)
    assert ask(target.url, path="/_chatops/health")[0] == 200


def test_a_head_request_has_no_body(target: ChatopsTarget) -> None:
    assert ask(target.url, "HEAD", "/_chatops/health") == (200, b"")
    assert ask(target.url, "HEAD", "/nothing") == (403, b"")


def test_letters_that_are_not_encoded_reach_the_function(chat: Chat) -> None:
    """`curl` and `wscat` send what was typed."""
    me, parts = uuid.uuid4().hex, urlsplit(chat.url)
    request = (
        f"GET {parts.path}?client={me}&room=대화방 HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Name: 김철수\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert raw(chat.url, request.encode()).startswith(b"HTTP/1.1 101 ")
    event = chat.sink.event("CONNECT", chat.id_of(me))
    assert (event["queryStringParameters"]["room"], event["headers"]["X-Name"]) == ("대화방", "김철수")


def test_many_requests_go_over_one_connection(target: ChatopsTarget) -> None:
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=5)
    connection.connect()
    kept = connection.sock
    for _ in range(3):
        connection.request("GET", "/_chatops/health")
        connection.getresponse().read()
    assert connection.sock is kept
    connection.close()


@pytest.mark.slow
def test_two_hundred_clients_come_at_once(chat: Chat) -> None:
    ready = threading.Barrier(200)

    def come(_: int) -> None:
        with connect(chat.url, open_timeout=120, proxy=None, compression=None):
            ready.wait(120)

    with ThreadPoolExecutor(200) as pool:
        list(pool.map(come, range(200)))


@contextmanager
def process(aws: str, folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The front as a process to end, and its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with running(
        front_command(port, aws, folder, *options), f"{url}/_chatops/health", folder / "process.log", ROOT
    ) as one:
        yield one, url


def test_its_end_is_told_to_the_clients_and_to_the_disconnect_route(target: ChatopsTarget, tmp_path: Path) -> None:
    with process(target.aws, tmp_path) as (ending, url):
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        with chat.join() as joined:
            ending.terminate()
            with pytest.raises(ConnectionClosed) as closed:
                joined.hears()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001
        assert chat.sink.event("DISCONNECT", joined.id)["requestContext"]["disconnectStatusCode"] == 1001
        assert ending.wait(10) == 0


@pytest.mark.slow
def test_a_function_that_still_runs_does_not_hold_up_its_end(target: ChatopsTarget, tmp_path: Path) -> None:
    with process(target.aws, tmp_path) as (ending, url):
        chat = deploy(target.aws, Shape((Route("$connect"), Route("say"))), target.sink, url + "/{api}")
        with chat.join() as joined, suppress(ConnectionClosed):
            joined.say(action="say", sleep=12)
            ending.terminate()
            joined.hears()
        assert ending.wait(8) == 0


@pytest.mark.slow
def test_when_it_crashed_the_stack_is_there_and_the_old_connections_are_gone(
    target: ChatopsTarget, tmp_path: Path
) -> None:
    with process(target.aws, tmp_path) as (crashing, url):
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        with chat.join() as joined:
            crashing.kill()
            crashing.wait()
    with front(target.aws, tmp_path) as url:
        again = replace(chat, url=f"ws{url[4:]}/{chat.api_id}/{STAGE}", connections_url=f"{url}/{chat.api_id}/{STAGE}")
        with again.join() as anew:
            assert post(again, anew.id) == "200"
            assert post(again, joined.id) == "410 GoneException"


@pytest.mark.slow
def test_disconnects_are_left_out_when_that_is_asked_for(target: ChatopsTarget, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html"""
    with front(target.aws, tmp_path, "--drop-disconnects") as url:
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        with chat.join() as joined:
            pass
        with pytest.raises(TimeoutError):
            chat.sink.event("DISCONNECT", joined.id, limit=1)


@pytest.mark.slow
def test_without_the_local_aws_it_says_so_and_goes_on(target: ChatopsTarget, tmp_path: Path) -> None:
    with ExitStack() as local:
        aws = local.enter_context(local_aws(tmp_path))
        with front(aws, tmp_path) as url, Sink() as sink:
            chat = deploy(aws, Shape(), sink, url + "/{api}")
            with chat.join() as joined:
                local.close()
                joined.say(action="say")
                assert "Internal server error" in joined.hears()
            assert ask(url, path="/_chatops/health")[0] == 200
            with pytest.raises(InvalidStatus) as refused, chat.open():
                pass
            assert refused.value.response.status_code == 500


@pytest.mark.parametrize(
    "odd",
    [{"statusCode": 200, "headers": "x"}, {"statusCode": 200, "headers": [1]}, ["x"], {"statusCode": "many"}],
    ids=str,
)
def test_an_odd_answer_of_a_function_is_an_internal_server_error(chat: Chat, odd: object) -> None:
    with chat.join() as joined:
        joined.say(action="ask", **{"return": odd})
        assert "Internal server error" in joined.hears()
        joined.say(action="ask", body="fine")
        assert joined.hears() == "fine"


def test_an_answer_over_128_kb_is_an_internal_server_error(chat: Chat) -> None:
    with chat.join() as joined:
        joined.say(action="ask", times=200 * 1024, body="x")
        assert "Internal server error" in joined.hears()


@pytest.mark.slow
def test_a_clock_that_runs_faster_leaves_functions_their_time(target: ChatopsTarget, tmp_path: Path) -> None:
    with front(target.aws, tmp_path, "--time-scale", "0.01") as url:
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        with chat.join(sleep="1") as joined:
            joined.say(action="ask", sleep=1, body="hello")
            assert joined.hears() == "hello"


@pytest.mark.parametrize("subprotocol", ["a b", "a\r\nX-Other: b", "이름"])
def test_a_subprotocol_that_is_none_refuses_the_handshake(chat: Chat, subprotocol: str) -> None:
    query = urlencode({"subprotocol": subprotocol})
    with pytest.raises(InvalidStatus) as refused, connect(f"{chat.url}?{query}", proxy=None):
        pass
    assert refused.value.response.status_code == 502


def test_a_function_that_is_gone_is_an_internal_server_error(target: ChatopsTarget) -> None:
    chat = target.chat(Shape((Route("$default"),), "$request.body.gone"))
    with chat.open() as socket:
        client("lambda", target.aws).delete_function(FunctionName=chat.function)
        socket.send("hello")
        assert "Internal server error" in str(socket.recv(timeout=5))
