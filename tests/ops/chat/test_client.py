"""The chat's client, against a server that fails in every way it can."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from chatops.errors import ChatopsError
from chatops.ops.chat import client as chat_client
from chatops.ops.chat.client import Client, Item
from chatops.ops.chat.line import Times
from chatops.ops.chat.outbox import Unconfirmed
from chatops.ops.chat.wire import MESSAGE_LIMIT, Message, Notice

from .fake_chat import INTERNAL, PATIENCE, QUICK, REFUSED, FakeChat


@dataclass
class Conversation:
    """A client, the server that it talks to, and what came out of it."""

    server: FakeChat
    client: Client
    asked_afresh: list[bool]

    async def next(self) -> Item:
        return await asyncio.wait_for(self.client.items.get(), PATIENCE)

    async def connected(self, count: int = 1) -> None:
        await until(lambda: len(self.server.connections) >= count and bool(self.server.open))


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def conversation(times: Times = QUICK, **server: Any) -> AsyncIterator[Conversation]:
    fake, asked = FakeChat(**server), list[bool]()
    await fake.start()

    def address(afresh: bool) -> str:
        asked.append(afresh)
        return fake.url

    client = Client(address, proxy=None, times=times)
    running = asyncio.create_task(client.run())
    try:
        yield Conversation(fake, client, asked)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await fake.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 3 * PATIENCE))


def test_a_message_comes_back_as_ones_own_and_others_are_others() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.client.say("은정", "안녕 👋🏽\n둘째")
            assert await talk.next() == Message("은정", "안녕 👋🏽\n둘째", own=True)
            await talk.server.broadcast("<은정> 안녕 👋🏽\n둘째")
            assert await talk.next() == Message("은정", "안녕 👋🏽\n둘째", own=False)
            assert len(talk.client.outbox) == 0

    run(scene())


def test_a_long_message_arrives_whole() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.client.say("a", "가" * 40_000)
            assert await talk.next() == Message("a", "가" * 40_000, own=True)

    run(scene())


def test_a_message_that_is_too_long_is_not_sent_and_does_not_cost_the_connection() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.client.say("a", "x" * MESSAGE_LIMIT)
            refused = await talk.next()
            assert isinstance(refused, Unconfirmed) and "bytes too long" in refused.why
            await talk.client.say("a", "short")
            assert await talk.next() == Message("a", "short", own=True)
            assert talk.server.received == ["<a> short"]
            assert len(talk.server.connections) == 1

    run(scene())


def test_messages_are_sent_one_after_the_other_in_order() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            held = asyncio.Event()

            async def hold(connection: ServerConnection, message: str) -> None:
                await held.wait()
                await talk.server.broadcast(message)

            talk.server.handle = hold
            for number in range(3):
                await talk.client.say("a", str(number))
            await until(lambda: talk.server.received == ["<a> 0"])
            assert [len(talk.client.outbox.sent), len(talk.client.outbox.waiting)] == [1, 2]
            held.set()
            assert [await talk.next() for _ in range(3)] == [Message("a", str(one), own=True) for one in range(3)]

    run(scene())


def test_a_message_whose_echo_never_came_is_not_confirmed_and_never_sent_again() -> None:
    async def scene() -> None:
        async with conversation() as talk:

            async def die(connection: ServerConnection, message: str) -> None:
                connection.transport.abort()

            talk.server.handle = die
            await talk.client.say("a", "lost")
            assert (await talk.next(), await talk.next()) == (
                Notice("Disconnected", "The connection was lost (without a word); connecting again."),
                Unconfirmed("<a> lost", "the connection broke first"),
            )
            talk.server.handle = None
            assert await talk.next() == Notice("Connected", "Connected.")
            await talk.client.say("a", "after")
            assert await talk.next() == Message("a", "after", own=True)
            assert talk.server.received == ["<a> lost", "<a> after"]
            assert [one.message for one in talk.client.outbox.unconfirmed] == ["<a> lost"]

    run(scene())


def test_what_is_written_while_the_server_is_away_is_sent_once_when_it_is_back() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.connected()
            await talk.server.stop()
            assert isinstance(await talk.next(), Notice)
            await talk.client.say("a", "patience")
            assert isinstance(await talk.next(), Notice), "that it cannot connect"
            await talk.server.start()
            while not isinstance(item := await talk.next(), Message):
                assert isinstance(item, Notice), "nothing is given up"
            assert item == Message("a", "patience", own=True)
            assert talk.server.received == ["<a> patience"]

    run(scene())


def test_a_refused_handshake_is_told_and_the_next_attempt_asks_for_the_address_afresh() -> None:
    async def scene() -> None:
        async with conversation(refusals=2) as talk:
            assert isinstance(await talk.next(), Notice)
            assert await talk.next() == Notice("Connected", "Connected.")
            assert talk.asked_afresh == [False, True, True]

    run(scene())


def test_an_address_that_cannot_be_found_for_now_ends_nothing() -> None:
    async def scene() -> None:
        fake, calls = FakeChat(), list[bool]()
        await fake.start()

        def address(afresh: bool) -> str:
            calls.append(afresh)
            if len(calls) < 3:
                raise ChatopsError("gone", "gone", "for now", "Wait.")
            return fake.url

        client = Client(address, refusals=(ChatopsError,), proxy=None, times=QUICK)
        running = asyncio.create_task(client.run())
        try:
            assert await asyncio.wait_for(client.items.get(), PATIENCE) == Notice("Disconnected", "gone: for now")
            assert await asyncio.wait_for(client.items.get(), PATIENCE) == Notice("Connected", "Connected.")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await fake.stop()

    run(scene())


def test_an_error_of_our_own_is_raised_and_not_tried_again() -> None:
    def address(afresh: bool) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Client(address, proxy=None, times=QUICK).run())


def test_error_frames_are_notices_and_only_to_those_who_sent_something() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.connected()
            await talk.server.broadcast(json.dumps(REFUSED))
            assert await talk.next() == Message(None, json.dumps(REFUSED)), "somebody must have typed it"

            async def refuse(connection: ServerConnection, message: str) -> None:
                await connection.send(json.dumps(REFUSED))

            talk.server.handle = refuse
            await talk.client.say("a", "x")
            assert await talk.next() == Notice("MessageTooLarge", "too large", refused=True)
            assert await talk.next() == Unconfirmed("<a> x", "the server refused it")

    run(scene())


def test_the_heartbeat_is_answered_and_shown_to_nobody() -> None:
    async def scene() -> None:
        async with conversation(Times(heartbeat=0.05, answer=5)) as talk:
            await until(lambda: talk.server.pings >= 3)
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi")
            assert len(talk.server.connections) == 1

    run(scene())


def test_somebodys_pong_is_shown() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.connected()
            await talk.server.broadcast("pong")
            assert await talk.next() == Message(None, "pong")

    run(scene())


def test_a_chat_that_answers_a_ping_with_an_error_lives_all_the_same() -> None:
    async def scene() -> None:
        async with conversation(Times(heartbeat=0.05, answer=0.5), answers_pings=False) as talk:
            await talk.connected()
            for count in range(1, 6):
                await until(lambda count=count: talk.server.pings >= count)  # type: ignore[misc]
                await talk.server.broadcast(json.dumps(INTERNAL))
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi")
            assert len(talk.server.connections) == 1

    run(scene())


def test_a_server_that_falls_silent_is_left_for_a_fresh_connection() -> None:
    async def scene() -> None:
        times = Times(heartbeat=0.05, answer=0.3, first_delay=0.02, longest_delay=0.05)
        async with conversation(times, answers_pings=False) as talk:
            await talk.connected()
            lost = await talk.next()
            assert isinstance(lost, Notice) and "it fell silent" in lost.text
            talk.server.answers_pings = True
            assert await talk.next() == Notice("Connected", "Connected.")

    run(scene())


def test_after_a_sleep_the_connection_is_asked_for_a_sign_of_life_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with conversation(Times(heartbeat=3600, answer=5)) as talk:
            await until(lambda: talk.client.state == "connected")
            slept = SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() + 60)
            monkeypatch.setattr(chat_client, "time", slept)
            await until(lambda: talk.server.pings == 1)
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi")
            assert len(talk.server.connections) == 1

    run(scene())


def test_a_fresh_connection_takes_over_without_a_message_lost_or_shown_twice() -> None:
    async def scene() -> None:
        times = Times(renewal=0.5, overlap=0.3, answer=5)
        async with conversation(times) as talk:
            await talk.connected()
            heard, count = list[str](), 0
            while len(talk.server.connections) < 4:
                await talk.server.broadcast(f"<b> {count}")
                count += 1
                await asyncio.sleep(0.01)
            await talk.client.say("a", "last")
            while not (isinstance(item := await talk.next(), Message) and item.own):
                assert isinstance(item, Message), "nobody is told of it"
                heard.append(item.text)
            assert heard == [str(number) for number in range(count)]
            await until(lambda: len(talk.server.open) == 1)

    run(scene())


def test_a_fresh_connection_that_is_refused_leaves_the_old_one_and_disturbs_nobody() -> None:
    async def scene() -> None:
        async with conversation(Times(renewal=0.2, answer=5)) as talk:
            await talk.connected()
            talk.server.refusals = 10**6
            await until(lambda: len(talk.asked_afresh) >= 4)
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi"), "and no notice before it"
            assert len(talk.server.connections) == 1

    run(scene())


def test_a_fresh_connection_that_breaks_while_the_old_one_lives_costs_and_repeats_no_message() -> None:
    async def scene() -> None:
        async with conversation(Times(renewal=0.4, overlap=2, answer=5, first_delay=0.02, longest_delay=0.05)) as talk:
            await talk.connected(2)
            talk.server.connections[1].transport.abort()
            await talk.connected(3)
            talk.server.refusals = 10**6
            await until(lambda: len(talk.client._lines) == 2)
            for text in ("same", "same", "other"):
                await talk.server.broadcast(f"<b> {text}")
            assert [await talk.next() for _ in range(3)] == [Message("b", one) for one in ("same", "same", "other")]

    run(scene())


def test_the_same_text_again_is_shown_again_when_the_old_connection_broke_before_the_fresh_one_was_open() -> None:
    async def scene() -> None:
        async with conversation(Times(renewal=0.4, overlap=5, answer=5, first_delay=0.02, longest_delay=0.05)) as talk:
            await talk.connected()
            admitted = asyncio.Event()

            async def late(connection: ServerConnection, request: Any) -> None:
                await admitted.wait()

            talk.server.admit = late
            await until(lambda: talk.client._overlap is not None)
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi")
            talk.server.connections[0].transport.abort()
            assert isinstance(await talk.next(), Notice)
            admitted.set()
            assert await talk.next() == Notice("Connected", "Connected.")
            await talk.server.broadcast("<b> hi")
            assert await talk.next() == Message("b", "hi")

    run(scene())


def test_leaving_closes_the_connection_politely() -> None:
    async def scene() -> None:
        async with conversation() as talk:
            await talk.connected()
            await until(lambda: talk.client.state == "connected")
            (connection,) = talk.server.connections
        await asyncio.wait_for(connection.wait_closed(), PATIENCE)
        assert connection.close_code == 1000

    run(scene())
