"""The command line in a process of its own, forked from one that has imported everything.

What it costs to start Python, to import and to read AWS's models is left out. Arguments, environment, folder, exit code
and signals are those of `python -m chatops`. Variables that Python reads when it starts have no effect: tests of those,
of a terminal or of the start itself use `subprocess`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"{__package__}.preloaded"])

LIMIT = 120.0
"""Seconds after which a command hangs."""
ROOT = Path(__file__).parents[1]


@dataclass
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        """Its last JSON line."""
        return self.documents[-1]

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


@dataclass
class Running:
    """A command under way."""

    process: Any
    files: tempfile.TemporaryDirectory[str] = field(repr=False)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def end(self, limit: float = LIMIT) -> Finished:
        """Waits for its end. Raises AssertionError when it takes longer than this many seconds."""
        try:
            self.process.join(limit)
            hangs = self.process.exitcode is None
        finally:
            self.kill()
            self.process.join()
        finished = self._finished()
        assert not hangs, f"it hangs\n{finished}"
        return finished

    def _finished(self) -> Finished:
        with self.files as folder:
            out, err = ((Path(folder) / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Finished(self.process.exitcode, out, err)


def start(
    arguments: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    pace: float | None = None,
    memory: int | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Running:
    """Starts `chatops` with these arguments.

    With a `pace` its own rate limits are off, and its pauses last that part of what they say. `memory` are the bytes of
    address space that it may use. `constants` replace those of its modules, by their dotted names: waits, mostly.
    """
    _ensure_server()
    files = tempfile.TemporaryDirectory(prefix="chatops-")
    for name in ("out", "err"):
        (Path(files.name) / name).touch()
    given = (list(arguments), str(cwd), dict(environment), files.name, pace, memory, dict(constants or {}))
    process = CONTEXT.Process(target=_run, args=given, daemon=True)
    process.start()
    return Running(process, files)


def run(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], *, limit: float = LIMIT, **options: Any
) -> Finished:
    """Runs `chatops` with these arguments to its end, which takes this many seconds at most."""
    return start(arguments, cwd, environment, **options).end(limit)


def _ensure_server() -> None:
    """Starts the process that commands are forked from, in the folder where it finds the tests."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(before)


def _run(
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    files: str,
    pace: float | None,
    memory: int | None,
    constants: dict[str, Any],
) -> None:
    assert f"{__package__}.preloaded" in sys.modules, "the process that this one is forked from has imported nothing"
    from . import preloaded

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, file in enumerate((os.devnull, f"{files}/out", f"{files}/err")):
        handle = os.open(file, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.argv = ["chatops", *arguments]
    if memory is not None:
        preloaded.limit_memory(memory)
    if pace is not None:
        preloaded.hurry(pace)
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        getattr(sys.modules[module], constant)  # a name that is gone is an error
        setattr(sys.modules[module], constant, value)
    try:
        preloaded.main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
