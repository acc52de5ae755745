"""One local AWS and one front for all tests of the front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .chats import Chat, Shape
from .targets import ChatopsTarget


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatopsTarget]:
    """The front before MiniStack."""
    running = ChatopsTarget(tmp_path_factory.mktemp("front"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def chat(target: ChatopsTarget) -> Chat:
    """A chat with the usual routes."""
    return target.chat(Shape())
