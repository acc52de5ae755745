"""The connections that are open, and who may know of which."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest

from chatops.local.front import connection as connection_module
from chatops.local.front.connection import ID, Connection, Connections, new_id


class Client:
    """The client's side of a connection."""

    def __init__(self) -> None:
        self.is_open, self.waiting = True, 0
        self.closed: list[tuple[int, str]] = []

    def send(self, text: str) -> None: ...

    def close(self, code: int, reason: str = "") -> None:
        self.closed.append((code, reason))


def connection(api_id: str = "abc", stage: str = "demo") -> Connection:
    return Connection(api_id, stage, "localhost", {"sourceIp": "127.0.0.1"})


def test_an_id_looks_like_aws_s_and_no_two_are_alike() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ID.fullmatch(one) for one in made)


def test_ids_of_later_seconds_sort_behind_in_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for second in (1_700_000_000, 1_700_000_001, 1_800_000_000):
        monkeypatch.setattr(connection_module, "time", SimpleNamespace(time=lambda second=second: second + 0.9))
        made.append(base64.urlsafe_b64decode(new_id())[:4])
    assert made == sorted(made) and len(set(made)) == 3


def test_a_connection_is_found_from_its_handshake_to_its_end_by_its_own_stage_alone() -> None:
    open_ones, one, client = Connections(), connection(), Client()
    assert open_ones.get("abc", "demo", one.id) is None
    open_ones.add(one, client)
    assert open_ones.get("abc", "demo", one.id) is one
    assert open_ones.get("abc", "prod", one.id) is None
    assert open_ones.get("other", "demo", one.id) is None
    assert len(open_ones) == 1
    open_ones.remove(one)
    open_ones.remove(one)
    assert open_ones.get("abc", "demo", one.id) is None
    assert (len(open_ones), one.socket) == (0, None)


def test_one_that_has_begun_to_close_is_gone_for_who_asks() -> None:
    open_ones, one, client = Connections(), connection(), Client()
    open_ones.add(one, client)
    client.is_open = False
    assert open_ones.get("abc", "demo", one.id) is None


def test_a_stage_that_goes_takes_its_own_connections_with_it() -> None:
    open_ones, clients = Connections(), [Client(), Client(), Client()]
    for client, (api_id, stage) in zip(clients, [("abc", "demo"), ("abc", "prod"), ("other", "demo")], strict=True):
        open_ones.add(connection(api_id, stage), client)
    open_ones.end_stage("abc", "demo")
    assert [one.closed for one in clients] == [[(1001, "Going away")], [], []]


def test_what_comes_or_goes_is_the_last_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    one = connection()
    monkeypatch.setattr(connection_module, "time", SimpleNamespace(time=lambda: 1_700_000_000.125))
    Connections().add(one, Client())
    assert one.last_active_at == 1_700_000_000_125
