"""Does the chat work? Real clients connect, talk and leave, and every step is looked at from both ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import explain
from ..text import redacted
from .own_rows import OwnRows

if TYPE_CHECKING:
    from .doctor.finding import Finding

ROUNDS = 10
"""Broadcasts that are timed."""
PATIENCE = 15.0
"""Seconds that a step may take before it counts as failed: a cold start, and a broadcast, take a few."""

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
    opened: list[Any] = []
    try:
        async with AsyncExitStack() as stack:
            try:
                await _talk(address, own, clients, report, opened, stack)
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
    address: Callable[[], str], own: OwnRows, clients: int, report: Report, opened: list[Any], stack: AsyncExitStack
) -> None:
    from websockets.asyncio.client import connect

    async with _check(report, "connect"):
        for _ in range(clients):
            url = address()
            # A local address is never behind a proxy, whatever the environment says.
            proxy: Literal[True] | None = True if url.startswith("wss:") else None
            client = connect(url, proxy=proxy, open_timeout=PATIENCE, user_agent_header=own.agent)
            opened.append(await stack.enter_async_context(client))
    async with _check(report, "rows"):
        await _until(own.found, clients, "not every client has its row")
    async with _check(report, "broadcast"):
        for _ in range(ROUNDS):
            await _broadcast(opened, report)
    async with _check(report, "pong"):
        await opened[0].send("ping")
        await _receive(opened[0], lambda frame: frame == "pong")
    async with _check(report, "error frame"):
        await opened[0].send('{"action": "no such action"}')
        await _receive(opened[0], _is_error)


async def _broadcast(opened: list[Any], report: Report) -> None:
    message = f"<smoke> {secrets.token_hex(8)}"
    began = time.monotonic()

    async def arrives(client: Any) -> None:
        await _receive(client, lambda frame: frame == message)
        report.deliveries.append((time.monotonic() - began) * 1000)

    await opened[0].send(json.dumps({"action": "sendMessage", "message": message}))
    await asyncio.gather(*(arrives(client) for client in opened))


async def _receive(client: Any, wanted: Callable[[Any], bool]) -> None:
    """Reads until the frame that is wanted comes; other people's messages may come first."""
    last = "nothing"

    async def read() -> None:
        nonlocal last
        while not wanted(frame := await client.recv()):
            last = repr(frame)[:120]

    try:
        await asyncio.wait_for(read(), PATIENCE)
    except asyncio.TimeoutError:
        raise TimeoutError(f"it did not arrive within {PATIENCE:.0f} s; the last frame was {last}") from None


async def _until(found: Callable[[], set[str]], expected: int, otherwise: str) -> None:
    """Waits until so many rows are there."""
    deadline = time.monotonic() + PATIENCE
    while (now := len(await asyncio.to_thread(found))) != expected:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise}: {now} in the table after {PATIENCE:.0f} s, and not {expected}")
        await asyncio.sleep(0.1)


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
        report.checks.append(Check(name, False, took(), f"{why}; likely cause: {CAUSES[name]}"))
        raise _Failed from error
    report.checks.append(Check(name, True, took()))


def _is_error(frame: Any) -> bool:
    try:
        return "error" in json.loads(frame)
    except (ValueError, TypeError):
        return False
