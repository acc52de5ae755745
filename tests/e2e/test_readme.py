"""The blocks of both READMEs, run as they stand: what a reader types works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
import yaml

from chatops import config

from ..sizes import every
from .conftest import Chatops

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ko.md")
readme = pytest.mark.parametrize("readme", READMES)
quick_readme = pytest.mark.parametrize("readme", every(2, READMES))


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


@quick_readme
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


@quick_readme
@pytest.mark.slow
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


@quick_readme
@pytest.mark.slow
def test_the_commands_for_aws_work_on_the_local_one(readme: str, folder: Chatops) -> None:
    _, *rest = commands(blocks(readme, "sh")[2])
    assert [one.split()[1] for one in rest] == ["up", "smoke", "status", "down"]
    for one in rest:
        assert one.startswith("chatops ")
        folder.must(*one.split()[1:], "--local")


@readme
def test_the_config_is_the_default_one_in_full(readme: str, tmp_path: Path) -> None:
    (lines,) = blocks(readme, "yaml")
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    default = config.shipped("config.yaml")
    assert replace(config.load(file), file=default) == config.load(default)
    shown, whole = (yaml.safe_load(one.read_text(encoding="utf-8")) for one in (file, default))
    assert shown.keys() == whole.keys() and shown["websocket"].keys() == whole["websocket"].keys()


def test_both_readmes_have_the_same_headings_tables_and_options() -> None:
    def shape(readme: str) -> list[str]:
        text = (ROOT / readme).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ |^\|(?=.*chatops)[^|]*\|", text, re.M)
        return [*headings, *sorted(set(re.findall(r"`(--[a-z-]+|CHATOPS_[A-Z]+)", text)))]

    assert shape("README.md") == shape("README.ko.md")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of the repository holds."""
    there = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, there / name)
    return there


def own(checkout: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has nothing of ours yet: a home, and no virtual environment."""
    gone = ("AWS_", "CHATOPS_", "PYTHONPATH", "VIRTUAL_ENV", "MAKE", "PIPX_", "CI", "PYTEST")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(gone)}
    # Without the bytecode of all that is installed, most of which is never imported.
    return {**kept, "PIP_NO_COMPILE": "1", "XDG_STATE_HOME": str(checkout / "state"), "COLUMNS": "200", **more}


@pytest.mark.slow
def test_make_local_in_a_fresh_clone_installs_and_deploys_the_chat(checkout: Path) -> None:
    made = subprocess.run(
        ["make", "local", f"PYTHON={sys.executable}"],
        cwd=checkout,
        env=own(checkout),
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    try:
        assert made.returncode == 0, made.stderr
        assert re.search(r"ws://127\.0\.0\.1:\d+/\S+", made.stdout)
        assert "wscat -c" in made.stdout + made.stderr
    finally:
        stop = [str(checkout / ".venv" / "bin" / "chatops"), "local", "stop"]
        subprocess.run(stop, cwd=checkout, env=own(checkout), check=True, capture_output=True)


@pytest.mark.slow
def test_the_install_line_for_aws_gives_a_chatops_that_runs_anywhere(checkout: Path, tmp_path: Path) -> None:
    (line,) = [one for one in commands(blocks("README.md", "sh")[2]) if " install " in one]
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    environment = own(checkout, **places, PIPX_DEFAULT_PYTHON=sys.executable)
    program, *arguments = line.split()
    assert program == "pipx"
    pipx = [sys.executable, "-m", program, *arguments]
    installed = subprocess.run(pipx, cwd=checkout, env=environment, check=False, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    tool = str(tmp_path / "bin" / "chatops")
    empty = tmp_path / "empty"
    empty.mkdir()
    told = subprocess.run([tool, "--version"], cwd=empty, env=environment, check=True, capture_output=True, text=True)
    assert told.stdout.startswith("chatops ")
    subprocess.run([tool, "init"], cwd=empty, env=environment, check=True, capture_output=True)
    assert (empty / "handlers" / "page.html").is_file()
