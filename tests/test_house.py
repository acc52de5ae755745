"""Architecture rules: import directions, help and README entries for every command, and docstrings."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from chatops.cli import app

ROOT = Path(__file__).parents[1]


def sources(folder: str) -> list[Path]:
    """The Python files in a folder of the repository, those of other people's packages left out."""
    found = []
    for place, folders, files in os.walk(ROOT / folder):
        folders[:] = [one for one in folders if one not in ("node_modules", "__pycache__")]
        found += [Path(place) / one for one in files if one.endswith(".py")]
    return sorted(found)


def name_of(path: Path) -> str:
    """A module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The dotted name of everything that a module imports anywhere, also inside functions and for types alone."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{one.name}" for one in node.names)


def is_in(name: str, *places: str) -> bool:
    """Whether a dotted name is one of these places or inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def strangers(folder: str, *may: str) -> list[str]:
    """What the modules of a folder import of ours that is not among what they may."""
    return [
        f"{name_of(path)} imports {name}"
        for path in sources(folder)
        for name in imports(path)
        if is_in(name, "chatops", "handlers", "tests") and not is_in(name, *may)
    ]


def test_imports_are_seen_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "chatops" / "deploy").mkdir(parents=True)
    module = tmp_path / "chatops" / "deploy" / "plan.py"
    module.write_text(
        "import a.b\nfrom . import walk\nfrom .walk import x\nfrom ..aws import y\ndef f():\n  import late\n"
    )
    assert list(imports(module)) == ["a.b", "chatops.deploy.walk", "chatops.deploy.walk.x", "chatops.aws.y", "late"]
    assert strangers("chatops/deploy", "chatops.deploy") == ["chatops.deploy.plan imports chatops.aws.y"]


def test_the_engine_imports_nothing_of_ours_but_itself() -> None:
    assert strangers("chatops/deploy", "chatops.deploy") == []


def test_the_engine_knows_neither_aws_nor_the_terminal() -> None:
    for path in sources("chatops/deploy"):
        assert {name.split(".")[0] for name in imports(path)} <= set(sys.stdlib_module_names) | {"chatops"}, path


def test_resources_import_only_the_protocol_aws_and_each_other() -> None:
    assert strangers("chatops/resources", "chatops.deploy.resource", "chatops.aws", "chatops.resources") == []


@pytest.mark.parametrize(
    ("library", "may"),
    [
        ("rich", ("chatops.render",)),
        ("typer", ("chatops.cli", "chatops.command", "chatops.commands")),
        ("click", ()),
    ],
)
def test_a_library_is_imported_only_where_it_belongs(library: str, may: tuple[str, ...]) -> None:
    users = [name_of(path) for path in sources("chatops") if any(is_in(name, library) for name in imports(path))]
    assert [name for name in users if not is_in(name, *may)] == []
    assert users or not may


def test_clients_are_made_only_in_aws() -> None:
    makers = {
        path.relative_to(ROOT / "chatops")
        for path in sources("chatops")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            node.func.attr in ("create_client", "resource")
            or (node.func.attr == "client" and ast.unparse(node.func.value) in ("boto3", "session", "self._session"))
        )
    }
    assert {str(path) for path in makers} == {"aws/__init__.py", "local/front/aws.py"}
    assert not [path for path in sources("chatops") if any(is_in(name, "boto3") for name in imports(path))]


def test_handlers_import_the_standard_library_the_sdk_and_each_other_alone() -> None:
    siblings = {path.stem for path in sources("handlers")}
    may = set(sys.stdlib_module_names) | {"boto3", "botocore", "urllib3"} | siblings
    for path in sources("handlers"):
        assert {name.split(".")[0] for name in imports(path)} <= may, path


def test_no_handler_has_the_name_of_a_standard_module() -> None:
    assert not {path.stem for path in sources("handlers")} & set(sys.stdlib_module_names)


def test_nothing_that_is_shipped_imports_the_tests() -> None:
    for path in [*sources("chatops"), *sources("handlers")]:
        assert not [name for name in imports(path) if is_in(name, "tests", "pytest", "moto")], path


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command and every group of commands, by what one types for it."""
    for name, command in sorted(group.commands.items()):
        yield f"{path}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")


COMMANDS = dict(commands(typer.main.get_command(app)))
RUNNABLE = [name for name, command in COMMANDS.items() if not hasattr(command, "commands")]


def test_the_commands_are_found() -> None:
    assert {"up", "plan", "down", "status", "url", "local start", "local stop", "local status"} <= set(COMMANDS)


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_command_has_help_with_an_example_of_itself(name: str) -> None:
    help_text = COMMANDS[name].help or ""
    first, _, rest = help_text.partition("\n")
    assert first.strip().endswith(".")
    assert re.search(rf"Example: .*chatops {name}\b", rest), help_text


@pytest.mark.parametrize("name", ["", *sorted(set(COMMANDS) - set(RUNNABLE))])
def test_every_group_has_help_with_an_example_of_one_of_its_commands(name: str) -> None:
    group = COMMANDS[name] if name else typer.main.get_command(app)
    example = re.search(r"Example: \[bold\]chatops (.*?)(?: --.*)?\[/bold\]", group.help or "")
    assert example and example[1] in RUNNABLE and example[1].startswith(name)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_and_argument_has_help(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert parameter.name == "help" or getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_help_has_brackets_which_would_be_taken_for_markup_and_not_shown(name: str) -> None:
    texts = [COMMANDS[name].help or "", *(getattr(one, "help", None) or "" for one in COMMANDS[name].params)]
    assert [text for text in texts if "[" in re.sub(r"\[/?bold\]", "", text)] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_group_has_help(name: str) -> None:
    assert COMMANDS[name].help


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
@pytest.mark.parametrize("name", RUNNABLE)
def test_every_command_is_in_both_readmes(name: str, readme: str) -> None:
    readme = (ROOT / readme).read_text(encoding="utf-8")
    assert re.search(rf"(chatops |`){name}(?![\w-])", readme)


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_the_first_screen_says_what_was_not_seen_on_a_real_account(readme: str) -> None:
    first_screen = (ROOT / readme).read_text(encoding="utf-8").partition("<img")[0]
    assert "(CONTRIBUTING.md#not-yet-seen-on-real-aws)" in first_screen
    assert "## Not yet seen on real AWS\n" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def undocumented(path: Path) -> Iterator[str]:
    """The module, and its public classes and functions, that have no docstring."""
    tree = ast.parse(path.read_text())
    if not ast.get_docstring(tree):
        yield name_of(path)
    for node in tree.body:
        is_public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"
        if is_public and not ast.get_docstring(node):  # type: ignore[arg-type]
            yield f"{name_of(path)}.{node.name}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("folder", ["chatops", "handlers"])
def test_every_public_name_has_a_docstring(folder: str) -> None:
    assert [name for path in sources(folder) for name in undocumented(path)] == []


def test_everything_at_the_top_is_named_where_contributors_look() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = {f"{one.name}/" if one.is_dir() else one.name for one in (ROOT / "chatops").iterdir()}
    known = {name for name in names if name.endswith((".py", "/")) and not name.startswith("__")}
    assert {name for name in known if name not in text} == set()


@pytest.mark.parametrize("page", ["README.md", "README.ko.md", "CONTRIBUTING.md"])
def test_what_a_page_lists_of_the_house_is_there(page: str) -> None:
    listed = re.findall(r"^ {4,6}([a-z_]+(?:\.py|/))  +\S", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) > 5
    assert [one for one in listed if not ((ROOT / "chatops" / one).exists() or (ROOT / one).exists())] == []
