"""Log lines as `--json` prints them, which is a promise."""

from __future__ import annotations

from datetime import datetime, timezone

from chatops.documents import logs as documents
from chatops.ops.logs import Line

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
NOW = datetime(2025, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def test_a_log_lines_document_has_the_promised_fields() -> None:
    at = datetime(2025, 1, 31, 9, 30, 0, 125_000, timezone.utc)
    line = Line(at, "websocket-send", '{"event": "ping"}\t\x1b[31m', "r-1", "A=", "A=")
    assert documents.line_document(line) == {
        "time": "2025-01-31T09:30:00.125Z",
        "function": "websocket-send",
        "message": '{"event": "ping"}\t\x1b[31m',
        "connection_id": "A=",
        "request_id": "r-1",
    }
    assert documents.line_document(Line(at, "websocket-send", "x")).keys() == {"time", "function", "message"}
