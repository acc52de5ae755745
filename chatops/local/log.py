"""Logs of the local AWS: every line sanitized and truncated, lines of one kind limited per second.

Web pages, clients and functions choose what stands in them: escape sequences would reach the terminal that shows a log,
and a loop would fill the disk.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..text import redacted, visible

MAX_LINE_CHARACTERS = 2_000
MAX_TRACEBACK_LINES = 50
MAX_TAIL_BYTES = 64 * 1024
LINES_PER_SECOND = 20
"""Lines of one kind: those that one statement of the source logs."""
Kind = tuple[str, str, int]
"""The logger, the module and the line of that statement."""


def sanitize(line: str) -> str:
    """Return the text without secrets, truncated, and with characters escaped that a terminal would obey."""
    # Escaped, a character takes up to ten: what is cut before and after is bounded whatever the text is.
    return visible(redacted(line[: MAX_LINE_CHARACTERS + 1]), limit=MAX_LINE_CHARACTERS)[: 2 * MAX_LINE_CHARACTERS]


def tail(file: Path, lines: int) -> str:
    """Return the last lines of a log, sanitized again: an older version or another program may have written them."""
    try:
        with file.open("rb") as source:
            source.seek(max(0, file.stat().st_size - MAX_TAIL_BYTES))
            text = source.read(MAX_TAIL_BYTES).decode(errors="backslashreplace")
    except OSError:
        return "(no log)"
    return "\n".join(sanitize(line) for line in text.rstrip("\n").split("\n")[-lines:])


def configure() -> None:
    """Make this process log to stdout, sanitized and rate-limited."""
    if not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    target = logging.StreamHandler(sys.stdout)
    target.setFormatter(SanitizingFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[RateLimitedHandler(target)])


class SanitizingFormatter(logging.Formatter):
    """Formats a record as one line, with the lines of its traceback indented below: no text can pose as a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the time, the level and the message, and the traceback where there is one."""
        head = f"{self.formatTime(record)} {record.levelname} {sanitize(record.getMessage())}"
        trace = self.formatException(record.exc_info).split("\n") if record.exc_info else []
        return "\n    ".join([head, *(sanitize(line) for line in trace[-MAX_TRACEBACK_LINES:])])


class RateLimiter:
    """Admits so many lines of each kind per second, and reports how many it suppressed when the second is over."""

    def __init__(self, lines_per_second: int, report: Callable[[Kind, int], None]) -> None:
        self._limit, self._report = lines_per_second, report
        self._counts: Counter[Kind] = Counter()
        self._ends_at = time.monotonic() + 1
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    def admits(self, kind: Kind) -> bool:
        """Count a line; return False when the limit of this second is reached."""
        with self._lock:
            if time.monotonic() >= self._ends_at:
                self.flush()
            self._counts[kind] += 1
            if self._counts[kind] <= self._limit:
                return True
            if self._timer is None:
                # The number is reported also when no other line follows.
                self._timer = threading.Timer(1, self.flush)
                self._timer.daemon = True
                self._timer.start()
            return False

    def flush(self) -> None:
        """Report what was suppressed, and begin to count anew."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            counts, self._counts, self._timer = self._counts, Counter(), None
            self._ends_at = time.monotonic() + 1
            for kind, count in counts.items():
                if count > self._limit:
                    self._report(kind, count - self._limit)


class RateLimitedHandler(logging.Handler):
    """Hands records to another handler, and of those beyond the limit only their number."""

    def __init__(self, target: logging.Handler, lines_per_second: int = LINES_PER_SECOND) -> None:
        super().__init__()
        self._target, self._limiter = target, RateLimiter(lines_per_second, self._report)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record on, or count it."""
        if self._limiter.admits((record.name, record.module, record.lineno)):
            self._target.handle(record)

    def close(self) -> None:
        """Log how many lines were suppressed last."""
        self._limiter.flush()
        self._target.close()
        super().close()

    def _report(self, kind: Kind, count: int) -> None:
        name, module, line = kind
        text = f"{count} similar lines suppressed ({module}:{line})"
        self._target.handle(logging.LogRecord(name, logging.WARNING, module, line, text, None, None))
