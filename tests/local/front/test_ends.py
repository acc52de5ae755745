"""No end of a connection is missed, and no message before it, whichever side ends it and however."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import urlencode

import pytest

from .chats import Chat, Route, Shape, deploy
from .processes import front
from .raw import RawClient
from .targets import ChatopsTarget

pytestmark = pytest.mark.e2e


def join(chat: Chat) -> tuple[RawClient, str]:
    """A client on a bare socket, and its connection's id."""
    me = uuid.uuid4().hex
    return RawClient(f"{chat.url}?{urlencode({'client': me})}"), chat.id_of(me)


@pytest.mark.parametrize("end", ["FIN", "FIN and RST", "RST"])
@pytest.mark.slow
def test_each_of_eight_clients_that_leave_without_a_close_frame_invokes_disconnect(
    target: ChatopsTarget, tmp_path: Path, end: str
) -> None:
    """A browser's tab that is closed or reloaded ends its stream and resets the connection."""
    with front(target.aws, tmp_path) as url:
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        clients = [join(chat) for _ in range(8)]
        for client, _ in clients:
            if "FIN" in end:
                client.end_stream()
            if "RST" in end:
                client.reset()
        codes = [chat.sink.event("DISCONNECT", id)["requestContext"]["disconnectStatusCode"] for _, id in clients]
        for client, _ in clients:
            client.socket.close()
        assert codes == [1006] * 8
        deadline = time.monotonic() + 15
        while (open_ones := connections(url)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert open_ones == 0


def connections(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_chatops/health", timeout=5) as answer:
        return int(json.load(answer)["connections"])


def test_a_client_that_leaves_while_its_connect_runs_invokes_disconnect(chat: Chat) -> None:
    me = uuid.uuid4().hex
    leaving = RawClient(f"{chat.url}?{urlencode({'client': me, 'sleep': '1'})}", accepted=False)
    leaving.end_stream()
    leaving.reset()
    assert chat.sink.event("DISCONNECT", chat.id_of(me))


def test_clients_that_leave_at_once_cause_no_error(target: ChatopsTarget, tmp_path: Path) -> None:
    with front(target.aws, tmp_path) as url:
        chat = deploy(target.aws, Shape((Route("$default"),)), target.sink, url + "/{api}")
        for _ in range(50):
            RawClient(chat.url, accepted=False).reset()
        with chat.open():
            pass
    (log,) = tmp_path.glob("front-*.log")
    assert "Traceback" not in log.read_text()


def test_twenty_last_words_in_one_packet_with_the_close_frame_are_delivered(chat: Chat) -> None:
    clients = [join(chat) for _ in range(20)]
    for client, _ in clients:
        client.protocol.send_text(b'{"action": "say", "words": "last"}')
        client.protocol.send_close(1000)
        client.flush()
    for client, id in clients:
        assert json.loads(chat.sink.event("MESSAGE", id)["body"])["words"] == "last"
        assert chat.sink.event("DISCONNECT", id)["requestContext"]["disconnectStatusCode"] == 1000
        client.socket.close()


def test_twenty_clients_that_send_and_leave_at_once_are_heard(chat: Chat) -> None:
    ids = []
    for _ in range(20):
        with chat.join() as joined:
            joined.say(action="say", words="last")
        ids.append(joined.id)
    assert [json.loads(chat.sink.event("MESSAGE", id)["body"])["words"] for id in ids] == ["last"] * 20


def test_what_was_sent_before_the_backend_closes_is_delivered(chat: Chat) -> None:
    for _ in range(8):
        with chat.join() as joined:
            joined.say(action="say", words="last")
            chat.management().delete_connection(ConnectionId=joined.id)
            assert json.loads(chat.sink.event("MESSAGE", joined.id)["body"])["words"] == "last"


@pytest.mark.slow
def test_the_end_of_the_process_invokes_disconnect_for_a_client_that_does_not_answer(
    target: ChatopsTarget, tmp_path: Path
) -> None:
    with front(target.aws, tmp_path) as url:
        chat = deploy(target.aws, Shape(), target.sink, url + "/{api}")
        client, id = join(chat)
    with client:
        assert chat.sink.event("DISCONNECT", id)["requestContext"]["disconnectStatusCode"] == 1001
