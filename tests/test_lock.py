"""What CI installs: every package pinned and hashed, from no host in particular, all that pyproject.toml asks for."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements-ci.lock").read_text(encoding="utf-8")


def pinned() -> dict[str, list[str]]:
    """The hashes of each package."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in LOCK.splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==\S+", line):
            name = match[1]
        elif match := re.match(r"\s+--hash=(sha256:[0-9a-f]{64})", line):
            found.setdefault(name, []).append(match[1])
    return found


def test_every_package_is_pinned_to_a_version_and_hashed() -> None:
    starts = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(starts) > 30
    assert [line for line in starts if not re.match(r"[a-z0-9][a-z0-9._-]*==\S+.*\\$", line)] == []
    names = {re.split("==", line)[0] for line in starts}
    assert names == set(pinned())


def test_no_host_stands_in_it() -> None:
    assert not re.search(r"https?:|file:|index-url|find-links|trusted-host", LOCK)


def test_everything_that_the_tests_need_is_in_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    asked = re.findall(
        r'"([A-Za-z0-9-]+)(?:\[[^]]*\])?(?:[>=][^"]*)?"', text.split("dependencies = [")[1].split("]\n")[0]
    )
    tests = text.split("\ntest = [")[1].split("\n]")[0]
    asked += re.findall(r'"([A-Za-z0-9-]+)(?:\[[^]]*\])?(?:[>=][^"]*)?"', tests)
    missing = {one.lower() for one in asked} - {"chatops"} - set(pinned())
    assert missing == set()
