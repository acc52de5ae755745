"""Packages that only an extra installs: whoever lacks one reads how to install it, whatever the command."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from chatops import cli, extras
from chatops.errors import WRONG_USAGE, UsageError, explain
from tests.sizes import every

from .test_house import COMMANDS, ROOT, RUNNABLE, imports, sources

CORE = {"botocore", "typer", "rich", "yaml"}
ARGUMENTS = {"send": ["hello"], "kick": ["--all"]}
WITHOUT_LOCAL = {"init"}
LACKS = """
import sys
sys.modules[sys.argv.pop(1)] = None
from chatops.cli import main
main()
"""


def missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a package look as if it was not installed."""
    monkeypatch.setitem(sys.modules, name, None)
    for module in [one for one in sys.modules if one.startswith(f"{name}.")]:
        monkeypatch.setitem(sys.modules, module, None)


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command; return its exit code and the last JSON document."""
    ended = CliRunner().invoke(cli.app, [*arguments, "--json"])
    assert ended.stdout, f"{ended.stderr} {ended.exception!r}"
    return ended.exit_code, json.loads(ended.stdout.splitlines()[-1])


def test_every_third_party_import_belongs_to_the_core_or_to_an_extra() -> None:
    known = CORE | {one for packages in extras.PACKAGES.values() for one in packages}
    stdlib = set(sys.stdlib_module_names) | {"chatops"}
    found = {name.partition(".")[0] for path in sources("chatops") for name in imports(path)} - stdlib
    assert found == known


@pytest.mark.parametrize("extra", extras.PACKAGES)
def test_an_extra_lists_the_packages_that_pyproject_installs(extra: str) -> None:
    declared = re.search(rf"^{extra} = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert declared
    names = {re.split(r"[<>=]", one)[0] for one in ast.literal_eval(declared[1])}
    assert set(extras.PACKAGES[extra]) == names


def test_extras_agree_on_the_version_of_a_package() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    required: dict[str, set[str]] = {}
    for extra in extras.PACKAGES:
        declared = re.search(rf"^{extra} = (\[.*\])$", text, re.MULTILINE)
        assert declared
        for one in ast.literal_eval(declared[1]):
            required.setdefault(re.split(r"[<>=]", one)[0], set()).add(one)
    assert [found for found in required.values() if len(found) > 1] == []


@pytest.mark.parametrize("command", sorted(set(RUNNABLE) - WITHOUT_LOCAL))
def test_every_command_on_the_local_aws_names_the_package_that_it_lacks(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = "filelock"
    missing(package, monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    code, told = run(*command.split(), *ARGUMENTS.get(command, ()), "--local")
    assert (code, told["code"]) == (WRONG_USAGE, "extra-missing"), told
    assert package in told["why"]
    assert not list(folder.iterdir()), "nothing was started"


def test_only_the_commands_without_the_option_are_left_out() -> None:
    without = {name for name in RUNNABLE if not any("--local" in one.opts for one in COMMANDS[name].params)}
    assert without == WITHOUT_LOCAL


@pytest.mark.parametrize(
    ("command", "package"),
    [
        (["chat"], "websockets"),
        (["chat"], "prompt_toolkit"),
        (["smoke"], "websockets"),
        (["up", "--smoke"], "websockets"),
    ],
    ids=" ".join,
)
def test_a_command_that_connects_asks_for_its_extra_before_anything_else(
    command: list[str], package: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing(package, monkeypatch)
    monkeypatch.setattr("chatops.aws.Aws.client", lambda *_: pytest.fail("a call to AWS"))
    code, told = run(*command, "--region", "ap-northeast-2")
    assert (code, told["code"]) == (WRONG_USAGE, "extra-missing"), told
    assert package in told["why"] and "[chat]" in told["what"]


@pytest.mark.parametrize(
    "package", every(3, sorted({one for packages in extras.PACKAGES.values() for one in packages}))
)
def test_a_process_without_a_package_ends_with_one_clear_error(package: str, tmp_path: Path) -> None:
    command = ["chat"] if package == "prompt_toolkit" else ["up", "--local"]
    ended = subprocess.run(
        [sys.executable, "-c", LACKS, package, *command, "--region", "ap-northeast-2"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == WRONG_USAGE
    assert f"{package} is not installed" in ended.stderr
    assert "Traceback" not in ended.stderr and "internal" not in ended.stderr.lower()


def test_an_import_that_nothing_checked_before_is_explained_too() -> None:
    told = explain(ModuleNotFoundError("No module named 'websockets.asyncio'", name="websockets.asyncio"))
    assert (told.code, told.exit_code) == ("extra-missing", WRONG_USAGE)
    assert told.why == "websockets.asyncio is not installed"
    assert explain(ModuleNotFoundError("No module named 'x'", name="x")).is_ours


def test_an_extra_that_is_installed_raises_nothing() -> None:
    extras.require("chat")
    extras.require("local")


def test_all_missing_packages_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in extras.PACKAGES["chat"]:
        missing(package, monkeypatch)
    with pytest.raises(UsageError, match="websockets, prompt_toolkit are not installed"):
        extras.require("chat")


PYTHON = "/venv/bin/python"


@pytest.mark.parametrize(
    ("installed", "made_by", "command"),
    [
        ({"dir_info": {"editable": True}}, "", f"{PYTHON} -m pip install -e 'CHECKOUT[local,chat]'"),
        ({"dir_info": {}}, "", f"{PYTHON} -m pip install 'CHECKOUT[local,chat]'"),
        ({"dir_info": {}}, "pipx_metadata.json", "pipx install --force 'CHECKOUT[local,chat]'"),
        (
            {"dir_info": {"editable": True}},
            "pipx_metadata.json",
            "pipx install --force --editable 'CHECKOUT[local,chat]'",
        ),
        ({"dir_info": {}}, "uv-receipt.toml", "uv tool install --force 'CHECKOUT[local,chat]'"),
        (
            {
                "url": "https://user:secret@git.example/chat.git",
                "vcs_info": {"vcs": "git", "commit_id": "0a1b", "requested_revision": "main"},
            },
            "",
            f"{PYTHON} -m pip install 'chatops[local,chat] @ git+https://git.example/chat.git@0a1b'",
        ),
        (
            {"url": "ssh://git:secret@git.example:2222/chat.git", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}},
            "",
            f"{PYTHON} -m pip install 'chatops[local,chat] @ git+ssh://git@git.example:2222/chat.git@0a1b'",
        ),
        ({"url": "file:///no/such/folder"}, "", "pip install -e '.[local,chat]' in a checkout of chatops's repository"),
        (None, "", "pip install -e '.[local,chat]' in a checkout of chatops's repository"),
    ],
)
def test_the_command_fits_how_chatops_was_installed(
    installed: dict[str, Any] | None, made_by: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, prefix = tmp_path / "check out", tmp_path / "prefix"
    checkout.mkdir()
    prefix.mkdir()
    if made_by:
        (prefix / made_by).touch()
    direct_url = {} if installed is None else {"url": checkout.as_uri(), **installed}
    monkeypatch.setattr(extras, "_direct_url", lambda: direct_url)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", PYTHON)
    assert extras.install_command() == command.replace("CHECKOUT", str(checkout))


def test_damaged_metadata_is_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (None, "", "[]", "{"):
        found = SimpleNamespace(read_text=lambda _, text=text: text)
        monkeypatch.setattr(extras, "distribution", lambda _, found=found: found)
        assert extras._direct_url() == {}


PYPI = re.compile(
    r"(pipx?|uv|uvx)( tool| pip)?( (install|inject|run|upgrade|-\S+))+ *['\"]?chatops(?![\w/.-]|[^\n]* @ )"
)
"""An install command that names chatops alone: on PyPI that is another project."""


def texts() -> Iterator[Path]:
    """Every file of the repository that holds instructions."""
    for folder in ("chatops", "docs", "tests", "handlers", ".github", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path == Path(__file__) or "node_modules" in path.parts:
                continue
            if path.suffix in (".py", ".md", ".json", ".yaml", ".example", ".yml"):
                yield path
    yield from (one for one in ROOT.iterdir() if one.suffix in (".md", ".toml") or one.name == "Makefile")


def test_no_instruction_installs_the_project_of_that_name_on_pypi() -> None:
    found = [f"{path}: {one[0]}" for path in texts() for one in PYPI.finditer(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("command", ["pip install {}", "pip install '{}[local]'", "pipx inject {} ministack"])
def test_the_search_finds_such_an_instruction(command: str) -> None:
    assert PYPI.search(command.format("chatops"))
