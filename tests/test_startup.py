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
OURS = (
    "__init__",
    "cli",
    "command",
    "commands",
    "completion",
    "config",
    "errors",
    "extras",
    "interrupt",
    "session",
    "text",
)
"""The modules of ours that every command needs."""
LOADED = """
import atexit, sys
atexit.register(lambda: sys.__stderr__.write("\\nLOADED " + " ".join(sys.modules)))
from chatops.cli import main
main()
"""
COMPLETION = {"_CHATOPS_COMPLETE": "complete_bash"}


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


def completing(*words: str) -> set[str]:
    """What of the slow is loaded to complete a line."""
    line = {"COMP_WORDS": "\n".join(("chatops", *words)), "COMP_CWORD": str(len(words))}
    return {one.split(".")[0] for one in loaded(**COMPLETION, **line)} & SLOW


@pytest.mark.parametrize("words", [["st"], ["kick", "--a"], ["policy", "--for", ""]], ids=" ".join)
def test_completion_loads_nothing_of_aws(words: list[str]) -> None:
    assert completing(*words) == set()


@pytest.mark.parametrize("words", [["logs", "--function", ""], ["url", ""]], ids=" ".join)
def test_completion_of_a_name_loads_what_reads_the_config_alone(words: list[str]) -> None:
    assert completing(*words) == {"yaml"}


def test_help_loads_of_ours_only_what_every_command_needs() -> None:
    mine = {one.split(".")[1] for one in loaded("--help") if one.startswith("chatops.")}
    assert mine <= set(OURS)


def test_the_version_loads_no_rich() -> None:
    assert "rich" not in loaded("--version")
