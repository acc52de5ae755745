"""A chat in the terminal, or through a pipe: where the address comes from, and which of the two it is."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import threading
from contextlib import suppress
from functools import lru_cache

from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import InvalidStatus

from ...documents.chat import item_document
from ...errors import FAILED, ChatopsError, explain
from ...session import Session
from ...text import redacted
from .. import addresses, connections, ownership
from ..access import signed_websocket_url
from .client import Client
from .outbox import Unconfirmed
from .tasks import first_of, in_thread, within
from .wire import Notice, checked_nick, cleaned_nick
from .words import plain, roll

ROLL = 200
"""Connections that /who asks about; `chatops status` asks about all."""
QUEUE = 100
"""Lines that are read from a pipe before those in front of them are sent."""
LONGEST = 200
"""Characters that are shown of a message that was not confirmed: the whole is in the pipe that it came from."""
STUCK_AFTER = 35.0
"""Seconds without progress after which the rest of a pipe's messages are given up: longer than one echo may take."""


def websocket_url(session: Session, *, afresh: bool = False) -> str:
    """The address for one attempt to connect; every attempt asks for its own, as a signature is soon too old.

    It is looked up once, because without a network the lookup would take longer than the attempt; and `afresh` when
    the server refused the last handshake, as one does whose API was deleted and created anew.
    """
    if afresh:
        _looked_up.cache_clear()
    return signed_websocket_url(session.stack, _looked_up(session))


@lru_cache(maxsize=1)
def _looked_up(session: Session) -> str:
    return addresses.url(session.stack)


def run(session: Session, nick: str | None) -> int:
    """Chats until the user leaves, or the pipe ends; gives the exit code."""
    name = checked_nick(nick) if nick is not None else _login()
    websocket_url(session)
    client = Client(
        lambda afresh: websocket_url(session, afresh=afresh),
        told=_told,
        refusals=(ChatopsError, BotoCoreError, ClientError),
        # A proxy of the environment does not lead to this machine's own loopback.
        proxy=None if session.options.local else True,
    )
    if session.options.as_json or not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return asyncio.run(_pipe(session, client, name))
    from .screen import Screen

    async def screen() -> None:
        await Screen(client, name, lambda: in_thread(lambda: _who(session))).run()

    asyncio.run(screen())
    return 0


async def _pipe(session: Session, client: Client, nick: str) -> int:
    await first_of(client.run(), _print(session, client), _send_all(session, client, nick))
    return FAILED if client.outbox.unconfirmed else 0


async def _print(session: Session, client: Client) -> None:
    while True:
        item = await client.items.get()
        if session.options.as_json:
            session.output.document(item_document(item))
        elif isinstance(item, (Notice, Unconfirmed)):
            session.note(plain(item, LONGEST))
        else:
            session.output.line(plain(item))
        client.items.task_done()


async def _send_all(session: Session, client: Client, nick: str) -> None:
    lines = Lines()
    while (line := await lines.next()) is not None:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text.strip():
            await client.say(nick, text)
            await _until(client, QUEUE)
    await _until(client, 0)
    await client.items.join()


async def _until(client: Client, left: int) -> None:
    """Waits until at most so many messages are left; gives them up when nothing moves any more."""
    while len(client.outbox) > left:
        client.progress.clear()
        try:
            await within(STUCK_AFTER, client.progress.wait())
        except asyncio.TimeoutError:
            await client.give_up("there was no connection to send it on")


class Lines:
    """Standard input, line by line; nothing at its end."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(QUEUE)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> bytes | None:
        line = await self._lines.get()
        self._room.release()
        return line

    def _read(self) -> None:
        # Not through sys.stdin: a thread that is left behind would hold its lock, and Python's end wait for it.
        rest = b""
        while sys.stdin and (chunk := os.read(sys.stdin.fileno(), 65536)):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._put(line)
        self._put(rest)
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        self._room.acquire()
        with suppress(RuntimeError):  # the loop has ended, and with it the chat
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


def _who(session: Session) -> str:
    table, management = ownership.owned_chat(session.stack)
    rows = connections.in_order(connections.rows(session.aws, table))
    return roll(connections.probe(management, rows[:ROLL]), len(rows))


def _told(error: BaseException) -> str:
    """Why a connection could not be opened."""
    if isinstance(error, InvalidStatus):
        return f"The server refuses the connection (HTTP {error.response.status_code}); trying again."
    if isinstance(error, (ChatopsError, BotoCoreError, ClientError)):
        told = explain(error)
        return f"{told.what}: {told.why}; trying again."
    return f"The server cannot be reached ({redacted(str(error)) or type(error).__name__}); trying again."


def _login() -> str:
    try:
        return cleaned_nick(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return cleaned_nick("")
