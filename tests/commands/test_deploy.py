"""What up and down tell a person who interrupts them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chatops import plans
from chatops.aws import Interrupted
from chatops.commands import deploy
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Plan


def test_a_down_that_is_stopped_while_it_looks_again_still_tells_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def remains(*_: object) -> list[str]:
        raise Interrupted

    monkeypatch.setattr(plans, "remains", remains)
    session: Any = SimpleNamespace(stack=None)
    with pytest.raises(Interrupted):
        deploy._prove_gone(session, Plan(()), Outcome(), told.append)
    assert told == [deploy.NOT_LOOKED_AT]
