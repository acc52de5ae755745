"""What stands in the troubleshooting page is recognised as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatops.ops.doctor.symptoms import SYMPTOMS, in_log, recognise

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def said() -> Iterator[tuple[str, str]]:
    """Every symptom's name, and what stands in code before its causes, each with the symptom that it shows."""
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        name, _, rest = section.partition("\n")
        examples = re.findall(r"`([^`]+)`", rest.partition("\n- ")[0])
        yield from ((name, one) for one in (name, name.lower(), f"I get {name}!", *examples) if one != "_failed")


def test_the_page_has_every_symptom() -> None:
    assert {name for name, _ in said()} == {one.name for one in SYMPTOMS}


@pytest.mark.parametrize(("name", "text"), list(said()))
def test_what_stands_in_the_page_is_recognised(name: str, text: str) -> None:
    found = recognise(text)
    assert found and found.name == name


@pytest.mark.parametrize("code", ["ForbiddenException", "Forbidden", "403"])
@pytest.mark.parametrize("operation", ["PostToConnection", "GetConnection", "DeleteConnection"])
def test_what_boto3_says_of_a_refused_post_is_no_clients_forbidden(code: str, operation: str) -> None:
    error = f"An error occurred ({code}) when calling the {operation} operation: Forbidden"
    for text in (error, f"[ERROR] {code}: {error}\nTraceback (most recent call last):\n  File …"):
        found = recognise(text)
        assert found and found.name == "403 on post"
        in_a_log = in_log(text)
        assert in_a_log and in_a_log.name == "403 on post"


def test_a_name_inside_of_what_somebody_saw_does_not_hide_what_it_shows() -> None:
    found = recognise('{"event": "post_failed", "status": 403, "error": "Forbidden"}')
    assert found and found.name == "403 on post"
