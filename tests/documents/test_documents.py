"""Errors as `--json` prints them, which is a promise."""

from __future__ import annotations

from chatops import documents
from chatops.errors import ConfigError, UsageError


def test_an_error_has_code_what_why_and_hint() -> None:
    assert documents.error_document(UsageError("a-code", "What", "why", "hint")) == {
        "event": "error",
        "code": "a-code",
        "what": "What",
        "why": "why",
        "hint": "hint",
    }


def test_all_problems_of_a_config_are_in_its_error() -> None:
    document = documents.error_document(ConfigError("c.yaml", ["c.yaml:1: a", "c.yaml:2: b"]))
    assert document["why"].splitlines() == ["c.yaml:1: a", "c.yaml:2: b"]
