"""The logs of the local AWS: text of web pages, clients and functions reaches no terminal and fills no disk."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatops.local import log, log_writer
from chatops.local.keys import LocalKeys
from chatops.local.process import HOST, Process, free_port, start

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202eevil\u2028next\r"


class Collector(logging.Handler):
    """Keeps what it is handed, formatted."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log.SanitizingFormatter())
        self.lines: list[str] = []
        self.reported = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        if "suppressed" in self.lines[-1]:
            self.reported.set()


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def logger(collector: Collector) -> Iterator[logging.Logger]:
    """A logger whose records reach the collector, rate-limited."""
    limited = log.RateLimitedHandler(collector)
    one = logging.Logger("front")
    one.addHandler(limited)
    yield one
    limited.close()


def has_controls(text: str) -> bool:
    return re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text) is not None


def test_a_line_is_sanitized_redacted_and_truncated() -> None:
    assert not has_controls(log.sanitize(HOSTILE))
    assert log.sanitize("GET /?X-Amz-Signature=abcdef01&x=1") == "GET /?X-Amz-Signature=…&x=1"
    for text in ("x" * 10_000_000, "\x1b" * 10_000_000, "\U000e0001" * 100_000):
        assert len(log.sanitize(text)) <= 2 * log.MAX_LINE_CHARACTERS
    assert log.sanitize("안녕 👩‍🚀 plain") == "안녕 👩‍🚀 plain"


def test_text_of_others_cannot_pose_as_a_record(logger: logging.Logger, collector: Collector) -> None:
    logger.info("%s: connected", "id\n2026-01-01 00:00:00,000 ERROR forged")
    try:
        raise ValueError("bad\n2026-01-01 00:00:00,000 ERROR forged" + HOSTILE)
    except ValueError:
        logger.exception("message")
    first, second = collector.lines
    assert "\n" not in first
    assert not [line for line in second.split("\n")[1:] if not line.startswith("    ")]
    assert "ValueError" in second and not has_controls(second)


def test_a_long_traceback_is_cut(logger: logging.Logger, collector: Collector) -> None:
    try:
        raise ValueError("\n".join("x" * 10_000 for _ in range(1_000)))
    except ValueError:
        logger.exception("message")
    assert len(collector.lines[0]) <= (log.MAX_TRACEBACK_LINES + 1) * (2 * log.MAX_LINE_CHARACTERS)


def test_a_flood_is_counted_and_hides_no_other_line(logger: logging.Logger, collector: Collector) -> None:
    for number in range(5_000):
        logger.warning("%s: handshake refused", number)
    logger.warning("something else")
    assert collector.lines[-1].endswith("something else")
    assert collector.reported.wait(30), "the number is logged when no other line follows"
    written = sum("handshake refused" in line for line in collector.lines)
    assert written < 1_000
    logger.handlers[0].close()
    suppressed = [int(one) for one in re.findall(r"(\d+) similar lines suppressed", "\n".join(collector.lines))]
    assert written + sum(suppressed) == 5_000


def test_a_second_later_lines_are_admitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("chatops.local.log.time.monotonic", lambda: now)
    reported: list[int] = []
    limiter = log.RateLimiter(2, lambda _, count: reported.append(count))
    kind = ("front", "gateway", 71)
    assert [limiter.admits(kind) for _ in range(4)] == [True, True, False, False]
    now = 1.0
    assert limiter.admits(kind)
    assert reported == [2]


