"""Whatever is named as the config: a clear error at once, with little memory, and never a wait."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from chatops.config import load
from chatops.config.reader import MAX_NODES
from chatops.errors import ConfigError, UsageError

from .reading import the_problem

SECONDS = 60
"""Far more than any of these takes, far less than one that hangs."""
MEMORY = 2**30


def runs(*arguments: str, **environment: str) -> dict[str, str]:
    """The error of a command that is run as a user would, with no more memory than a small machine has."""
    ended = subprocess.run(
        [sys.executable, "-m", "chatops", *arguments, "--json", "--region", "ap-northeast-2"],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert ended.returncode == 2, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr
    told: dict[str, str] = json.loads(ended.stdout.splitlines()[-1])
    return told


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


CONFIGS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a fifo": (os.mkfifo, "config-unreadable", "is a pipe, not a regular file"),
    "endless zeros": (lambda one: one.symlink_to("/dev/zero"), "config-unreadable", "is a device"),
    "stdin": (lambda one: one.symlink_to("/dev/stdin"), "config-unreadable", "is a device"),
    "memory": (lambda one: one.symlink_to("/proc/self/mem"), "config-unreadable", "is a file of the kernel"),
    "the environment": (
        lambda one: one.symlink_to("/proc/self/environ"),
        "config-unreadable",
        "is a file of the kernel",
    ),
    "a directory": (Path.mkdir, "config-unreadable", "is a directory"),
    "a symlink loop": (lambda one: one.symlink_to(one.name), "config-unreadable", "is a symlink loop"),
    "a broken link": (lambda one: one.symlink_to("nowhere"), "config-unreadable", "does not exist"),
    "a socket": (bound_socket, "config-unreadable", "is a socket"),
    "1 GB": (huge, "config", "has 1024.0 MB; the limit is 1.0 MB"),
    "a million keys": (
        lambda one: one.write_text("\n".join(f"key{at}: x" for at in range(1_000_000))),
        "config",
        "MB; the limit is 1.0 MB",
    ),
}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc here")
@pytest.mark.parametrize(("make", "code", "why"), CONFIGS.values(), ids=CONFIGS)
def test_a_config_that_is_no_config_is_a_clear_error(
    folder: Path, make: Callable[[Path], object], code: str, why: str
) -> None:
    make(folder / "odd.yaml")
    told = runs("plan", "--config", "odd.yaml")
    assert told["code"] == code and why in told["why"], told


def test_the_config_of_the_environment_is_read_as_carefully(folder: Path) -> None:
    os.mkfifo(folder / "odd.yaml")
    assert runs("plan", CHATOPS_CONFIG="odd.yaml")["code"] == "config-unreadable"


@pytest.mark.parametrize("name", ["fifo", "loop", "gone"])
def test_a_config_in_the_folder_that_cannot_be_read_is_never_replaced_by_the_default(folder: Path, name: str) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    (folder / "config.yaml").symlink_to(name)
    with pytest.raises(UsageError, match="cannot be read"):
        load()


SOURCES: dict[str, Callable[[Path], object]] = {
    "a fifo": os.mkfifo,
    "endless zeros": lambda one: one.symlink_to("/dev/zero"),
    "a symlink loop": lambda one: one.symlink_to(one.name),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_a_source_that_is_no_source_is_a_clear_error(folder: Path, make: Callable[[Path], object]) -> None:
    make(folder / "h.py")
    text = "functions:\n  f:\n    source: h.py\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n"
    assert the_problem(text).startswith("3: functions.f.source: ")


def test_of_many_problems_the_first_are_listed_and_the_rest_are_counted() -> None:
    with pytest.raises(ConfigError) as raised:
        load(written("\n".join(f"stac{at}: x" for at in range(5000))))
    assert raised.value.what == "The config c.yaml has 5000 problems"
    *listed, last = raised.value.why.splitlines()
    assert listed == [f"c.yaml:{at + 1}: stac{at}: unknown key; did you mean stack?" for at in range(20)]
    assert last == "and 4,980 more"


def written(text: str) -> Path:
    Path("c.yaml").write_text(text)
    return Path("c.yaml")


def test_suggestions_are_searched_for_a_few_problems_only(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []

    def search(word: str, among: Iterable[str]) -> str:
        searched.append(word)
        return ""

    monkeypatch.setattr("chatops.config.reader.suggestion", search)
    functions = "functions:\n" + "".join(f"  f{at}: {{source: handlers/user.py}}\n" for at in range(500))
    routes = "".join(f"    r{at}: g{at}\n" for at in range(500))
    with pytest.raises(ConfigError):
        load(written(f"{functions}websocket:\n  routes:\n{routes}http_apis: {{}}\n"))
    assert 0 < len(searched) <= 50


def test_a_key_of_any_length_is_told_in_short() -> None:
    assert len(the_problem("k" * 100_000 + ": x")) < 250


TOO_MUCH = {
    "many values": ("functions: [" + "a," * (3 * MAX_NODES) + "]", "1: more than 20,000 values"),
    "deep lists": ("stack: x\ntable: " + "[" * 60, "2: nested more than 50 levels deep"),
    "deep mappings": ("".join("  " * at + "a:\n" for at in range(60)), "50: nested more than 50 levels deep"),
}


@pytest.mark.parametrize(("text", "told"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_any_config_has_is_told_with_its_line(text: str, told: str) -> None:
    assert the_problem(text).startswith(told)


def test_aliases_that_multiply_are_counted_as_often_as_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred functions, each with the same thousands of files: few lines, and half a million looks at the disk."""
    checked: list[Path] = []

    def is_usable(path: Path, roots: Sequence[Path]) -> bool:
        checked.append(path)
        return False

    monkeypatch.setattr("chatops.config.function_parser.is_usable", is_usable)
    one = "&f {source: handlers/user.py, include: [" + ",".join(f"a{at}" for at in range(5000)) + "]}"
    text = f"functions:\n  f: {one}\n" + "".join(f"  f{at}: *f\n" for at in range(100))
    with pytest.raises(ConfigError) as raised:
        load(written(text))
    assert any("more than 20,000 values" in problem for problem in raised.value.problems)
    assert len(checked) < 2 * MAX_NODES
