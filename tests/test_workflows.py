"""The workflows of .github are YAML and run commands that exist; they and every other install take nothing unpinned."""

from __future__ import annotations

import os
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
COMMIT = "[0-9a-f]{40}"
OTHERS = (".git", ".venv", "node_modules", "build", "dist", "__pycache__", ".mypy_cache", ".ruff_cache")
"""Folders of other people's files, and of what is made from ours."""
WRITTEN = (".md", ".py", ".yaml", ".yml", ".example", ".json", ".mjs", ".ts", ".tsx", ".sh", ".toml")
"""Suffixes of files that people write."""
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """The steps of every job."""
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        yield from job["steps"]


def actions(part: Any) -> Iterator[dict[str, Any]]:
    """Every step or job, at any depth, that uses an action or another workflow."""
    if isinstance(part, dict):
        if "uses" in part:
            yield part
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from actions(one)


def unpinned(text: str) -> list[str]:
    """What a workflow takes from elsewhere by something else than a commit."""
    found = []
    for one in actions(yaml.safe_load(text)):
        name, _, version = one["uses"].partition("@")
        found += [one["uses"]] if not re.fullmatch(COMMIT, version) else []
        other = one.get("with", {}).get("repository")
        if name == "actions/checkout" and other and not re.fullmatch(COMMIT, str(one["with"].get("ref"))):
            found.append(other)
    return found


def installs(text: str) -> Iterator[str]:
    """The commands in a text by which npm installs packages."""
    found = re.finditer(r"\bnpm(?: +--?[\w=./-]+)* +(?:ci|i|add|install|clean-install)\b[^\n`;&|]*", text)
    return (one[0] for one in found)


def texts() -> Iterator[Path]:
    """Every file of the project in which an install may be written, this one left out."""
    for place, folders, files in os.walk(ROOT):
        folders[:] = [one for one in folders if one not in OTHERS and not one.endswith(".egg-info")]
        for name in files:
            if name in ("Makefile", "run") or Path(name).suffix in WRITTEN:
                yield Path(place) / name


@workflow
def test_every_action_and_every_other_repository_is_pinned_to_a_commit(workflow: Path) -> None:
    assert list(actions(yaml.safe_load(workflow.read_text()))) and unpinned(workflow.read_text()) == []


def test_an_action_by_a_tag_or_a_checkout_by_a_branch_is_seen() -> None:
    sha = "0" * 40
    step = "jobs: {a: {steps: [{uses: 'actions/checkout@%s', with: {repository: a/b, ref: %s}}]}}"
    assert unpinned(step % ("v4", f"'{sha}'")) == ["actions/checkout@v4"]
    assert unpinned(step % (sha, "main")) == unpinned(step.replace(", ref: %s", "") % sha) == ["a/b"]
    assert unpinned("jobs: {a: {uses: a/b/.github/workflows/c.yaml@main}}") == ["a/b/.github/workflows/c.yaml@main"]
    assert unpinned(step % (sha, f"'{sha}'")) == []


def test_every_npm_install_runs_no_scripts() -> None:
    found = [(path, one) for path in texts() if path != Path(__file__) for one in installs(path.read_text("utf-8"))]
    assert {"Makefile", "run", "README.md", "README.ko.md"} <= {path.name for path, _ in found}
    assert [(str(path.relative_to(ROOT)), one) for path, one in found if "--ignore-scripts" not in one] == []


@pytest.mark.parametrize(
    "command", ["npm ci", "npm install x", "npm i -g x", "npm --silent ci --prefix y", "cd x && npm add y"]
)
def test_an_npm_install_is_seen(command: str) -> None:
    assert len(list(installs(f"run: {command}\n"))) == 1
    assert list(installs("npm run build; npm audit; npm installs it")) == []


def test_every_package_of_npms_is_set_to_run_no_scripts_and_to_name_no_registry() -> None:
    packages = [path.parent for path in texts() if path.name == "package.json"]
    assert len(packages) >= 3
    for folder in packages:
        settings = (folder / ".npmrc").read_text().split()
        assert {"ignore-scripts=true", "omit-lockfile-registry-resolved=true"} <= set(settings), folder
        assert '"resolved"' not in (folder / "package-lock.json").read_text()


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
