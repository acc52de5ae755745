"""The front does what AWS does, behaviour by behaviour; docs/local.md has the table of them."""

from __future__ import annotations

import pytest

from tests.sizes import every

from .behaviours import BEHAVIOURS, Behaviour
from .targets import ChatopsTarget

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("behaviour", every(3, BEHAVIOURS), ids=lambda one: one.name)
def test_the_front_behaves_like_aws(behaviour: Behaviour, target: ChatopsTarget) -> None:
    """AWS's page about each behaviour is in its own docstring."""
    assert behaviour.see(target) == behaviour.aws
