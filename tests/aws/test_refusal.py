"""What a refusal means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws.refusal import absent_is_fine, code, existing_is_fine

from .calls import refused


@pytest.mark.parametrize("name", ["ResourceNotFoundException", "NotFoundException", "NoSuchEntity"])
def test_what_does_not_exist_is_fine_where_that_is_fine(name: str) -> None:
    with absent_is_fine():
        raise refused(name)


@pytest.mark.parametrize("name", ["ResourceInUseException", "EntityAlreadyExists", "ResourceAlreadyExistsException"])
def test_what_exists_already_is_fine_where_that_is_fine(name: str) -> None:
    with existing_is_fine():
        raise refused(name)


@pytest.mark.parametrize("fine", [absent_is_fine, existing_is_fine])
def test_nothing_else_is_fine(fine: Callable[[], Any]) -> None:
    with pytest.raises(ClientError), fine():
        raise refused("AccessDeniedException")
    with pytest.raises(KeyError), fine():
        raise KeyError


def test_an_error_without_a_code_has_an_empty_one() -> None:
    assert code(ClientError({}, "Operation")) == ""
