"""The functions' logs: each function's log group is read, its lines are told apart, and all are merged by time.

Lines do not name the request that they belong to. But an execution environment writes a log stream of its own and
handles one request at a time, so that in a stream everything from START to REPORT is one request's:
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html

New lines are found by asking FilterLogEvents again and again, on AWS as well. StartLiveTail would bring them a second
or two sooner, but costs money by the minute, leaves lines out above 500 a second, ends after three hours, needs one
more permission, and begins with now, so that the lines before it had to be read this way and joined without a gap:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html
"""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import chain
from typing import Any

from botocore import exceptions as botocore

from ..aws import Aws
from ..aws.refusal import absent_is_fine
from ..errors import UsageError
from ..resources.log_group import PREFIX

INTERVAL = 2.0
"""Seconds between two looks for new lines. One look is a request per function; AWS takes a few dozen a second at most.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
"""
OVERLAP = 30_000
"""Milliseconds before the newest line that are read again: lines of other streams may arrive later."""
CLOCK_ERROR = 5 * 60_000
"""Milliseconds by which this machine's clock may differ from AWS's, which refuses requests of any that differs more."""
HELD = 200
"""Lines of one request that are kept until it is known whose request it is."""


@dataclass(frozen=True)
class Line:
    """One log event. `time` is in UTC."""

    time: datetime
    function: str
    message: str
    request_id: str | None = None
    connection_id: str | None = None
    """The connection that it names, or else the one whose request it belongs to."""
    caller: str | None = None
    """The connection whose request it belongs to: the first one that is named in it."""


class Tail:
    """One function's log group: what it has since a time, and then what is new in it."""

    def __init__(self, aws: Aws, function: str, since: int) -> None:
        """Takes the time in milliseconds of the epoch."""
        self._aws, self._function, self._since = aws, function, since
        self._newest = 0
        self._has_begun = False
        self._unread: list[Line] = []
        self._seen: dict[Hashable, int] = {}
        self._requests: dict[str, tuple[str, str | None]] = {}  # by stream: the request under way, and its caller

    def new(self) -> Iterator[Line]:
        """The lines that have not been given yet, page by page, in order of time; none where there is no group."""
        start = self._since
        if self._has_begun:
            start = max(start, max(self._newest, int(time.time() * 1000) - CLOCK_ERROR) - OVERLAP)
        self._has_begun = True
        alike: Counter[Hashable] = Counter()
        with absent_is_fine():
            for event in self._aws.pages(
                "logs",
                "filter_log_events",
                "events",
                logGroupName=f"{PREFIX}{self._function}",
                startTime=start,
            ):
                # The local AWS gives no ids; without them the n-th of equal lines is known by its n.
                key: Hashable = event.get("eventId")
                if key is None:
                    same = (event.get("logStreamName"), event["timestamp"], event["message"])
                    alike[same] += 1
                    key = (same, alike[same])
                if key not in self._seen:
                    self._remember(key, event["timestamp"])
                    yield self._line(event)

    def read(self) -> None:
        """Reads the new lines, for `taken`. What it had read when it failed is not lost."""
        self._unread.extend(self.new())

    def taken(self) -> list[Line]:
        """What was read and not given yet."""
        lines, self._unread = self._unread, []
        return lines

    def _remember(self, key: Hashable, timestamp: int) -> None:
        self._newest = max(self._newest, timestamp)
        self._seen[key] = timestamp
        if len(self._seen) % 10_000 == 0:
            self._seen = {key: at for key, at in self._seen.items() if at >= self._newest - OVERLAP}

    def _line(self, event: dict[str, Any]) -> Line:
        message, stream = event["message"].rstrip("\r\n"), event.get("logStreamName", "")
        what, _, rest = message.partition(" RequestId: ")
        if what == "START":
            self._requests[stream] = (rest.split()[0] if rest else "", None)
        request_id, caller = self._requests.get(stream, (None, None))
        if what in ("END", "REPORT") and rest:
            request_id = rest.split()[0]
        named = fields(message).get("connectionId")
        named = named if isinstance(named, str) else None
        if request_id and named and not caller:
            caller = named
            self._requests[stream] = (request_id, caller)
        if what == "REPORT":
            self._requests.pop(stream, None)
        at = datetime.fromtimestamp(event["timestamp"] / 1000, timezone.utc)
        return Line(at, self._function, message, request_id, named or caller, caller)


