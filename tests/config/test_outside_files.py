"""Functions are made from files below the config's folder, and from those outside that the config lists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatops.config import Config, load
from chatops.errors import ConfigError

HANDLER = "def lambda_handler(event, context): ...\n"
TEXT = "websocket: {routes: {x: f}}\nhttp_apis: {}\nfunctions:\n  f:\n    source: %s\n    include: [%s]\n"


@pytest.fixture(autouse=True)
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, among others that are not its own."""
    for name in ("project/handlers/mine.py", "project/ok.txt", "shared/db.py", "shared/deep/more.py", "secret.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HANDLER)
    monkeypatch.chdir(folder / "project")
    return folder / "project"


def read(source: str = "handlers/mine.py", include: str = "ok.txt", more: str = "") -> Config:
    Path("config.yaml").write_text(TEXT % (source, include) + more)
    return load()


def problem(source: str = "handlers/mine.py", include: str = "ok.txt", more: str = "") -> str:
    with pytest.raises(ConfigError) as raised:
        read(source, include, more)
    (told,) = raised.value.problems
    return told


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "../shared/db.py", "link", "linked/db.py"])
def test_a_file_outside_is_a_problem_with_line_path_and_what_to_do(project: Path, name: str) -> None:
    (project / "link").symlink_to("../secret.txt")
    (project / "linked").symlink_to("../shared")
    told = problem(include=f"ok.txt, {name}")
    assert told.startswith(f"config.yaml:6: functions.f.include.1: '{name}' is outside the config's folder")
    assert told.endswith("move it there, or list it under outside_files in the config")
    told = problem(source=name, include="")
    assert told.startswith(f"config.yaml:5: functions.f.source: '{name}' is outside the config's folder")


def test_a_file_outside_is_refused_for_a_config_that_is_named_too(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)
    Path("project/c.yaml").write_text(TEXT % ("handlers/mine.py", "../secret.txt"))
    with pytest.raises(
        ConfigError, match=r"project/c\.yaml:6: functions\.f\.include\.0: '\.\./secret\.txt' is outside"
    ):
        load(Path("project/c.yaml"))


@pytest.mark.parametrize(
    "name", ["ok.txt", "./ok.txt", "handlers/../ok.txt", "../project/ok.txt", "link", ".env", "key.pem"]
)
def test_a_file_inside_is_taken_however_it_is_named(project: Path, name: str) -> None:
    (project / "link").symlink_to("ok.txt")
    for secret in (".env", "key.pem"):
        (project / secret).write_text("")
    (one,) = read(include=name).functions["f"].include
    assert one.name == Path(name).name


def test_a_config_folder_that_is_a_symlink_is_the_folder_that_it_leads_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read()
    (project.parent / "linked").symlink_to("project")
    assert load(project.parent / "linked" / "config.yaml").functions["f"].include
    monkeypatch.chdir(project.parent / "linked")
    assert load().functions["f"].include


@pytest.mark.parametrize("listed", ["../shared", "../shared/db.py", "{absolute}", "link"])
def test_a_file_outside_that_the_config_lists_is_taken(project: Path, listed: str) -> None:
    (project / "link").symlink_to("../shared")
    listed = listed.format(absolute=project.parent / "shared")
    config = read(include="../shared/db.py", more=f"outside_files: [{listed}]\n")
    (one,) = config.functions["f"].include
    assert config.is_outside(Path(os.path.realpath(one)))
    assert not config.is_outside(project / "ok.txt")


def test_what_is_listed_allows_nothing_else() -> None:
    assert "'../secret.txt' is outside" in problem(include="../secret.txt", more="outside_files: [../shared]\n")
    told = problem(include="../shared/deep/more.py", more="outside_files: [../shared/db.py]\n")
    assert "'../shared/deep/more.py' is outside" in told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("[../nowhere]", "outside_files.0: there is no file or folder '../nowhere'"),
        ("[/dev/zero]", "outside_files.0: there is no file or folder '/dev/zero'"),
        ("[loop]", "outside_files.0: there is no file or folder 'loop'"),
        ("../shared", "outside_files: must be a list, not text"),
        ("[5]", 'outside_files.0: must be text, not a number (write it in quotes: "5")'),
    ],
)
def test_a_mistake_in_the_list_is_a_problem_with_its_line(project: Path, value: str, told: str) -> None:
    (project / "loop").symlink_to("loop")
    assert problem(more=f"outside_files: {value}\n") == f"config.yaml:7: {told}"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
@pytest.mark.parametrize("name", ["/proc/self/environ", "/dev/zero", "fifo", "environ", "handlers"])
def test_what_is_no_regular_file_is_refused_even_where_it_is_listed(project: Path, name: str) -> None:
    os.mkfifo(project / "fifo")
    (project / "environ").symlink_to("/proc/self/environ")
    told = problem(include=name, more="outside_files: [/]\n")
    assert told.startswith(f"config.yaml:6: functions.f.include.0: '{name}' is ") and "regular file" in told


def test_only_handlers_that_come_with_chatops_stand_in_for_a_missing_file(project: Path) -> None:
    config = read("handlers/user.py", "handlers/page.html")
    assert not any(config.is_outside(Path(os.path.realpath(one))) for one in config.functions["f"].include)
    for name in ("config.yaml.bak", "pyproject.toml", "chatops/cli.py", "cli.py", "handlers/../chatops/cli.py"):
        assert problem(include=name).endswith(f"there is no file '{name}' beside the config")


def test_a_broken_link_is_never_replaced_by_a_handler_that_comes_with_chatops(project: Path) -> None:
    (project / "handlers" / "user.py").symlink_to("nowhere.py")
    assert "there is no file 'handlers/user.py'" in problem("handlers/user.py")
