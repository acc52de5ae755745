"""Posts one message to many connections of a WebSocket API, as fast as API Gateway takes them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

The connections arrive in pages, and are posted to while the next page is read. A number of workers, each with an HTTP
connection of its own that is kept alive, post side by side, so one that has to wait holds up none of the others.
"""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple

import http1
from endpoint import Endpoint

IN_FLIGHT = 256
"""The most posts at a time: with 25 ms for each, that is 10,000 a second, an account's quota."""
REPLY_TIMEOUT = 5.0
TRIES = 12
"""How often a post is tried, waiting longer each time: some eight seconds in all, if time allows."""
TRIES_OF_STALLED = 5
"""How often a post is tried whose connection alone is throttled, as its client does not read: for a second at most."""
STALLED_SECONDS = 60.0
"""How long such a connection has one try only in each broadcast of the same process, unless it takes one."""
TRIES_PER_LOST_REPLY = 4
"""What a post counts that may have arrived for all one knows: so a message is posted three times at most."""
NOT_TAKEN = (429, 503)
"""Too much, and not now: the only answers of those that are worth another try which say that nothing was delivered."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds, of which a random part is waited before a post is tried again."""

Found = Callable[[Sequence[str]], None]
"""Takes a page of connection ids."""
Reader = Callable[[Found], Awaitable[None]]
"""Finds the connections to post to, page by page."""


class Failure(NamedTuple):
    """A connection for which a request failed: a post although it is not gone, or the deletion of its row."""

    connection_id: str
    status: int | None
    """The HTTP status; None when there was no reply."""
    error: str


@dataclass
class Outcome:
    """What became of a broadcast. Every connection found is sent, gone, failed or unreached."""

    sent: int = 0
    gone: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    unreached: int = 0
    """Connections for which time ran out."""
    retried: int = 0
    """Posts that were made once more."""
    pages: int = 0
    interruption: Exception | None = None
    """Why reading ended before all the connections were found."""


def only(connection_id: str) -> Reader:
    """Finds this one connection."""

    async def read(found: Found) -> None:
        found([connection_id])

    return read


def post_to_all(endpoint: Endpoint, message: bytes, read: Reader, seconds: float) -> Outcome:
    """Posts the message to every connection that `read` finds; returns when that is done, or time is up."""
    return endpoint.loop.run_until_complete(Broadcast(endpoint, message).run(read, seconds))


