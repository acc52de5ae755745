"""The workflows of .github: YAML, and every command in them is one that there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from chatops.cli import app

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """The steps of every job."""
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        yield from job["steps"]


@workflow
def test_every_action_is_pinned_to_a_version(workflow: Path) -> None:
    used = [one["uses"] for one in steps(workflow) if "uses" in one]
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", one) for one in used)


@workflow
def test_every_command_is_one_that_there_is(workflow: Path) -> None:
    for line in (line for one in steps(workflow) for line in one.get("run", "").splitlines()):
        program, *arguments = shlex.split(line)
        if program == "chatops":
            command = typer.main.get_command(app)
            assert arguments[0] in command.commands  # type: ignore[attr-defined]
            known = {option for one in command.commands[arguments[0]].params for option in one.opts}  # type: ignore[attr-defined]
            assert {one for one in arguments[1:] if one.startswith("-")} <= known
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.M)
        elif program == "pip":
            assert arguments[0] == "install"
        else:
            assert (ROOT / program).is_file()


def test_the_matrix_holds_every_python_that_the_package_names() -> None:
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yaml").read_text())["jobs"]["test"]["strategy"][
        "matrix"
    ]
    assert matrix["python"] == classifiers
    assert classifiers[0] == "3.10"


@pytest.mark.parametrize("page", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")}), ids=lambda one: one.name)
def test_every_make_target_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(r"`?\bmake ([a-z][a-z-]*)`", page.read_text())) | set(
        re.findall(r"^\s*make ([a-z][a-z-]*)\b", page.read_text(), re.M)
    )
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named <= targets


@pytest.mark.parametrize("page", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")}), ids=lambda one: one.name)
def test_every_link_of_a_page_to_a_file_leads_to_one(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", page.read_text()):
        name = "".join(target)
        if "://" not in name:
            assert (page.parent / name).exists(), name
