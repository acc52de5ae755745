"""A small stack on the local AWS, seen through a proxy: to be broken, and repaired after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatops.aws import Aws
from chatops.stack import Stack

from ...admin import reset
from ..stand_ins import KEYS, REGION, Proxy, proxy_before, stack_of, up
from .breakages import repair


@pytest.fixture(scope="package")
def standing(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Stack]]:
    """A small stack that is up, seen through a proxy. Made once for this folder: that takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch, proxy_before(ministack) as one:
        patch.setattr("chatops.aws.RATES", {})
        reset(ministack)
        yield one, up(stack_of(tmp_path_factory.mktemp("stack"), Aws(REGION, endpoint_url=one.url, keys=KEYS)))


@pytest.fixture
def proxy(standing: tuple[Proxy, Stack], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("COLUMNS", "80")
    yield standing[0]
    standing[0].forget()


@pytest.fixture
def aws(proxy: Proxy, standing: tuple[Proxy, Stack]) -> Aws:
    return standing[1].aws


@pytest.fixture
def stack(proxy: Proxy, standing: tuple[Proxy, Stack]) -> Iterator[Stack]:
    """The stack, to be broken: afterwards it is repaired."""
    yield standing[1]
    proxy.forget()
    repair(standing[1])
