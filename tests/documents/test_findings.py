"""What was found as `--json` prints it, which is a promise."""

from __future__ import annotations

from datetime import datetime, timezone

from chatops.documents import findings as documents
from chatops.ops.smoke import Check, Report

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
NOW = datetime(2025, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def test_a_smoke_test_has_every_check_and_the_percentiles() -> None:
    document = documents.smoke_document(
        Report([Check("connect", True, 12.3, ""), Check("broadcast", False, 5.0, "lost")])
    )
    assert document["ok"] is False
    assert document["checks"] == [
        {"name": "connect", "ok": True, "milliseconds": 12.3, "detail": ""},
        {"name": "broadcast", "ok": False, "milliseconds": 5.0, "detail": "lost"},
    ]
    assert {"p50_ms", "p95_ms"} <= set(document)
