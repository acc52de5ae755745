"""The local AWS, emptied before each test that asks for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .stand import StandAws, stand_aws


@pytest.fixture
def aws(ministack: str, reset_ministack: Callable[[], None]) -> StandAws:
    reset_ministack()
    return stand_aws(ministack)
