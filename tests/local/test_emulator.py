from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chatops.local.emulator import Message, guarded, is_admitted

HOST = (b"host", b"127.0.0.1:4566")


@pytest.mark.parametrize(
    "headers",
    [
        [HOST],
        [(b"Host", b"localhost:4566")],
        [(b"host", b"[::1]:4566")],
        [HOST, (b"sec-fetch-site", b"none")],
        [HOST, (b"origin", b"http://127.0.0.1:4510"), (b"x-chatops-admitted", b"yes")],
    ],
)
def test_programs_of_this_machine_its_person_and_the_front_are_let_in(headers: Sequence[tuple[bytes, bytes]]) -> None:
    assert is_admitted(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"evil.example")],
        [(b"host", b"evil.example"), (b"x-chatops-admitted", b"yes")],
        [(b"host", b"0.0.0.0:4566")],
        [HOST, (b"origin", b"null")],
        [HOST, (b"origin", b"http://127.0.0.1:4566")],
        *([HOST, (b"sec-fetch-site", site)] for site in (b"cross-site", b"same-site", b"same-origin", b"")),
    ],
)
def test_pages_are_not(headers: Sequence[tuple[bytes, bytes]]) -> None:
    assert not is_admitted(headers)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("http", [{"type": "http.response.start", "status": 403}, {"type": "http.response.body", "body": b""}]),
        ("websocket", [{"type": "websocket.close", "code": 1008}]),
    ],
)
def test_a_page_is_answered_before_ministack_hears_of_it(kind: str, told: list[Message]) -> None:
    seen, sent = ask(kind, [HOST, (b"origin", b"http://evil.example")])
    assert seen == []
    assert [{key: value for key, value in one.items() if key != "headers"} for one in sent] == told


def test_functions_do_not_see_the_header_of_the_front() -> None:
    seen, _ = ask("http", [HOST, (b"X-Chatops-Admitted", b"yes"), (b"origin", b"http://localhost:4510")])
    assert [one["headers"] for one in seen] == [[HOST, (b"origin", b"http://localhost:4510")]]


def test_its_start_and_its_end_are_let_through() -> None:
    assert [one["type"] for one in ask("lifespan", None)[0]] == ["lifespan"]


def ask(kind: str, headers: Sequence[tuple[bytes, bytes]] | None) -> tuple[list[Message], list[Message]]:
    """What the application behind the guard sees of a request, and what is sent to the client."""
    seen: list[Message] = []
    sent: list[Message] = []

    async def app(scope: Message, *_: object) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Message = {"type": kind} if headers is None else {"type": kind, "headers": headers}
    asyncio.run(guarded(app)(scope, receive, send))
    return seen, sent
