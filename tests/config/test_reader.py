"""Files that are no config at all, and files that are meant to hurt."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from chatops.config import Function, shipped
from chatops.config.reader import compose, question
from chatops.errors import ConfigError

from .reading import ONE, problems, read, the_problem


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert read(b"\xef\xbb\xbfstack: mine\r\ntable:\r\n  name: other\r\n").table.name == "other"


def test_korean_text_in_a_comment_and_in_a_value_is_read() -> None:
    text = "# 안녕하세요\n" + ONE % "environment: {TITLE: '안녕 👋'}"
    assert read(text).functions["websocket-connect"].environment == {"TITLE": "안녕 👋"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("stack: 'x", 1),
        ("stack: x\n\ttable: y", 2),
        ("stack: x: y", 1),
        ("a: [1, 2\nb: 3", 2),
        ("stack: *nobody", 1),
        ("stack: a\n---\nstack: b", 2),
        ("stack: a\ntable: {name: a\0b}", 2),
        ('stack: a\ntable: {name: "\\xZZ"}', 2),
        ("stack: a\n%YAML 9\n", 2),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(text: str, line: int) -> None:
    told = the_problem(text)
    assert told.startswith(f"{line}: not YAML: ")
    assert "\n" not in told


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000", "\\U7FFFFFFF"])
def test_a_character_that_does_not_exist_is_not_yaml(escape: str) -> None:
    assert "not YAML" in the_problem(f'stack: "{escape}"')


@pytest.mark.parametrize("data", [b"stack: \xff\xfe", b"\xff\xfes\x00", b"stack: caf\xe9", b"\x80"])
def test_what_is_not_utf8_is_told(data: bytes) -> None:
    assert "not UTF-8 text" in the_problem(data)


@pytest.mark.parametrize(
    "value", ["!!int ''", "!!int '-'", "!!int abc", "0x" + "f" * 5000, "9" * 5000, "0b" + "1" * 20000]
)
def test_a_number_that_is_none_or_beyond_all_bounds_is_told(value: str) -> None:
    assert the_problem(ONE % f"memory: {value}").startswith("1: functions.websocket-connect.memory: ")


def test_half_of_a_surrogate_pair_in_a_value_is_told() -> None:
    told = the_problem(ONE % 'environment: {AA: "\\ud800"}')
    assert told.startswith("1: functions.websocket-connect.environment.AA: ")
    assert told.isascii()


def test_what_is_shown_of_a_hostile_value_is_escaped_and_short() -> None:
    told = the_problem('stack: "\\e[31m\\u202e' + "x" * 500 + '"')
    assert told.isprintable()
    assert len(told) < 150


# Files that are meant to hurt.


def bomb() -> str:
    """Nine levels of aliases: a few lines that mean 10**9 words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\nfunctions: {f: {source: handlers/connect.py, allow: *a9, include: *a9}}\n"


HOSTILE = {
    "a bomb of aliases": bomb(),
    "a mapping in itself": "functions: &f {x: *f}\nwebsocket: *f\ntable: *f\n",
    "a list in itself": "functions: {x: {source: handlers/connect.py, include: &a [*a], allow: *a}}",
    "a key in itself": "&a {*a : *a}",
    "deep lists": "[" * 100_000,
    "deep mappings": "a: " + "{a: " * 20_000,
    "deep indentation": "\n".join(" " * n + "a:" for n in range(3000)),
    "many keys": "\n".join(f"k{n}: v" for n in range(3000)),
    "many functions": "functions:\n" + "\n".join(f"  f{n}: {{source: no.py}}" for n in range(1000)),
    "a long line": "stack: " + "x" * 1_000_000,
    "a merge": "x: &x {name: abc}\ntable:\n  <<: *x\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_meant_to_hurt_is_refused_soon(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError):
        read(text)
    assert time.monotonic() - began < 20


MANY_STYLES = """
# a comment
stack: 안녕 👋
table: {name: 'it''s', key: "a\\u0041\\n"}
functions: &f
  one: {memory: 0x80, timeout: 3, environment: {A: null, B: ~, C: yes, D: 1.5, E: 2020-01-01}}
  two: |
    literal
      text
  three: >-
    folded
    text
again: *f
list: [a, [b, c], {d: e}]
? long key
: value
"""


@pytest.mark.parametrize("text", [shipped("config.yaml").read_text(encoding="utf-8"), MANY_STYLES, "", "# nothing\n"])
def test_libyaml_composes_what_the_python_parser_composes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not yaml.__with_libyaml__:
        pytest.skip("this PyYAML comes without libyaml")

    def plain(node: yaml.nodes.Node | None) -> object:
        if node is None:
            return None
        value = node.value
        if isinstance(node, yaml.MappingNode):
            value = [(plain(key), plain(one)) for key, one in value]
        elif isinstance(node, yaml.SequenceNode):
            value = [plain(one) for one in value]
        return node.tag, node.start_mark.line, value

    fast = plain(compose(text))
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert fast == plain(compose(text))


def test_a_config_is_read_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert read("stack: mine").stack == "mine"
    assert the_problem("stack: x: y") == "1: not YAML: mapping values are not allowed here"


SHARED = """
x-defaults: &d {memory: 256, timeout: 5}
x-more: &m {memory: 512, log_retention: 30}
functions:
  web: {<<: *d, source: h.py}
  api: {source: h.py, timeout: 7, <<: [*d, *m]}
  both: &b {source: h.py, memory: 1024}
  copy: {<<: *b}
websocket: {routes: {$connect: web}}
http_apis:
"""


def test_keys_are_merged_from_an_anchor_and_those_that_begin_with_x_are_free() -> None:
    Path("h.py").write_text("def lambda_handler(event, context): ...\n")
    found = read(SHARED).functions
    seen = {key: (one.memory, one.timeout, one.log_retention) for key, one in found.items()}
    usual = Function("", Path(), "")
    assert seen["web"] == (256, 5, usual.log_retention)
    assert seen["api"] == (256, 7, 30), "its own key wins, and then the first of those merged"
    assert seen["copy"] == (1024, usual.timeout, usual.log_retention)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("table: {<<: 5}", "1: table.<<: must be an alias of a mapping, or a list of them"),
        ("table: {<<: [5]}", "1: table.<<: must be an alias of a mapping, or a list of them"),
        ("table: &t {<<: *t}", "1: table.<<: is merged into itself"),
        ("x: &x {? [a] : b, ? {c: d} : e}\ntable: {<<: [*x, *x]}", "1: table: a key must be plain text"),
        ("table: {x-name: a}", "1: table.x-name: unknown key; did you mean name?"),
        ("x: &x {nane: a}\ntable: {<<: *x}", "1: table.nane: unknown key; did you mean name?"),
    ],
)
def test_what_cannot_be_merged_is_a_problem_with_its_line(text: str, told: str) -> None:
    assert told in problems(text)


def test_a_question_leaves_the_name_as_it_is_written() -> None:
    assert question("myfunc", ["myFunc"]) == "Did you mean myFunc?"
    assert question("nothing like it", ["myFunc"]) == ""
