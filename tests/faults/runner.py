"""Runs the command line in a process of its own that can be killed, forked from one that has imported everything.

What it costs to start Python is left out, and nothing else: arguments, environment, folder, exit code and signals are
those of `python -m chatops`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.retries.standard

import chatops.aws
import chatops.cli
import chatops.config.parser
import chatops.deploy.apply
import chatops.render
import chatops.session
import chatops.stack

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, f"{__package__}.models"])


def start(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], pace: float | None) -> Any:
    """Starts `chatops` with these arguments in a folder, where its output goes to files named after the process.

    With a `pace` its own rate limits are off, and its pauses last that part of what they say.
    """
    process = CONTEXT.Process(target=_run, args=(list(arguments), str(folder), dict(environment), pace))
    process.start()
    return process


def output(folder: Path, pid: int) -> tuple[Path, Path]:
    """Where the process writes."""
    return folder / f"{pid}.out", folder / f"{pid}.err"


def _run(arguments: list[str], folder: str, environment: dict[str, str], pace: float | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    files = (Path(os.devnull), *output(Path(folder), os.getpid()))
    for number, file in enumerate(files):
        handle = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.argv = ["chatops", *arguments]
    if pace is not None:
        _hurry(pace)
    try:
        chatops.cli.main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _hurry(pace: float) -> None:
    pause, delay = chatops.aws.Aws.pause, botocore.retries.standard.ExponentialBackoff.delay_amount
    chatops.aws.RATES.clear()
    chatops.aws.Aws.pause = lambda self, seconds: pause(self, seconds * pace)  # type: ignore[method-assign]
    botocore.retries.standard.ExponentialBackoff.delay_amount = lambda self, context: delay(self, context) * pace
