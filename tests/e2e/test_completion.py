"""Connection ids at Tab, from the table of a chat that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..test_completion import offered
from .conftest import REGION, Boto, Chatops


@pytest.fixture
def ids(deployed: Chatops, connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of two who are connected; the folder and the state are those of the stack."""
    monkeypatch.chdir(deployed.folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(deployed.state))
    connect()
    connect()
    found = {one["connection_id"] for one in deployed.local("status").last["connections"]}
    assert len(found) == 2
    return found


def at_tab(*words: str, **environment: str) -> set[str]:
    """What is offered; asked for again, as a person does, where this machine was too busy to answer in time."""
    for _ in range(5):
        if found := offered(*words, **environment):
            return set(found)
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("command", [["kick"], ["send", "hello", "--to"], ["logs", "--connection"]], ids="-".join)
def test_the_ids_of_those_who_are_connected_are_offered(command: list[str], ids: set[str]) -> None:
    one, other = sorted(ids)
    assert at_tab(command[0], "--local", *command[1:], "") == ids
    assert at_tab(*command, one[:-2], CHATOPS_LOCAL="1") == {one} | ({other} if other.startswith(one[:-2]) else set())


@pytest.mark.slow
def test_the_options_on_the_line_say_where_to_look(ids: set[str], boto: Boto, tmp_path: Path) -> None:
    endpoint = ("--endpoint-url", *boto.endpoint_url.replace(":", "\n:\n").split("\n"))
    assert at_tab("kick", "--region", REGION, *endpoint, "", **boto.keys) == ids
    assert offered("kick", "--region", "eu-west-1", *endpoint, "", **boto.keys) == []
    (tmp_path / "other.yaml").write_text("prefix: other-")
    assert offered("kick", "--region", REGION, *endpoint, "-c", "other.yaml", "", **boto.keys) == []


@pytest.mark.slow
def test_who_is_on_the_line_already_is_not_offered_again(ids: set[str]) -> None:
    one, other = ids
    assert at_tab("kick", "--local", one, "") == {other}
