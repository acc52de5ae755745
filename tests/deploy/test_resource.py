"""The resource protocol: what follows from a resource's fields."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from chatops.deploy.resource import PLACEHOLDER, Live, Resource, listen, once, output, progress, sharing

from .fake_cloud import OURS, Thing


def test_a_name_is_the_kind_and_the_title() -> None:
    assert Thing(OURS, "a").name == "thing.a"


def test_dependencies_are_the_resources_in_the_fields_directly_in_a_tuple_and_in_a_mapping() -> None:
    a, b, c = Thing(OURS, "a"), Thing(OURS, "b"), Thing(OURS, "c")
    assert Thing(OURS, "d", {"plain": "text"}, {"id": a}, (b, c)).dependencies == (a, b, c)
    assert a.dependencies == ()


def test_dependencies_are_found_in_a_mapping_of_tuples() -> None:
    a = Thing(OURS, "a")
    assert Thing(OURS, "b", {"deep": {"er": (a, "websocket_url")}}).dependencies == (a,)


def test_two_resources_with_the_same_fields_are_two() -> None:
    assert Thing(OURS, "a") != Thing(OURS, "a")


def test_an_output_is_the_placeholder_until_its_resource_exists() -> None:
    a = Thing(OURS, "a")

    def look(one: Resource) -> Live | None:
        return live.get(one.name)

    live: dict[str, Live] = {}
    assert output(look, a, "id") == PLACEHOLDER
    live["thing.a"] = Live({}, {"id": "17"})
    assert output(look, a, "id") == "17"


def test_progress_without_a_listener_is_nobodys_business() -> None:
    progress("waiting")


def test_each_step_listens_to_its_own_progress_alone() -> None:
    heard: dict[str, list[str]] = {"a": [], "b": []}
    both_listen = threading.Barrier(2, timeout=30)

    def step(name: str) -> None:
        listen(heard[name].append)
        both_listen.wait()
        progress(f"I am {name}")

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(copy_context().run, step, name) for name in heard]:
            future.result()
    assert heard == {"a": ["I am a"], "b": ["I am b"]}


class Reading:
    """Counts how often something is read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_what_is_shared_is_read_once_for_each_key() -> None:
    one, other = Reading(), Reading()
    with sharing():
        assert [once("a", one), once("a", one), once("b", other)] == [1, 1, 1]
    assert (one.times, other.times) == (1, 1)


def test_what_is_not_shared_is_read_every_time() -> None:
    read = Reading()
    with sharing():
        once("a", read)
    assert [once("a", read), once("a", read)] == [2, 3]
    with sharing():
        assert once("a", read) == 4


def test_threads_that_share_wait_for_the_first_to_read() -> None:
    read, meet = Reading(), threading.Barrier(4, timeout=30)

    def ask() -> int:
        meet.wait()
        return once("a", read)

    with sharing(), ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(copy_context().run, ask) for _ in range(4)]]
    assert (answers, read.times) == ([1] * 4, 1)


def test_an_error_while_reading_is_everybodys() -> None:
    def fail() -> None:
        raise ValueError("no")

    with sharing():
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                once("a", fail)
