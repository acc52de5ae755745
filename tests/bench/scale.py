"""What a large stack costs: the calls of a plan, and our own part of the CPU, beside botocore's in the same run.

    python -m tests.bench.scale [--functions 200]

The stack is deployed to a local AWS of its own. A first plan asks it, and every answer is kept; the plans that are
measured get the same answers from memory, so that what they take is ours alone. Exit 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chatops.aws
from chatops import plans
from chatops.aws import Aws
from chatops.config import load
from chatops.deploy.apply import apply
from chatops.documents.changes import plan_document
from chatops.stack import Stack
from tests.local.front.processes import REGION, ROOT, ministack

CPU_ALLOWED = 1.0
"""Seconds of our own, for the whole stack."""
GROWTH_ALLOWED = 2.1
"""How many times as many calls twice the stack may take."""


class Remembered(Aws):
    """An AWS whose answers are kept, and given again without asking when `is_replaying`."""

    def __init__(self, url: str) -> None:
        super().__init__(REGION, endpoint_url=url, keys=("test", "test"))
        self.answers: dict[str, Any] = {}
        self.calls = 0
        self.is_replaying = False
        self._counting = threading.Lock()

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        return _Client(self, service)

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        whole = f"{service} {operation} {key} {json.dumps(arguments, sort_keys=True, default=repr)}"
        yield from self.answer(whole, lambda: list(super(Remembered, self).pages(service, operation, key, **arguments)))

    def answer(self, key: str, ask: Callable[[], Any]) -> Any:
        """What was answered to this before, or what `ask` gives now; errors too."""
        with self._counting:
            self.calls += 1
        if not self.is_replaying:
            try:
                self.answers[key] = ask()
            except Exception as error:
                self.answers[key] = error
        known = self.answers[key]
        if isinstance(known, Exception):
            raise known
        return known

    def real(self, service: str) -> Any:
        return super().client(service)


class _Client:
    def __init__(self, aws: Remembered, service: str) -> None:
        self._aws, self._service = aws, service

    def __getattr__(self, operation: str) -> Any:
        real = getattr(self._aws.real(self._service), operation)
        if operation in ("exceptions", "meta", "get_paginator"):
            return real

        def call(**arguments: Any) -> Any:
            key = f"{self._service} {operation} {json.dumps(arguments, sort_keys=True, default=repr)}"
            return self._aws.answer(key, lambda: real(**arguments))

        return call


def config(folder: Path, functions: int) -> Path:
    """A config of so many functions, and one and a half times as many routes."""
    names = [f"f{number}" for number in range(functions)]
    lines = ["functions:"]
    lines += [f"  {one}: {{source: handlers/disconnect.py, allow: [dynamodb:DeleteItem]}}" for one in names]
    lines += ["http_apis: {}", "websocket:", "  routes:"]
    lines += [f"    route{number}: {names[number % functions]}" for number in range(functions * 3 // 2)]
    file = folder / f"{functions}.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def whole(file: Path, aws: Remembered, *, up: bool) -> None:
    """All that a plan does from the config to the JSON, and an up that finds nothing to do."""
    stack = Stack(load(file), aws)
    plan = plans.up(stack)
    assert plan.in_sync, plan
    json.dumps(plan_document({}, plan))
    if up:
        outcome = apply(plan, aws, lambda _: None, threading.Event())
        assert not outcome.failed


def measure(file: Path, url: str, *, up: bool) -> tuple[int, float, float]:
    """The calls of one run, the CPU seconds that it takes in all, and those that are ours."""
    aws = Remembered(url)
    whole(file, aws, up=up)  # fills the caches of botocore and of ours
    aws.calls = 0
    began = time.process_time()
    whole(file, aws, up=up)
    total, calls = time.process_time() - began, aws.calls
    aws.is_replaying = True
    taken = []
    for _ in range(3):
        began = time.process_time()
        whole(file, aws, up=up)
        taken.append(time.process_time() - began)
    return calls, total, min(taken)


def main() -> int:
    """Measures half the stack and the whole, prints the table, and judges."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale")
    parser.add_argument("--functions", type=int, default=200)
    functions = parser.parse_args().functions
    chatops.aws.RATES.clear()  # the deployment itself is not what is measured
    print("| what | functions | routes | calls | CPU s in all | ours |\n|---|---:|---:|---:|---:|---:|")
    found: dict[tuple[str, int], tuple[int, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "handlers").symlink_to(ROOT / "handlers")
        for size in (functions // 2, functions):
            file = config(folder, size)
            own = folder / str(size)
            own.mkdir()
            with ministack(own) as url:
                stack = Stack(load(file), Aws(REGION, endpoint_url=url, keys=("test", "test")))
                outcome = apply(plans.up(stack), stack.aws, lambda _: None, threading.Event())
                assert not outcome.failed, outcome.failed
                for what in ("plan", "no-op up"):
                    calls, total, ours = measure(file, url, up=what != "plan")
                    found[what, size] = calls, ours
                    row = f"| {what} | {size} | {size * 3 // 2} | {calls} | {total:.2f} | {ours:.2f} |"
                    print(row, flush=True)
    is_reached = True
    print()
    for what in ("plan", "no-op up"):
        (fewer, _), (calls, ours) = found[what, functions // 2], found[what, functions]
        growth = calls / fewer
        for text, value, most in (
            ("calls for twice the stack, times", growth, GROWTH_ALLOWED),
            ("CPU s", ours, CPU_ALLOWED),
        ):
            is_reached &= value <= most
            print(f"- {what}, {text}: {value:.2f} (at most {most:g}): {'reached' if value <= most else 'MISSED'}")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
