"""The network calls that a run is waiting for, reported while they last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ..deploy.resource import current_listener
from ..text import without_user

FIRST_REPORT_SECONDS = 1.0
"""When a call is reported first. Starting Python and loading botocore take most of the other second."""
REPORT_EVERY_SECONDS = 2.0
IDLE_SECONDS = 1.0
"""How long the reporting thread stays when no call is in flight."""
MAX_CALL_SECONDS = 60.0
"""When a call that gets no answer ends at the latest."""

TOKEN = "chatops_call_in_flight"  # noqa: S105
"""Where a call's context holds its key among the calls in flight."""

Report = Callable[[str], None]


class Token:
    """The key of one call. Its call is forgotten with it: botocore does not report the end of an interrupted call."""


@dataclass
class Call:
    """A call that has not ended: what it is, since when it waits, and why it is retried."""

    text: str
    began: float
    report: Report | None
    due: float
    limit: float | None = None
    region: str = ""
    reason: str = ""

    def describe(self, now: float, others: int) -> str:
        """Return what the run waits for, with the seconds that have passed and that are left."""
        waited = now - self.began
        parts = [self.text, *([self.reason] if self.reason else [])]
        details = [self.region] if self.region else []
        if waited >= REPORT_EVERY_SECONDS or self.reason:
            # What changes comes first: a narrow terminal cuts the end.
            left = [f"{max(self.limit - waited, 0):.0f} s left"] if self.limit else []
            details = [f"{waited:.0f} s", *left, *details]
        if details:
            parts[-1] += f" ({', '.join(details)})"
        if others:
            parts.append(f"{others} other {'calls' if others > 1 else 'call'}")
        return "; ".join(parts)


class CallsInFlight:
    """Reports calls that take long: to the listener of the context that made the call, else to `report`.

    A daemon thread does it, which exists only while there are calls.
    """

    def __init__(self, report: Report | None = None) -> None:
        self._report = report
        self._calls: WeakKeyDictionary[Token, Call] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.has_answer = False

    def watch(self, session: Any) -> None:
        """Follow every call of every client that a botocore session makes, those of its credentials included."""
        session.register("request-created", self._on_request)
        session.register("response-received", self._on_response)
        session.register("after-call", self._on_end)
        session.register("after-call-error", self._on_end)

    @contextmanager
    def waiting(self, text: str, limit: float | None = None) -> Iterator[None]:
        """Report `text` while the block lasts, when it lasts long."""
        token = Token()
        self._begin(token, text, limit)
        try:
            yield
        finally:
            self._end(token)

    def retries(self, context: Any, reason: str, since: float, limit: float) -> None:
        """Report from now on why this call is retried, since when, and for how long."""
        with self._lock:
            if call := self._calls.get(context.get(TOKEN) or Token()):
                call.reason, call.began, call.limit = reason, since, limit

    def _on_request(self, request: Any, operation_name: str, event_name: str = "", **_: Any) -> None:
        # Signed already: whoever is asked for the code of an MFA device is not interrupted by a report.
        if TOKEN in request.context:
            return
        token = request.context[TOKEN] = Token()
        service, region = event_name.split(".")[1], str(request.context.get("client_region") or "")
        where = urlsplit(request.url)
        is_aws = (where.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazon.com"))
        target = "AWS" if is_aws else without_user(f"{where.scheme}://{where.netloc}")
        if self.has_answer:
            self._begin(token, f"Waiting for {service} {operation_name}", MAX_CALL_SECONDS, region)
        else:
            self._begin(token, f"Connecting to {target} ({service}, {region})", MAX_CALL_SECONDS)

    def _on_response(self, response_dict: Any, **_: Any) -> None:
        if response_dict is not None:
            self.has_answer = True

    def _on_end(self, context: Any, **_: Any) -> None:
        if token := context.pop(TOKEN, None):
            self._end(token)

    def _begin(self, token: Token, text: str, limit: float | None, region: str = "") -> None:
        now = time.monotonic()
        call = Call(text, now, current_listener() or self._report, now + FIRST_REPORT_SECONDS, limit, region)
        with self._lock:
            self._calls[token] = call
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="calls-in-flight", daemon=True)
                self._thread.start()

    def _end(self, token: Token) -> None:
        with self._lock:
            self._calls.pop(token, None)

    def _run(self) -> None:
        is_idle = False
        while True:
            with self._lock:
                if is_idle and not self._calls:
                    self._thread = None
                    return
                is_idle = not self._calls
            due = self._report_due(time.monotonic())
            # A call that begins meanwhile is due no earlier than this ends.
            time.sleep(max(min(due - time.monotonic(), FIRST_REPORT_SECONDS), 0.01))

    def _report_due(self, now: float) -> float:
        """Report the oldest call of each listener; return when the next report is due.

        The lock is not held meanwhile: a terminal that does not take the text must not stop the calls themselves.
        """
        reports: dict[Report, tuple[Call, str]] = {}
        with self._lock:
            calls = list(self._calls.values())
            for call in calls:
                if call.due > now or call.report is None:
                    continue
                call.due = now + REPORT_EVERY_SECONDS
                if call.report not in reports:
                    others = sum(one.report == call.report for one in calls) - 1
                    reports[call.report] = call, call.describe(now, others)
            due = min((call.due for call in calls if call.report), default=now + IDLE_SECONDS)
        for report, (call, text) in reports.items():
            if self._is_in_flight(call):
                # A closed stderr must not end the reports of the other listeners.
                with suppress(Exception):
                    report(text)
        return due

    def _is_in_flight(self, call: Call) -> bool:
        with self._lock:
            return any(one is call for one in self._calls.values())
