"""Packages that not everybody installs: who lacks one is told how to get it."""

from __future__ import annotations

import pytest

from chatops import extras
from chatops.errors import WRONG_USAGE, UsageError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the packages that are there."""
    names: set[str] = set()
    monkeypatch.setattr(extras, "find_spec", lambda name: name if name in names else None)
    return names


def test_who_has_all_of_an_extra_hears_nothing_of_it(installed: set[str]) -> None:
    installed |= {"websockets", "prompt_toolkit"}
    extras.require("chat", "websockets", "prompt_toolkit")


def test_what_is_missing_is_named_with_two_ways_to_get_it(installed: set[str]) -> None:
    installed |= {"websockets"}
    with pytest.raises(UsageError) as raised:
        extras.require("chat", "websockets", "prompt_toolkit")
    assert (raised.value.exit_code, raised.value.why) == (WRONG_USAGE, "prompt_toolkit is not installed")
    assert "pip install 'chatops[chat]'" in raised.value.hint
    assert "pipx install --force '.[chat]'" in raised.value.hint


def test_several_that_are_missing_are_told_at_once(installed: set[str]) -> None:
    with pytest.raises(UsageError, match="websockets, prompt_toolkit are not installed"):
        extras.require("chat", "websockets", "prompt_toolkit")
