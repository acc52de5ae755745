"""`python -m chatops.local.log_writer FILE`: writes what a process of the local AWS prints to its log, and bounds it.

It is a process of its own, so that the last lines of a process that crashes are written too. It ends when every process
that has the other end of its pipe has ended.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler

from .log import MAX_LINE_CHARACTERS, RateLimiter, sanitize

MAX_LOG_BYTES = 5_000_000
"""Of a log, and of the one before it, which is kept beside it as `.1`."""
MAX_LINE_BYTES = 4 * (MAX_LINE_CHARACTERS + 1)
LINES_PER_SECOND = 500
"""All that one process prints. Its own logging limits each kind of line to fewer."""
ANY = ("", "", 0)
"""The one kind of its lines: what in a line is text of others cannot be told."""


def copy_lines(source: int, write: Callable[[bytes], None]) -> None:
    """Read a file descriptor to its end, and write each line; of a long one only its beginning."""
    line = b""
    while chunk := os.read(source, 64 * 1024):
        first, *others = chunk.split(b"\n")
        line = (line + first)[:MAX_LINE_BYTES]
        for other in others:
            write(line)
            line = other[:MAX_LINE_BYTES]
    if line:
        write(line)


def write_log(source: int, file: str) -> None:
    """Copy a file descriptor, to its end, to a log file."""
    target = RotatingFileHandler(file, maxBytes=MAX_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)

    def put(line: str) -> None:
        target.handle(logging.LogRecord("", logging.INFO, "", 0, line, None, None))

    limiter = RateLimiter(LINES_PER_SECOND, lambda _, count: put(f"{count} similar lines suppressed"))

    def write(line: bytes) -> None:
        if limiter.admits(ANY):
            put(sanitize(line.decode(errors="backslashreplace")))

    copy_lines(source, write)
    limiter.flush()
    with suppress(OSError):
        target.close()


def main(file: str) -> None:
    """Copy stdin to a log file."""
    # It is told to end by the end of its input: before that, a process that is ending may have something to say.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # On a full disk lines are lost, and the next ones are tried again.
    logging.raiseExceptions = False
    write_log(0, file)


if __name__ == "__main__":
    main(sys.argv[1])
