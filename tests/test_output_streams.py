"""Output that cannot be written as it is: an encoding that lacks a character, a full disk, a closed stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatops.errors import FAILED

PRINTS = """
import sys
from chatops import cli
from chatops.render.output import Output
def run():
    output = Output()
    output.line("chat ✓ é")
    output.say("✗ done")
cli._run = run
cli.main()
"""


def run(program: str, *arguments: str, stdout: int = subprocess.PIPE, **environment: str) -> tuple[int, str, str]:
    """Run a program; return its exit code, stdout and stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    return ended.returncode, (ended.stdout or b"").decode("latin-1"), ended.stderr.decode("latin-1")


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "latin-1"])
def test_a_character_that_the_encoding_lacks_becomes_a_question_mark(encoding: str) -> None:
    code, out, err = run(PRINTS, PYTHONIOENCODING=encoding)
    assert (code, out.startswith("chat ?")) == (0, True), err
    assert "done" in err


CLI = "from chatops.cli import main; main()"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["init", "x", "--json"]], ids=" ".join)
def test_a_full_disk_is_an_error_without_a_traceback(arguments: list[str], folder: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, _, err = run(CLI, *arguments, stdout=full)
    finally:
        os.close(full)
    assert code == FAILED
    assert "No space left on device" in err
    assert "Traceback" not in err and "Exception ignored" not in err


def test_a_closed_stdout_is_an_error_without_a_traceback(folder: Path) -> None:
    program = f"import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-c', {CLI!r}, '--version'])"
    code, _, err = run(program)
    assert code == FAILED
    assert err == "stdout is closed: chatops has nowhere to write its output.\n"
