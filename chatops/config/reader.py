"""Reads a YAML file key by key, and collects everything that is wrong with it, with line and key path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

import yaml
from yaml.composer import Composer

from ..errors import MAX_PROBLEM_CHARACTERS, ConfigError, shortened

Node = yaml.nodes.Node

MAX_NODES = 20_000
"""Values in a file, each alias counted as often as it is used: a few lines of aliases can mean billions."""
MAX_DEPTH = 50
MERGE = "tag:yaml.org,2002:merge"
"""The tag of the key `<<`."""
SHOWN_CHARACTERS = 60
"""Of a value of the file that an error repeats."""
MAX_SUGGESTIONS = 50
"""Problems that come with a suggestion. Each is searched for, so a thousand would take long."""
MAX_PATH_CHARACTERS = 150
MAX_WORD_CHARACTERS = 200
"""Of a word that a suggestion is searched for: the search takes time with the square of its length."""
MAX_KNOWN = 1000
"""Names that a word is compared with."""
MAX_NUMBER_CHARACTERS = 40
"""Of a number that is read: YAML's `1:1:1` takes time with the square of its length."""
TOO_MANY = f"more than {MAX_NODES:,} values, each alias counted as often as it is used; that is the limit"


@dataclass
class Reader:
    """Reads one file's nodes into plain values. What is wrong goes to `problems`, and reading goes on."""

    file: str
    found: list[tuple[int, str]] = field(default_factory=list)
    """What is wrong, each with its line."""
    nodes: int = 0
    """How many values were read."""

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, in the order of the lines."""
        return [text for _, text in sorted(self.found, key=lambda one: one[0])]

    def problem(self, node: Node | None, path: str, text: str) -> None:
        """Notes what is wrong at a node."""
        path = path if len(path) <= MAX_PATH_CHARACTERS else path[: MAX_PATH_CHARACTERS - 1] + "…"
        self._note(line_of(node), f"{path + ': ' if path else ''}{text}")

    def suggestion(self, word: str, among: Iterable[str]) -> str:
        """Return `suggestion` for the first problems of a file, and nothing for all others."""
        return suggestion(word, among) if len(self.found) < MAX_SUGGESTIONS else ""

    def _count(self, nodes: int) -> None:
        """Count values that are about to be read. Raises ConfigError once there are too many."""
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            self._note(0, TOO_MANY)
            raise ConfigError(self.file, self.problems)

    def stop(self, node: Node | None, path: str, text: str) -> NoReturn:
        """Note what is wrong at a node, and read no further: raises ConfigError with all problems so far."""
        self.problem(node, path, text)
        raise ConfigError(self.file, self.problems)

    def _note(self, line: int, text: str) -> None:
        where = f"{self.file}:{line}" if line else self.file
        self.found.append((line, shortened(f"{where}: {text}", len(where) + MAX_PROBLEM_CHARACTERS)))

    def parse(self, text: str) -> Node | None:
        """The file's root node, or nothing when it is empty or not YAML."""
        try:
            return compose(text)
        except _TooMuchError as error:
            self._note(error.line, error.problem)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._note(mark.line + 1 if mark else 0, f"not YAML: {error.problem or error.context}")
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._note(line, f"not YAML: {str(error).splitlines()[0]}")
        except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
            self._note(0, f"not YAML: {str(error).splitlines()[0]}")
        return None

    def mapping(self, node: Node | None, path: str, keys: Iterable[str] | None = None) -> dict[str, Node]:
        """The nodes of a mapping by key; nothing and null are empty. With `keys`, any other key is a problem."""
        if node is None or is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, path, f"must be a mapping (key: value), not {kind(node)}")
            return {}
        found: dict[str, Node] = {}
        for key_node, value in self._pairs(node, path, (node,)):
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(key_node, path, "a key must be plain text")
                continue
            key = str(key_node.value)
            here = f"{path}.{key}" if path else key
            if not path and key.startswith("x-"):
                continue
            if keys is not None and key not in keys:
                self.problem(key_node, here, f"unknown key{self.suggestion(key, keys)}")
            elif key in found:
                self.problem(key_node, here, "stands here twice; keep one")
            else:
                found[key] = value
        return found

    def _pairs(self, node: Node, path: str, around: tuple[Node, ...]) -> list[tuple[Node, Node]]:
        """The keys and values of a mapping, with those that `<<` merges in and it does not have itself.

        https://yaml.org/type/merge.html
        """
        self._count(len(node.value))
        own = [one for one in node.value if one[0].tag != MERGE]
        taken = {_name(key) for key, _ in own}
        for _, value in (one for one in node.value if one[0].tag == MERGE):
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(one, yaml.MappingNode):
                    self.problem(one, f"{path}.<<".lstrip("."), "must be an alias of a mapping, or a list of them")
                elif any(one is outer for outer in around):
                    self.problem(one, f"{path}.<<".lstrip("."), "is merged into itself")
                else:
                    merged = self._pairs(one, path, (*around, one))
                    own += [pair for pair in merged if _name(pair[0]) not in taken]
                    taken |= {_name(key) for key, _ in merged}
        return own

    def text(
        self,
        node: Node | None,
        path: str,
        default: str,
        *,
        pattern: str = "",
        rule: str = "",
        among: Iterable[str] = (),
    ) -> str:
        """A text that matches `pattern` (`rule` says it in words) or is one of `among`."""
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            quotes = f" (write it in quotes: {quoted(str(node.value))})" if _is_number(node) else ""
            self.problem(node, path, f"must be text, not {kind(node)}{quotes}")
            return default
        value = str(node.value)
        if not is_unicode(value):
            self.problem(node, path, f"{shown(value)} is not Unicode text: half of a surrogate pair")
            return default
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            self.problem(node, path, f"{shown(value)} is not {rule}")
            return default
        among = tuple(among)
        if among and value not in among:
            self.problem(node, path, f"{shown(value)} is not one of {', '.join(among)}{self.suggestion(value, among)}")
            return default
        return value

    def number(self, node: Node | None, path: str, default: int, *, low: int, high: int, unit: str) -> int:
        """A whole number within bounds."""
        if node is None:
            return default
        value: Any = None
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:int":
            if len(node.value) > MAX_NUMBER_CHARACTERS:
                self.problem(node, path, f"{shown(str(node.value))} is not between {low} and {high} {unit}")
                return default
            try:
                value = yaml.SafeLoader("").construct_yaml_int(node)
            except (ValueError, IndexError):
                value = None
        if value is None:
            self.problem(node, path, f"must be a whole number of {unit}, not {kind(node)}")
            return default
        if not low <= value <= high:
            self.problem(node, path, f"{shown(str(node.value))} is not between {low} and {high} {unit}")
            return default
        return int(value)

    def items(self, node: Node | None, path: str) -> list[Node]:
        """The nodes of a list; nothing and null are empty."""
        if node is None or is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.problem(node, path, f"must be a list, not {kind(node)}")
            return []
        self._count(len(node.value))
        return list(node.value)


