"""Walking a graph: order, parallelism, failure and stopping."""

from __future__ import annotations

import threading

import pytest

from chatops.deploy.walk import WORKERS, in_order, reverse, walk

DIAMOND = {"top": ["left", "right"], "left": ["base"], "right": ["base"], "base": []}


def test_a_node_is_visited_after_those_that_it_depends_on() -> None:
    seen: list[str] = []
    visits = walk(DIAMOND, seen.append, threading.Event())
    assert (seen[0], seen[-1]) == ("base", "top")
    assert sorted(seen) == sorted(DIAMOND) == sorted(visits.done)
    assert not visits.failed and not visits.skipped


def test_independent_nodes_are_visited_at_the_same_time() -> None:
    both_are_there = threading.Barrier(2, timeout=30)

    def visit(_: str) -> None:
        both_are_there.wait()

    visits = walk({"a": [], "b": []}, visit, threading.Event())
    assert sorted(visits.done) == ["a", "b"]


def test_a_node_starts_when_its_own_needs_are_met_without_waiting_for_the_rest_of_its_rank() -> None:
    late_started = threading.Event()

    def visit(node: str) -> None:
        if node == "slow":
            assert late_started.wait(30), "the dependent of the quick node waited for the slow one"
        if node == "after quick":
            late_started.set()

    visits = walk({"slow": [], "quick": [], "after quick": ["quick"]}, visit, threading.Event())
    assert not visits.failed


def test_what_depends_on_a_failed_node_is_skipped_and_the_rest_is_done() -> None:
    def visit(node: str) -> None:
        if node == "left":
            raise ValueError(node)

    visits = walk({**DIAMOND, "roof": ["top"], "apart": []}, visit, threading.Event())
    assert list(visits.failed) == ["left"]
    assert sorted(visits.skipped) == ["roof", "top"]
    assert sorted(visits.done) == ["apart", "base", "right"]


def test_even_a_system_exit_in_a_visit_is_only_that_nodes_failure() -> None:
    def visit(node: str) -> None:
        if node == "left":
            raise SystemExit(1)

    visits = walk(DIAMOND, visit, threading.Event())
    assert isinstance(visits.failed["left"], SystemExit)
    assert "right" in visits.done


def test_after_stop_no_visit_starts_and_those_under_way_end() -> None:
    stop = threading.Event()
    ended: list[str] = []

    def visit(node: str) -> None:
        stop.set()
        ended.append(node)

    visits = walk({"first": [], "second": ["first"], "third": ["second"]}, visit, stop)
    assert ended == visits.done == ["first"]
    assert sorted(visits.skipped) == ["second", "third"]


def test_a_walk_that_is_stopped_before_it_begins_visits_nothing() -> None:
    stop = threading.Event()
    stop.set()
    visits = walk(DIAMOND, lambda _: pytest.fail("visited"), stop)
    assert sorted(visits.skipped) == sorted(DIAMOND)
    assert not visits.done and not visits.failed


def test_each_node_ends_in_exactly_one_of_done_failed_and_skipped() -> None:
    graph = {str(n): [str(m) for m in range(n) if n % (m + 2) == 0] for n in range(60)}

    def visit(node: str) -> None:
        if node in ("7", "20"):
            raise ValueError

    visits = walk(graph, visit, threading.Event())
    assert sorted([*visits.done, *visits.failed, *visits.skipped]) == sorted(graph)


def test_more_nodes_than_workers_are_all_visited_and_never_more_than_that_at_a_time() -> None:
    lock, inside, most = threading.Lock(), 0, 0

    def visit(_: str) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    visits = walk({str(n): [] for n in range(WORKERS * 5)}, visit, threading.Event())
    assert len(visits.done) == WORKERS * 5
    assert most <= WORKERS


def test_needs_that_are_not_in_the_graph_are_met() -> None:
    assert walk({"a": ["elsewhere"]}, lambda _: None, threading.Event()).done == ["a"]


def test_an_empty_graph_is_walked_at_once() -> None:
    visits = walk({}, lambda _: pytest.fail("visited"), threading.Event())
    assert not (visits.done or visits.failed or visits.skipped)


def test_the_graph_itself_is_left_as_it_was() -> None:
    graph = {"a": {"b"}, "b": set[str]()}
    walk(graph, lambda _: None, threading.Event())
    assert graph == {"a": {"b"}, "b": set()}


def test_in_order_puts_needs_first_and_keeps_the_given_order_otherwise() -> None:
    assert in_order(DIAMOND) == ["base", "left", "right", "top"]
    assert in_order({"b": [], "a": [], "c": ["elsewhere", "a"]}) == ["b", "a", "c"]


def test_reverse_turns_every_dependency_round() -> None:
    assert reverse(DIAMOND) == {"top": set(), "left": {"top"}, "right": {"top"}, "base": {"left", "right"}}
    assert reverse({"a": ["elsewhere"]}) == {"a": set()}