class Story:
    """What the logs say of one connection: the lines that name it, and all lines of the requests that it made."""

    def __init__(self, beginning: str) -> None:
        """Takes the connection's id, or a unique beginning of it."""
        self.beginning = beginning
        self._held: dict[str, deque[Line]] = {}

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """Those of the lines that belong to it. Raises UsageError when they are about several connections."""
        found = list(self._told(lines))
        ids = {one for line in found for one in (line.connection_id, line.caller) if one and self._is_meant(one)}
        if ids:
            self.beginning = self._only(ids)
            found = [line for line in found if self._is_about(line)]
        return found

    def _told(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            request = line.request_id or ""
            if request and not line.caller and not line.message.startswith("REPORT "):
                self._held.setdefault(request, deque(maxlen=HELD)).append(line)
                continue
            held = self._held.pop(request, ())
            if self._is_about(line):
                yield from (replace(one, connection_id=line.caller, caller=line.caller) for one in held)
                yield line

    def _only(self, ids: set[str]) -> str:
        if self.beginning in ids or len(ids) == 1:
            return self.beginning if self.beginning in ids else ids.pop()
        few = ", ".join(sorted(ids)[:5])
        why = f"{len(ids)} begin like that: {few}"
        raise UsageError(
            "several-connections",
            f"{self.beginning!r} names several connections",
            why,
            "Give more of the id of the one that you mean.",
        )

    def _is_meant(self, connection_id: str | None) -> bool:
        return bool(connection_id) and str(connection_id).startswith(self.beginning)

    def _is_about(self, line: Line) -> bool:
        return self._is_meant(line.connection_id) or self._is_meant(line.caller)


class Logs:
    """The lines of several functions, in one order."""

    def __init__(
        self, aws: Aws, functions: Sequence[str], seconds: int, connection: str | None = None, text: str | None = None
    ) -> None:
        """Begins so many seconds ago; keeps to one connection's story, and to lines with a text, in any case."""
        since = max(0, int((time.time() - seconds) * 1000))
        self._aws, self._text = aws, (text or "").lower()
        self._tails = [Tail(aws, function, since) for function in functions]
        self._story = Story(connection) if connection else None

    def history(self) -> Iterator[Line]:
        """What there is already. Without a connection nothing is kept in memory, however much it is."""
        merged = heapq.merge(*(tail.new() for tail in self._tails), key=lambda line: line.time)
        return self._chosen(merged)

    def follow(self, say: Callable[[str], None]) -> Iterator[Line]:
        """What comes after that, without end; a late line may be older than those before it.

        That AWS cannot be reached for a while is said, and ends nothing.
        """
        is_reachable = True
        while True:
            self._aws.pause(INTERVAL)
            try:
                self._aws.together(*(tail.read for tail in self._tails))
            except (botocore.ConnectionError, botocore.HTTPClientError):
                if is_reachable:
                    say("AWS cannot be reached; trying again until it can.")
                is_reachable = False
                continue
            is_reachable = True
            lines = chain.from_iterable(tail.taken() for tail in self._tails)
            yield from self._chosen(sorted(lines, key=lambda line: line.time))

    def _chosen(self, lines: Iterable[Line]) -> Iterator[Line]:
        if self._story:
            lines = sorted(self._story.of(lines), key=lambda line: line.time)
        return (line for line in lines if self._text in line.message.lower())


def fields(message: str) -> dict[str, Any]:
    """What a handler's structured line says; nothing for any other line."""
    if not message.startswith("{"):
        return {}
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
