"""Visits a graph in dependency order, as many nodes at a time as possible."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event

WORKERS = 24
"""Visits at a time. What is sent to AWS is bounded where it is sent, by each service's own rate."""


@dataclass
class Visits:
    """How a walk ended: each node is in exactly one of the three."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, BaseException] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def walk(graph: Mapping[str, Collection[str]], visit: Callable[[str], None], stop: Event) -> Visits:
    """Calls `visit` for every node after the nodes that it depends on.

    A node whose dependency failed or was skipped is skipped. After `stop` is set no visit starts; those
    under way end, and what is left is skipped.
    """
    visits = Visits()
    waiting = {node: {one for one in needs if one in graph} for node, needs in graph.items()}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="walk") as pool:
        while waiting or running:
            if not stop.is_set():
                for node in [node for node, needs in waiting.items() if not needs]:
                    del waiting[node]
                    running[pool.submit(copy_context().run, visit, node)] = node
            if not running:
                visits.skipped += waiting
                break
            # A bounded wait lets the main thread notice a signal on every platform.
            ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in ended:
                node = running.pop(future)
                error = future.exception()
                if error:
                    visits.failed[node] = error
                    _skip_dependents(node, waiting, visits)
                else:
                    visits.done.append(node)
                    for needs in waiting.values():
                        needs.discard(node)
    return visits


def in_order(graph: Mapping[str, Collection[str]]) -> list[str]:
    """The nodes, every one after those that it depends on."""
    ordered: dict[str, None] = {}

    def add(node: str) -> None:
        if node not in ordered:
            for need in graph[node]:
                if need in graph:
                    add(need)
            ordered[node] = None

    for node in graph:
        add(node)
    return list(ordered)


def reverse(graph: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The same graph with every dependency turned round, for deleting."""
    turned: dict[str, set[str]] = {node: set() for node in graph}
    for node, needs in graph.items():
        for need in needs:
            if need in turned:
                turned[need].add(node)
    return turned


def _skip_dependents(node: str, waiting: dict[str, set[str]], visits: Visits) -> None:
    for other in [other for other, needs in waiting.items() if node in needs]:
        if waiting.pop(other, None) is not None:
            visits.skipped.append(other)
            _skip_dependents(other, waiting, visits)