def test_the_end_of_a_log_is_sanitized_and_read_from_its_end_alone(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as target:
        target.truncate(10_000_000_000)  # takes no room on the disk
        target.seek(0, os.SEEK_END)
        target.write(b"\nfirst\n" + HOSTILE.encode() + b"\n\xff\xfe last\n")
    end = log.tail(file, 3)
    assert end.startswith("first\n") and end.endswith("last")
    assert not has_controls(end)
    assert log.tail(tmp_path / "missing", 3) == "(no log)"


def write(data: bytes, file: Path) -> None:
    """Write data to a log as a process would that prints it."""
    source, target = os.pipe()

    def feed() -> None:
        with os.fdopen(target, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    log_writer.write_log(source, str(file))
    thread.join()
    os.close(source)


def test_what_a_process_prints_is_sanitized_line_by_line(tmp_path: Path) -> None:
    write(HOSTILE.encode() + b"\n\xff\x00\nlast line without its end", tmp_path / "log")
    text = (tmp_path / "log").read_text()
    assert not has_controls(text)
    assert text.splitlines()[1:] == ["\\xff\\x00", "last line without its end"]


def test_a_line_without_an_end_is_truncated(tmp_path: Path) -> None:
    write(b"\x1b" * 20_000_000 + b"\nnext\n", tmp_path / "log")
    first, second = (tmp_path / "log").read_text().splitlines()
    assert len(first) <= 2 * log.MAX_LINE_CHARACTERS
    assert second == "next"


def test_a_flood_of_output_is_counted(tmp_path: Path) -> None:
    write(b"\x1b[31m line\n" * 200_000, tmp_path / "log")
    lines = (tmp_path / "log").read_text().splitlines()
    suppressed = [int(one.split()[0]) for one in lines if "similar lines suppressed" in one]
    assert len(lines) < 100_000
    assert len(lines) - len(suppressed) + sum(suppressed) == 200_000


@pytest.mark.slow
def test_a_log_and_the_one_before_it_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MAX_LOG_BYTES", 10_000)
    monkeypatch.setattr(log_writer, "LINES_PER_SECOND", 1_000_000)
    write(b"".join(b"line %d\n" % number for number in range(20_000)), tmp_path / "log")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log", "log.1"]
    assert all(one.stat().st_size <= 10_000 for one in tmp_path.iterdir())
    assert (tmp_path / "log").read_text().endswith("line 19999\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.slow
def test_on_a_full_disk_the_output_is_read_on_so_that_the_process_does_not_stall() -> None:
    command = [sys.executable, "-m", "chatops.local.log_writer", "/dev/full"]
    ended = subprocess.run(command, input=b"line\n" * 1_000_000, capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Process]:
    """A front that no local AWS is behind, and its log."""
    port = free_port(0)
    arguments = ["--port", str(port), "--aws", f"http://{HOST}:{free_port(0)}", "--region", "eu-west-1"]
    LocalKeys.create().write(tmp_path / "keys.json")
    arguments += ["--keys", str(tmp_path / "keys.json")]
    running = start(
        "chatops.local.front",
        arguments,
        url=f"http://{HOST}:{port}",
        health="/_chatops/health",
        log=tmp_path / "front.log",
        home=tmp_path,
        temporary=tmp_path,
        remember=lambda _: None,
    )
    yield running
    running.end()


def test_hostile_requests_neither_fill_the_log_of_the_front_nor_reach_a_terminal(front: Process) -> None:
    host = f"Host: {HOST}:{front.port}"
    shakes = f"{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    shakes += "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    heads = (
        f"GET /demo HTTP/1.1\r\n{shakes}\r\nOrigin: http://owned\x9b31m{'x' * 5_000}",
        f"GET / HTTP/1.1\r\n{host}\r\nConnection: close\r\nOrigin: http://owned\x9b31m{'x' * 30_000}",
    )
    for head in heads * 200:
        with socket.create_connection((HOST, front.port)) as client:
            client.sendall(f"{head}\r\n\r\n".encode("latin-1"))
            while client.recv(65536):
                pass
    front.end()
    text = Path(front.log).read_text()
    assert "handshake refused" in text and "similar lines suppressed (" in text, "limited by the front itself"
    assert not has_controls(text)
    assert len(text) < 200 * 2 * log.MAX_LINE_CHARACTERS
    written = sum("owned" in line for line in text.splitlines())
    assert written < 400
    assert written + sum(map(int, re.findall(r"(\d+) similar lines suppressed", text))) == 400
