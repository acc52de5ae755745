"""Does the chat work? Real clients connect, talk and leave, and every step is looked at from both ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import explain
from ..text import redacted, visible
from .chat.wire import notice_in
from .doctor.symptoms import recognise
from .own_rows import OwnRows

if TYPE_CHECKING:
    from .doctor.finding import Finding

ROUNDS = 10
"""Broadcasts that are timed."""
PATIENCE = 15.0
"""Seconds that a step may take before it counts as failed: a cold start, and a broadcast, take a few."""
ALONE_SECONDS = 1.0
"""Seconds within which a text that everybody gets has reached a second client."""
REMEMBERED = 100
"""Frames that look like errors which are remembered of the other clients."""
SHOWN = 200
"""Characters of a frame that are quoted."""

CAUSES = {
    "connect": "the connect function fails or is refused (its log says why), or the stage is not deployed",
    "rows": "the connect function may not write the table, or writes another one",
    "broadcast": "the send function may not read the table or post to connections, or the route is not live",
    "pong": "no $default route leads to the send function",
    "error frame": "no $default route leads to the send function",
    "disconnect": "the disconnect function may not delete rows, or its route is not live",
}


@dataclass(frozen=True)
class Check:
    """One step: whether it worked, how long it took, and what went wrong."""

    name: str
    ok: bool
    milliseconds: float
    detail: str = ""


@dataclass
class Report:
    """All steps, and the times of single deliveries, in milliseconds; `cause` is what the doctor finds broken."""

    checks: list[Check] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    cause: Finding | None = None

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def percentile(self, share: int) -> float | None:
        """The delivery time that this share of them, in percent, did not exceed."""
        if len(self.deliveries) < 2:
            return None
        return round(statistics.quantiles(self.deliveries, n=100, method="inclusive")[share - 1], 1)


def run(address: Callable[[], str], own: OwnRows, clients: int) -> Report:
    """Makes every check with this many clients.

    A step that fails ends the run; the clients are closed and their rows deleted whatever happens. What is broadcast
    is seen by everybody in the chat.
    """
    report = Report()
    with suppress(_Failed):
        asyncio.run(_run(address, own, clients, report))
    return report


class _Failed(Exception):
    """A check failed and stands in the report."""


async def _run(address: Callable[[], str], own: OwnRows, clients: int, report: Report) -> None:
    try:
        async with AsyncExitStack() as stack:
            try:
                await _talk(address, own, clients, report, _Talk(), stack)
            except BaseException:
                # Once the clients have left, nobody can tell any more which rows were theirs.
                with suppress(BotoCoreError, ClientError):
                    await asyncio.to_thread(own.found)
                raise
        async with _check(report, "disconnect"):
            await _until(own.found, 0, "rows of clients that left are still in the table")
    finally:
        await asyncio.to_thread(own.forget)


async def _talk(
    address: Callable[[], str], own: OwnRows, clients: int, report: Report, talk: _Talk, stack: AsyncExitStack
) -> None:
    from websockets.asyncio.client import connect

    async with _check(report, "connect"):
        for _ in range(clients):
            url = address()
            # A local address is never behind a proxy, whatever the environment says.
            proxy: Literal[True] | None = True if url.startswith("wss:") else None
            client = connect(url, proxy=proxy, open_timeout=PATIENCE, user_agent_header=own.agent)
            await stack.enter_async_context(talk.listening(await stack.enter_async_context(client)))
    async with _check(report, "rows"):
        talk.own_ids = await _until(own.found, clients, "not every client has its row", talk.raise_failure)
    async with _check(report, "broadcast"):
        for _ in range(ROUNDS):
            message = f"<smoke> {secrets.token_hex(8)}"
            text = json.dumps({"action": "sendMessage", "message": message})
            report.deliveries += await talk.ask(text, partial(eq, message), everybody=True)
    async with _check(report, "pong"):
        await talk.ask("ping", partial(eq, "pong"))
    async with _check(report, "error frame"):
        await talk.ask('{"action": "no such action"}', _is_error)


class _ErrorFrame(Exception):
    """The server answered what was sent with an error frame."""

    def __init__(self, frame: str, code: str) -> None:
        super().__init__(f"the server answered {visible(frame, limit=SHOWN)}")
        symptom = recognise(code)
        self.cause = "; or ".join(one.why for one in symptom.causes) if symptom else ""


class _Talk:
    """The clients, all of which are read all the time; the first one sends.

    An error frame that answers it ends the wait for what was expected. Anybody in the chat can send a text that looks
    like one, so it counts only where a stranger could hardly have sent it. API Gateway's frame names the connection,
    and only the operator knows the ids of ours. A handler's frame goes to the sender alone, and a stranger's text to
    all clients: one whose text reaches the first client more than ALONE_SECONDS before the second can still fail a
    run, whose detail quotes the text.
    """

    def __init__(self) -> None:
        self.own_ids: set[str] = set()
        self._connections: list[Any] = []
        self._sent = self._incomplete = 0
        self._heard_by_others: deque[str] = deque(maxlen=REMEMBERED)
        self._last = "nothing"
        self._failure: Exception | None = None
        self._wanted: Callable[[Any], bool] = lambda _: False
        self._waiting: set[int] = set()
        self._times: list[float] = []
        self._end: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def listening(self, connection: Any) -> AsyncIterator[None]:
        """Reads a client's frames within the block."""
        self._connections.append(connection)
        task = asyncio.ensure_future(self._read(len(self._connections) - 1, connection))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ask(self, text: str, wanted: Callable[[Any], bool], *, everybody: bool = False) -> list[float]:
        """Send a text and return how many milliseconds the answer took to each client, or to the first alone.

        Raises as soon as an error frame answers it or a connection is closed, or TimeoutError.
        """
        self.raise_failure()
        self._wanted, self._times, self._last = wanted, [], "nothing"
        self._waiting = set(range(len(self._connections))) if everybody else {0}
        self._end = asyncio.get_running_loop().create_future()
        self._sent += 1
        began = time.monotonic()
        await self._connections[0].send(text)
        await asyncio.wait({self._end}, timeout=PATIENCE)
        if not self._end.done():
            self._end.cancel()
            raise TimeoutError(f"it did not arrive within {PATIENCE:.0f} s; the last frame was {self._last}")
        self._end.result()
        return [(time - began) * 1000 for time in self._times]

    def raise_failure(self) -> None:
        """Raise the error that ended the talk, if one did."""
        if self._failure:
            raise self._failure

    async def _read(self, number: int, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self._take(number, await connection.recv())
        except ConnectionClosed as closed:
            self._fail(ConnectionError(f"the server closed the connection: {closed}"))

    def _take(self, number: int, frame: Any) -> None:
        if number in self._waiting and self._wanted(frame):
            self._waiting.remove(number)
            self._times.append(time.monotonic())
            if not self._waiting and self._end and not self._end.done():
                self._end.set_result(None)
            return
        if number == 0:
            self._last = visible(str(frame), limit=SHOWN)
        notice = notice_in(frame) if isinstance(frame, str) else None
        if not notice:
            return
        if number:
            self._heard_by_others.append(frame)
        elif "error" in (body := json.loads(frame)):
            self._suspect(_ErrorFrame(frame, notice.code), frame, is_incomplete=notice.code == "Incomplete")
        elif body["connectionId"] in self.own_ids:
            self._fail(_ErrorFrame(frame, notice.code))

    def _suspect(self, error: Exception, frame: str, *, is_incomplete: bool) -> None:
        """Fail with a handler's error frame, unless it turns out to be a stranger's text."""
        # An incomplete broadcast may have missed none but strangers, and be told of when the next is under way.
        self._incomplete += is_incomplete
        if is_incomplete and self._incomplete < self._sent:
            return
        request = self._sent

        def judge() -> None:
            if self._waiting and self._sent == request and frame not in self._heard_by_others:
                self._fail(error)

        asyncio.get_running_loop().call_later(ALONE_SECONDS, judge)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        if self._end and not self._end.done():
            self._end.set_exception(error)


async def _until(
    found: Callable[[], set[str]], expected: int, otherwise: str, raise_failure: Callable[[], None] = lambda: None
) -> set[str]:
    """Wait until so many rows are there, and return their ids."""
    deadline = time.monotonic() + PATIENCE
    while len(now := await asyncio.to_thread(found)) != expected:
        raise_failure()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise}: {len(now)} in the table after {PATIENCE:.0f} s, and not {expected}")
        await asyncio.sleep(0.1)
    return now


@asynccontextmanager
async def _check(report: Report, name: str) -> AsyncIterator[None]:
    began = time.monotonic()

    def took() -> float:
        return round((time.monotonic() - began) * 1000, 1)

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        # What this machine may not ask says nothing of the chat.
        told = explain(error)
        report.checks.append(Check(name, False, took(), f"it could not be looked at: {told.what}: {told.why}"))
        raise _Failed from error
    except Exception as error:
        why = redacted(str(error)) or type(error).__name__
        cause = getattr(error, "cause", "") or CAUSES[name]
        report.checks.append(Check(name, False, took(), f"{why}; likely cause: {cause}"))
        raise _Failed from error
    report.checks.append(Check(name, True, took()))


def _is_error(frame: Any) -> bool:
    try:
        return "error" in json.loads(frame)
    except (ValueError, TypeError):
        return False
