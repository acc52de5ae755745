"""What the command line may load before it knows what is asked of it: little, and nothing of AWS."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SLOW = {
    "boto3",
    "botocore",
    "urllib3",
    "yaml",
    "websockets",
    "prompt_toolkit",
    "asyncio",
    "http",
    "ssl",
    "psutil",
    "filelock",
    "ministack",
    "concurrent",
}
"""What only some commands need, and takes long to load."""
OURS = ("__init__", "cli", "command", "commands", "config", "errors", "interrupt", "session", "text")
"""The modules of ours that every command needs."""
LOADED = """
import atexit, sys
atexit.register(lambda: sys.stderr.write("\\nLOADED " + " ".join(sys.modules)))
from chatops.cli import main
main()
"""
COMPLETION = {"_CHATOPS_COMPLETE": "complete_bash", "COMP_WORDS": "chatops st", "COMP_CWORD": "1"}


def loaded(*arguments: str, **environment: str) -> set[str]:
    """The modules that a run of the command line has loaded when it ends."""
    program = f"import sys; sys.argv = ['chatops', *{arguments!r}]\n{LOADED}"
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status", "--help"]], ids=" ".join)
def test_help_and_version_load_nothing_of_aws(arguments: list[str]) -> None:
    assert {one.split(".")[0] for one in loaded(*arguments)} & SLOW == set()


def test_completion_loads_nothing_of_aws() -> None:
    assert {one.split(".")[0] for one in loaded(**COMPLETION)} & SLOW == set()


def test_help_loads_of_ours_only_what_every_command_needs() -> None:
    mine = {one.split(".")[1] for one in loaded("--help") if one.startswith("chatops.")}
    assert mine <= set(OURS)


def test_the_version_loads_no_rich() -> None:
    assert "rich" not in loaded("--version")
