"""The blocks of both READMEs, run as they stand: what a reader types works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from chatops import config

from .conftest import Chatops

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ko.md")
readme = pytest.mark.parametrize("readme", READMES)


def blocks(readme: str, language: str) -> list[list[str]]:
    """The fenced blocks of one language, each as its lines."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return [one.strip("\n").splitlines() for one in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)]


def commands(lines: list[str]) -> list[str]:
    """The lines without their comments."""
    return [" ".join(shlex.split(one, comments=True)) for one in lines]


@pytest.fixture
def folder(chatops: Chatops) -> Chatops:
    """A reader's folder: what is named chatops, make's or the virtual environment's is what is tested."""
    bin = chatops.folder / ".venv" / "bin"
    bin.mkdir(parents=True)
    script = bin / "chatops"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatops "$@"\n')
    script.chmod(0o755)
    path = f"{bin}{os.pathsep}{os.environ['PATH']}"
    return Chatops(chatops.folder, chatops.state, {"PATH": path})


def test_both_readmes_show_the_same_commands_and_the_same_config() -> None:
    english, korean = ([commands(one) for one in blocks(name, "sh")] for name in READMES)
    assert english == korean and len(english) == 3
    (english_yaml,), (korean_yaml,) = (blocks(name, "yaml") for name in READMES)
    assert [one.partition("#")[0].rstrip() for one in english_yaml] == [
        one.partition("#")[0].rstrip() for one in korean_yaml
    ]


@readme
def test_the_first_block_installs_deploys_and_tests(readme: str, folder: Chatops) -> None:
    local, test = commands(blocks(readme, "sh")[0])
    assert (local, test) == ("make local", "make test")
    # Installed it is already; what comes after that is run.
    there = ["--old-file", ".venv/local", f"BIN={folder.folder / '.venv' / 'bin'}"]
    made = subprocess.run(
        [*local.split(), *there],
        check=False,
        cwd=ROOT,
        env=folder.full_environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert made.returncode == 0, made.stderr
    assert len(re.findall(r"(?:http|ws)://127\.0\.0\.1:\d+/\S+", made.stdout)) >= 3
    # The tests cannot run inside themselves.
    told = subprocess.run([*test.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pytest" in told.stdout


@readme
def test_the_session_of_wscat_goes_as_it_is_shown(readme: str, folder: Chatops, wscat: str) -> None:
    folder.local("up")
    command, *lines = blocks(readme, "sh")[1]
    assert command.startswith("wscat ")
    shell = command.replace("wscat", shlex.quote(wscat), 1)
    terminal = pexpect.spawn(
        "/bin/sh", ["-c", shell], cwd=str(folder.folder), env=folder.full_environment, encoding="utf-8", timeout=30
    )
    try:
        terminal.expect("Connected")
        for line in lines:
            if line.startswith("> "):
                terminal.sendline(line[2:])
            else:
                assert line.startswith("< ")
                terminal.expect_exact(line)
    finally:
        terminal.close(force=True)


@readme
def test_the_commands_for_aws_work_on_the_local_one(readme: str, folder: Chatops) -> None:
    install, *rest = commands(blocks(readme, "sh")[2])
    assert install == "pip install .[chat]"
    assert [one.split()[1] for one in rest] == ["up", "smoke", "status", "down"]
    for one in rest:
        assert one.startswith("chatops ")
        folder.must(*one.split()[1:], "--local")


@readme
def test_the_config_is_one(readme: str, tmp_path: Path) -> None:
    (lines,) = blocks(readme, "yaml")
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert isinstance(config.load(file), config.Config)
