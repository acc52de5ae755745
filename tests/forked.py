"""The command line in a process of its own, forked from one that has imported everything.

What it costs to start Python, to import and to read AWS's models is left out, and nothing else: arguments, environment,
folder, exit code and signals are those of `python -m chatops`. Tests of how it starts use `subprocess`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"{__package__}.preloaded"])

LIMIT = 180.0
"""Seconds after which a command hangs."""


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

    def end(self) -> Finished:
        """Waits for its end. Raises AssertionError when it hangs."""
        self.process.join(LIMIT)
        if self.process.exitcode is None:
            self.kill()
            self.process.join()
            raise AssertionError(f"it hangs\n{self._finished()}")
        return self._finished()

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
    files = tempfile.TemporaryDirectory(prefix="chatops-")
    for name in ("out", "err"):
        (Path(files.name) / name).touch()
    given = (list(arguments), str(cwd), dict(environment), files.name, pace, memory, dict(constants or {}))
    process = CONTEXT.Process(target=_run, args=given)
    process.start()
    return Running(process, files)


def run(arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], **options: Any) -> Finished:
    """Runs `chatops` with these arguments to its end."""
    return start(arguments, cwd, environment, **options).end()


def _run(
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    files: str,
    pace: float | None,
    memory: int | None,
    constants: dict[str, Any],
) -> None:
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
