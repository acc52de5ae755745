"""What up and down tell a person who interrupts them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chatops.aws import Interrupted
from chatops.commands import deploy
from chatops.deploy.plan import Plan


def test_a_down_that_is_stopped_while_it_looks_again_still_tells_what_it_did() -> None:
    told: list[Any] = []

    def remains(_: object) -> list[str]:
        raise Interrupted

    session: Any = SimpleNamespace(
        where={}, stack=SimpleNamespace(remains=remains), output=SimpleNamespace(summary=lambda *all: told.append(all))
    )
    with pytest.raises(Interrupted):
        deploy._prove_gone(session, Plan(()), "outcome", {})
    assert told == [({}, "outcome", {}, deploy.NOT_LOOKED_AT)]