class _TooMuchError(Exception):
    """A file that has more values, or deeper ones, than any config."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


class _Limited(Composer):
    """Composes nodes, and stops at a number and a depth of them that take long to read."""

    nodes = depth = 0
    peek_event: Any

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.nodes, self.depth = self.nodes + 1, self.depth + 1
        at: int = self.peek_event().start_mark.line + 1
        if self.nodes > 2 * MAX_NODES:
            raise _TooMuchError(at, TOO_MANY)
        if self.depth > MAX_DEPTH:
            raise _TooMuchError(at, f"nested more than {MAX_DEPTH} levels deep; that is the limit")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Loader(_Limited, yaml.SafeLoader):
    """Parses in Python."""


if yaml.__with_libyaml__:

    class _FastLoader(_Limited, yaml.CSafeLoader):
        """Parses with libyaml, which takes a tenth of the time."""

        def __init__(self, text: str) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)


def compose(text: str) -> Node | None:
    """Return the root node of a YAML document, None when it is empty.

    Raises yaml.YAMLError, and ValueError, OverflowError or RecursionError for some values. What libyaml refuses is
    parsed again in Python: the errors are the same on every machine, whether its PyYAML comes with libyaml or not.
    """
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError, ValueError):
            return _FastLoader(text).get_single_node()
    return _Loader(text).get_single_node()


def _name(key: Node) -> str | int:
    """Return what identifies a key in its mapping: its text, or for a key that is not text, the node's identity."""
    return str(key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def line_of(node: Node | None) -> int:
    """Return the line on which a node begins; 0 for none."""
    return node.start_mark.line + 1 if node else 0


def is_unicode(value: str) -> bool:
    """False for text with half of a surrogate pair, which YAML can spell and nothing can hold."""
    return not any("\ud800" <= one <= "\udfff" for one in value)


def is_null(node: Node) -> bool:
    """True for a key with nothing after it."""
    return bool(node.tag == "tag:yaml.org,2002:null")


def kind(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    names: Mapping[str, str] = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
    short = node.tag.rpartition(":")[2]
    return names.get(
        short, {"str": "text", "timestamp": "a date"}.get(short, f"a {shortened(short, SHOWN_CHARACTERS)}")
    )


def suggestion(word: str, among: Iterable[str]) -> str:
    """`; did you mean …?` for a word that is nearly one of those known, else nothing."""
    if len(word) > MAX_WORD_CHARACTERS:
        return ""
    known = [one for one in islice(among, MAX_KNOWN) if len(one) <= MAX_WORD_CHARACTERS]
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def question(word: str, among: Iterable[str]) -> str:
    """The same as a sentence of its own. The name stays as it is written."""
    return suggestion(word, among).replace("; did", "Did")


def shown(value: str) -> str:
    """A value of the file inside an error: quoted, escaped, and not too long."""
    # Of what is escaped, no more than is shown.
    value = value[: SHOWN_CHARACTERS + 1]
    text = ascii(value) if not value.isprintable() else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "…'"


def quoted(value: str) -> str:
    """A number of the file as it would be written in quotes, and not too long."""
    return f'"{shortened(value, SHOWN_CHARACTERS)}"'


def _is_number(node: Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float", ":bool", ":timestamp"))