class Broadcast:
    """One message on its way to many connections."""

    def __init__(self, endpoint: Endpoint, message: bytes) -> None:
        self._endpoint = endpoint
        self._message = message
        self._sha256 = sha256(message).hexdigest()
        self._outcome = Outcome()
        self._found = 0
        self._jobs: asyncio.Queue[tuple[str, int]] = asyncio.Queue()  # connection ids, with the tries they have had
        self._workers: list[asyncio.Task[None]] = []
        self._retries: set[asyncio.TimerHandle] = set()
        self._throttled: set[str] = set()  # connections that have answered 429
        self._is_account_throttled = False
        self._addresses: list[http1.Address] = []
        self._lookup = asyncio.Lock()

    async def run(self, read: Reader, seconds: float) -> Outcome:
        """Posts until every connection had its post, or `seconds` have passed."""
        self._everything = asyncio.create_task(self._post_to_all(read))
        await asyncio.wait({self._everything}, timeout=seconds)
        for retry in self._retries:
            retry.cancel()
        tasks = [self._everything, *self._workers]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        reached = self._outcome.sent + len(self._outcome.gone) + len(self._outcome.failed)
        return replace(self._outcome, unreached=self._found - reached)

    async def _post_to_all(self, read: Reader) -> None:
        self._outcome.interruption = TimeoutError("time was up")
        try:
            await read(self._add)
            self._outcome.interruption = None
        except Exception as error:  # whatever it is, the connections that were found get the message
            self._outcome.interruption = error
        await self._jobs.join()

    def _add(self, page: Sequence[str]) -> None:
        self._outcome.pages += 1
        self._found += len(page)
        for connection_id in page:
            self._jobs.put_nowait((connection_id, 0))
        while len(self._workers) < workers_for(self._found):
            worker = asyncio.create_task(self._work())
            worker.add_done_callback(lambda _: self._everything.cancel())  # it ends by itself only if it fails
            self._workers.append(worker)

    async def _work(self) -> None:
        http = self._endpoint.take()
        in_vain = 0
        try:
            while True:
                connection_id, tries = await self._jobs.get()
                cost = 1
                try:
                    if http is None or not http.is_open:
                        http = await self._connect()
                    request = self._endpoint.request(connection_id, self._message, self._sha256)
                    cost = TRIES_PER_LOST_REPLY
                    reply = await http.request(request, REPLY_TIMEOUT)
                except OSError as error:
                    self._try_again(connection_id, tries + cost, None, repr(error))
                    in_vain += 1
                else:
                    in_vain = 0 if self._settle(connection_id, tries, reply) else in_vain + 1
                # It may be this connection alone, or the account or the whole API: then all workers come to slow down.
                if in_vain:
                    await asyncio.sleep(backoff(in_vain))
        finally:
            if http and http.is_open:
                self._endpoint.keep(http)

    async def _connect(self) -> http1.Connection:
        async with self._lookup:  # one question to the name server for all who wait
            if not self._addresses:
                self._addresses = await self._endpoint.addresses()
        return await self._endpoint.connect(random.choice(self._addresses))  # noqa: S311, no secret

    def _settle(self, connection_id: str, tries: int, reply: http1.Reply) -> bool:
        """Counts what became of a post; False says that it is to be made again."""
        if 200 <= reply.status < 300:
            self._outcome.sent += 1
            # A full buffer of one client stays full for a while. Where a retry is taken, it was the account's rate.
            self._is_account_throttled |= connection_id in self._throttled
            self._endpoint.stalled.pop(connection_id, None)
        elif reply.status == 410:
            self._outcome.gone.append(connection_id)
        else:
            error = reply.body[:200].decode(errors="replace")  # a refused signature is explained with the session token
            if reply.status == 429 or reply.status >= 500:
                cost = 1 if reply.status in NOT_TAKEN else TRIES_PER_LOST_REPLY
                is_given_up = reply.status == 429 and self._is_stalled(connection_id, tries + cost)
                self._try_again(connection_id, TRIES if is_given_up else tries + cost, reply.status, error)
                return False
            self._outcome.failed.append(Failure(connection_id, reply.status, error))
        self._jobs.task_done()
        return True

    def _is_stalled(self, connection_id: str, tries: int) -> bool:
        """Whether a post that was answered 429 is not worth another try, because its client does not read.

        API Gateway answers 429 to too many posts and to a full buffer of one client alike. Waiting for that one would
        keep the function for many seconds, and with it the messages of all others where few functions run at a time.
        """
        self._throttled.add(connection_id)
        stalled, now = self._endpoint.stalled, time.time()
        if now - stalled.get(connection_id, 0) < STALLED_SECONDS:
            return True
        if tries < TRIES_OF_STALLED or not self._outcome.sent or self._is_account_throttled:
            return False
        for name in [name for name, since in stalled.items() if now - since >= STALLED_SECONDS]:
            del stalled[name]
        stalled[connection_id] = now
        return True

    def _try_again(self, connection_id: str, tries: int, status: int | None, error: str) -> None:
        if tries >= TRIES:
            self._outcome.failed.append(Failure(connection_id, status, error))
            self._jobs.task_done()
            return

        def put_back() -> None:
            self._retries.discard(retry)
            self._jobs.put_nowait((connection_id, tries))
            self._jobs.task_done()  # of the try before: the queue counts each put as one more job

        self._outcome.retried += 1
        retry = asyncio.get_running_loop().call_later(backoff(tries), put_back)
        self._retries.add(retry)


def workers_for(connections: int) -> int:
    """How many posts to have in flight: few for a small chat, as a TLS handshake costs the CPU of a dozen posts."""
    return min(connections, IN_FLIGHT, math.ceil(2 * math.sqrt(connections)))


def backoff(tries: int) -> float:
    """Seconds to wait after so many tries: exponential, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (tries - 1)))  # noqa: S311
