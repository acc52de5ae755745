"""Whatever is named as the config: a clear error at once, with little memory, and never a wait."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import yaml

from chatops.config import load
from chatops.config.reader import MAX_NODES
from chatops.errors import ConfigError, HandlerError, UsageError, explain
from chatops.handler import packages
from chatops.package import Package, package

from ..forked import run
from ..sizes import every
from .reading import the_problem

SECONDS = 60
"""Far more than any of these takes, far less than one that hangs."""
MEMORY = 2**30


def runs(*arguments: str, **environment: str) -> dict[str, str]:
    """The error of a command that is run as a user would, with no more memory than a small machine has."""
    where = (*arguments, "--json", "--region", "ap-northeast-2")
    ended = run(where, Path.cwd(), {**os.environ, **environment}, memory=MEMORY, limit=SECONDS)
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    told: dict[str, str] = ended.last
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
    functions = "functions:\n" + "".join(f"  f{at}: {{source: handlers/user.py}}\n" for at in range(200))
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
@pytest.mark.slow
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


def test_more_functions_than_the_limit_are_one_problem_and_none_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(path: Path, *_: object) -> None:
        looked.append(path.name)

    monkeypatch.setattr("chatops.config.function_parser.check", look)
    monkeypatch.setattr("chatops.handler.package", lambda *_: pytest.fail("built"))
    functions = "".join(f"  f{at}: {{source: mine.py}}\n" for at in range(201))
    assert the_problem(f"functions:\n{functions}") == "2: functions: has 201 functions; the limit is 200"
    assert "mine.py" not in looked


def test_functions_of_the_same_files_share_one_package(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(source: Path, include: Sequence[Path], roots: Sequence[Path], *, runtime: str) -> Package:
        built.append(source)
        return package(source, include, roots, runtime=runtime)

    monkeypatch.setattr("chatops.handler.package", build)
    Path("x.txt").write_text("x")
    functions = "".join(f"  f{at}: {{source: handlers/send.py, include: [x.txt]}}\n" for at in range(200))
    text = f"functions:\n{functions}websocket: {{routes: {{x: f0}}}}\nhttp_apis: {{}}\n"
    found = packages(load(written(text)))
    assert len(found) == 200 and len(built) == 1
    with pytest.raises(ConfigError):
        load(written(text + "stak: x\n"))
    assert len(built) == 2


def test_functions_of_the_same_broken_file_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("h.py").write_text("def")
    calls: list[Path] = []

    def build(source: Path, *_: object, **options: object) -> Package:
        calls.append(source)
        raise SyntaxError("invalid syntax", (str(source), 1, None, None))

    monkeypatch.setattr("chatops.handler.package", build)
    functions = "".join(f"  f{at}: {{source: h.py}}\n" for at in range(50))
    with pytest.raises(HandlerError) as raised:
        packages(load(written(f"functions:\n{functions}websocket: {{routes: {{x: f0}}}}\nhttp_apis: {{}}\n")))
    assert raised.value.problems == ("h.py:1: invalid syntax",)
    assert len(calls) == 1


def test_a_number_with_a_megabyte_of_digits_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = yaml.SafeLoader.construct_yaml_int

    def computed(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
        assert len(node.value) < 100
        return compute(loader, node)

    monkeypatch.setattr(yaml.SafeLoader, "construct_yaml_int", computed)
    told = the_problem("websocket: {max_message_bytes: 1" + ":1" * 200_000 + "}\n")
    assert "is not between 1 and 131072 bytes" in told


LONG = "x" * 400_000
NUMBER = "1" + ":1" * 200_000
FUNCTION = "functions: {f: {source: handlers/user.py, %s}}\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n"
ROUTES = "functions: {f: {source: handlers/user.py}}\nwebsocket: {routes: %s}\nhttp_apis: {}\n"
LONG_VALUES = {
    "a long number as text": f"stack: {NUMBER}\n",
    "a long text": f"stack: {LONG}\n",
    "a long list as text": f"stack: [{LONG}]\n",
    "a long tag": f"stack: !{LONG} x\n",
    "a long tag handle": f"stack: !{LONG}! x\n",
    "a long alias": f"stack: *{LONG}\n",
    "a long directive": f"%YAML {LONG}\n---\nstack: x\n",
    "a long key": f"{LONG}: x\n",
    "a long region": f"region: {LONG}\n",
    "a long account": f"account: {NUMBER}\n",
    "a long prefix": f"prefix: {LONG}\n",
    "a long table": f"table: {{name: {LONG}, key: {LONG}}}\n",
    "a long outside file": f"outside_files: [{LONG}]\n",
    "a long stage": f"websocket: {{stage: {LONG}, route_selection: {LONG}, auth: {LONG}, name: {LONG}}}\n",
    "a long origin": f"websocket: {{allowed_origins: [{LONG}]}}\n",
    "a long limit": f"websocket: {{throttle: {{rate: {NUMBER}, burst: {LONG}}}}}\n",
    "a long route of a limit": f"websocket: {{throttle: {{routes: {{{LONG[:1000]}: x}}}}}}\n",
    "a long route": ROUTES % f"{{x: f, {LONG[:1000]}: f}}",
    "a long destination": ROUTES % f"{{x: {LONG}}}",
    "a long HTTP API": f"http_apis:\n  ? {LONG}\n  : {{routes: {{GET /: {LONG}}}}}\n",
    "a long HTTP route": f"http_apis: {{a: {{routes: {{? '{LONG}' : f}}}}}}\n",
    "a long source": f"functions: {{f: {{source: {LONG}}}}}\nwebsocket: {{routes: {{x: f}}}}\nhttp_apis: {{}}\n",
    "a long include": FUNCTION % f"include: [{LONG}]",
    "a long handler": FUNCTION % f"handler: {LONG}",
    "a long handler of the module": FUNCTION % f"handler: user.{LONG}",
    "a long runtime": FUNCTION % f"runtime: python3.{'1' * 100_000}",
    "a long action": FUNCTION % f"allow: [{LONG}]",
    "a long ARN": FUNCTION % f"allow: [{{action: {LONG}, resource: {LONG}}}]",
    "a long variable": FUNCTION % f"environment: {{A: {LONG}, WEBSOCKET_TABLE: {LONG}, ? {LONG} : x}}",
    "a long memory": FUNCTION % f"memory: {NUMBER}, timeout: {LONG}, log_retention: {NUMBER}",
    "control characters": 'stack: "' + r"\x1b" * 100_000 + '"\n',
    "many long values": "".join(f"{at}{LONG[:20_000]}: x\n" for at in range(40)),
    "a near miss of a long name": ROUTES.replace("{f:", "{? " + LONG + "f :") % f"{{x: {LONG}}}",
}


@pytest.mark.parametrize("text", every(4, LONG_VALUES.values()), ids=LONG_VALUES)
def test_no_value_of_a_config_makes_an_error_long(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        packages(load(written(text)))
    told = explain(raised.value)
    assert len(told.what + told.why + told.hint) < 16_000
    assert all(len(line) < 600 for line in told.why.splitlines())


LONG_CODE = {
    "a long module": f"import {LONG}\n",
    "a long encoding": f"# coding: {LONG}\n",
    "a long name": f"{LONG} = 1\n",
    "a long wrong name": f"{LONG} {LONG}\n",
    "many modules": "import " + ",".join(f"m{at}" for at in range(50_000)) + "\n",
}


@pytest.mark.parametrize("code", LONG_CODE.values(), ids=LONG_CODE)
@pytest.mark.slow
def test_no_code_makes_an_error_long(code: str) -> None:
    Path("h.py").write_text(code)
    text = "functions: {f: {source: h.py}}\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n"
    with pytest.raises(HandlerError) as raised:
        packages(load(written(text)))
    told = explain(raised.value)
    assert all(len(line) < 600 for line in told.why.splitlines())
    assert len(told.why) < 16_000


def test_a_module_that_is_imported_a_thousand_times_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("h.py").write_text("import " + ",".join(["a"] * 1000) + "\ndef lambda_handler(event, context): ...\n")
    looked: list[str] = []
    is_file = os.path.isfile

    def look(path: str | Path) -> bool:
        looked.append(str(path))
        return is_file(path)

    monkeypatch.setattr("os.path.isfile", look)
    with pytest.raises(HandlerError) as raised:
        packages(load(written("functions: {f: {source: h.py}}\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n")))
    assert len(raised.value.problems) == 1
    assert max(Counter(looked).values()) == 1


def test_the_code_is_searched_no_further_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("h.py").write_text("".join(f"import m{at}\n" for at in range(1000)))
    made: list[str] = []

    def shorten(text: str, limit: int) -> str:
        made.append(text)
        return text

    monkeypatch.setattr("chatops.handler.shortened", shorten)
    with pytest.raises(HandlerError) as raised:
        packages(load(written("functions: {f: {source: h.py}}\nwebsocket: {routes: {x: f}}\nhttp_apis: {}\n")))
    assert len(made) <= 22
    assert raised.value.why.splitlines()[-1] == "and at least 1 more"
