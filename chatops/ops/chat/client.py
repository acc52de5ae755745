"""A client of the chat that stays: through lost connections, sleeping machines, and API Gateway's limits.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ... import __version__
from .line import Line, Overlap, Times
from .outbox import PACE, Outbox, Unconfirmed
from .tasks import first_of, in_thread, within
from .wire import PING, PONG, Message, Notice, compose, excess, fragments, notice_in, spoken

Item = Message | Notice | Unconfirmed

TICK = 0.2
SLEPT = 10.0
"""Seconds that pass unseen when this machine has slept: the connection may be dead since then."""
TOO_LARGE = 1009
"""WebSocket's close code for it."""
BACKLOG = 1000
"""Items that may wait to be shown, before the server has to wait."""


class Client:
    """Talks and listens. What happened comes out of `items`, in order; `run` makes it happen.

    `address` gives the URL for an attempt to connect; it is asked to look it up afresh after a refused handshake.
    It may block, and raise an error whose words `told` finds. `changed` is called when the state or the outbox has;
    `progress` is set when the outbox has.
    """

    def __init__(
        self,
        address: Callable[[bool], str],
        *,
        told: Callable[[BaseException], str] = str,
        refusals: tuple[type[Exception], ...] = (),
        changed: Callable[[], None] = lambda: None,
        proxy: Any = True,
        times: Times | None = None,
    ) -> None:
        self.items: asyncio.Queue[Item] = asyncio.Queue(BACKLOG)
        self.outbox = Outbox()
        self.state = "connecting"
        self.progress = asyncio.Event()
        self.changed = changed
        self._address, self._told, self._proxy, self._times = address, told, proxy, times or Times()
        self._expected: tuple[type[Exception], ...] = (OSError, asyncio.TimeoutError, WebSocketException, *refusals)
        self._lines: list[Line] = []
        self._overlap: Overlap | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        # Stands still while this process does, so that what arrived meanwhile is read before anything is given up.
        self._now = 0.0
        self._trouble = ""
        self._is_afresh = False

    async def say(self, nick: str, text: str) -> None:
        """Sends a message as soon as that can be; one that is too long for API Gateway comes out unconfirmed."""
        message = compose(nick, text)
        too_long = excess(message)
        if too_long:
            await self._put(self.outbox.refuse(message, f"it is {too_long} bytes too long"))
        else:
            self.outbox.add(message)
            self._touch()

    async def give_up(self, why: str) -> None:
        """Stops trying to send what is left."""
        await self._put(self.outbox.abandon(why))

    async def run(self) -> None:
        """Keeps up a connection until it is cancelled; then says goodbye."""
        try:
            await first_of(self._stay(), self._keep())
        finally:
            for one in self._retiring:
                one.cancel()
            await asyncio.gather(*(one.socket.close() for one in self._lines), return_exceptions=True)

    async def _stay(self) -> None:
        failures = 0
        while True:
            self._set("connecting")
            line = await self._open()
            if line:
                began = time.monotonic()
                await self._live(line)
                failures = 0 if time.monotonic() - began >= self._times.settled else failures + 1
            else:
                failures += 1
            self._set("waiting")
            await asyncio.sleep(self._times.delay(failures))

    async def _open(self, *, is_renewal: bool = False) -> Line | None:
        afresh, self._is_afresh = self._is_afresh, False
        # From now on, not from when it is open: a broadcast may reach the older line just before.
        self._overlap = Overlap() if self._lines else None
        try:
            url = await in_thread(lambda: self._address(afresh))
            socket = await connect(
                url,
                open_timeout=self._times.opening,
                close_timeout=2,
                ping_interval=None,
                compression=None,
                proxy=self._proxy,
                user_agent_header=f"chatops/{__version__}",
            )
        except self._expected as error:
            self._is_afresh = isinstance(error, InvalidStatus)
            if len(self._lines) == 1:
                self._overlap = None
            if not is_renewal:
                await self._troubled(self._told(error))
            return None
        line = Line(socket, time.time() + self._times.renewal * random.uniform(1, 1.1))  # noqa: S311
        line.reading = asyncio.create_task(self._read(line))
        self._lines.append(line)
        if len(self._lines) == 1:
            self._overlap = None
        if self._trouble:
            self._trouble = ""
            await self.items.put(Notice("Connected", "Connected."))
        self._set("connected")
        return line

    async def _live(self, line: Line) -> None:
        """Returns when the line has broken, and so has the one that took over from it, and so on."""
        while not line.reading.done():
            # Pieces, because a machine that sleeps does not count the seconds.
            await asyncio.wait({line.reading}, timeout=max(0.0, min(60.0, line.renew_at - time.time())))
            if line.reading.done() or time.time() < line.renew_at:
                continue
            heir = await self._open(is_renewal=True)
            if heir:
                retiring = asyncio.create_task(self._retire(line))
                self._retiring.add(retiring)
                retiring.add_done_callback(self._retiring.discard)
                line = heir
            else:
                line.renew_at = time.time() + self._times.renewal / 100
        await line.reading

    async def _retire(self, line: Line) -> None:
        await asyncio.wait({line.reading}, timeout=self._times.overlap)
        await line.socket.close()
        await line.reading

    async def _read(self, line: Line) -> None:
        with suppress(ConnectionClosed):
            async for frame in line.socket:
                line.heard()
                await self._take(line, frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))
        self._lines.remove(line)
        if len(self._lines) == 1:
            self._overlap = None
        if not self._lines:
            self._set("waiting")
            await self._troubled(f"The connection was lost ({line.epitaph}); connecting again.")
            is_too_large = line.socket.close_code == TOO_LARGE
            await self._put(self.outbox.lost("it was too large" if is_too_large else "the connection broke first"))

    async def _take(self, line: Line, frame: str) -> None:
        if frame == PONG and line.pings:
            line.pings -= 1
            return
        if self._overlap and not self._overlap.accepts(line, frame):
            return
        own = self.outbox.is_own(frame)
        notice = None if own or not (line.pings or self.outbox.expects_errors(self._now)) else notice_in(frame)
        if notice is None:
            await self.items.put(spoken(frame, own=own))
            if own:
                self.outbox.confirm(frame)
                self._touch()
        elif line.pings and not self.outbox.sent:
            # A chat without a $default route answers a ping like this: a sign of life all the same.
            line.pings -= 1
        else:
            await self.items.put(notice)
            await self._put(self.outbox.failed(notice, self._now))

    async def _keep(self) -> None:
        """Sends what is due, looks after the heartbeat, and gives up what does not come back."""
        last, last_wall = time.monotonic(), time.time()
        while True:
            with suppress(asyncio.TimeoutError):
                await within(PACE if self.outbox.waiting else TICK, self._wake.wait())
            self._wake.clear()
            step = min(time.monotonic() - last, 2 * TICK)
            has_slept = time.time() - last_wall > SLEPT
            last, last_wall = time.monotonic(), time.time()
            self._now += step
            await self._put(self.outbox.overdue(self._now))
            if self._lines:
                line = self._lines[-1]
                if has_slept:
                    line.doubt(self._times)
                try:
                    await within(self._times.answer, self._use(line, step))
                except asyncio.TimeoutError:
                    await line.socket.close()
                except ConnectionClosed:
                    pass  # the reader knows, too

    async def _use(self, line: Line, step: float) -> None:
        entry = self.outbox.next(self._now)
        if entry:
            self.outbox.sending(entry, self._now)
            self._touch()
            parts = fragments(entry.message)
            await line.socket.send(parts if len(parts) > 1 else parts[0])
        if line.needs_ping(step, self._times, in_doubt=self.outbox.is_in_doubt(self._now)):
            await line.socket.send(PING)

    async def _troubled(self, why: str) -> None:
        if why != self._trouble:
            self._trouble = why
            await self.items.put(Notice("Disconnected", why))

    async def _put(self, unconfirmed: Iterable[Unconfirmed]) -> None:
        for one in unconfirmed:
            await self.items.put(one)
            self._touch()

    def _set(self, state: str) -> None:
        self.state = state
        self._wake.set()
        self.changed()

    def _touch(self) -> None:
        """The outbox is another."""
        self.progress.set()
        self._wake.set()
        self.changed()
