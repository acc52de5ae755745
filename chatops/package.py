"""Handler sources → the zip that Lambda runs, the same bytes on every machine."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from .config.files import File, check, megabytes, read

EPOCH = (1980, 1, 1, 0, 0, 0)
MAX_ZIP_BYTES = 50 * 2**20
"""What Lambda takes in a direct upload; the zip is stored, so its files together.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
MAX_SOURCE_BYTES = 2**20
"""Of a Python file that is parsed: the tree takes several hundred times as much memory."""
LISTED_FILES = 3
NEWER_SYNTAX = re.compile(
    r"^\s*type\s+\w+|^\s*(async\s+)?(def|class)\s+\w+\s*\[|^\s*except\b|\b([ft]r?|r[ft])[\"']", re.IGNORECASE
)
"""What came, or came to take more, after Python 3.10: type aliases and parameters, `except*`, f-strings, t-strings."""
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w[\w.]*)[ \t]+import\b|import[ \t]+(\w[\w., \t]*))", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """A function's code: its files as they were read, by the name that they have inside the zip."""

    files: tuple[tuple[str, File], ...]

    @cached_property
    def data(self) -> bytes:
        """The zip. Stored, not deflated: compressors differ between machines, and these files are small."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, file in self.files:
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system = 3
                info.external_attr = 0o100644 << 16
                archive.writestr(info, file.data)
        return buffer.getvalue()

    def read(self) -> bytes:
        """The zip's bytes."""
        return self.data

    @cached_property
    def sha256(self) -> str:
        """Its hash as Lambda gives it: base64 of the SHA-256 of the zip.

        https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
        """
        return base64.b64encode(hashlib.sha256(self.data).digest()).decode()


class NameTaken(Exception):
    """Two files would have this name in one zip, where everything lies at the root."""

    def __init__(self, name: str) -> None:
        super().__init__(f"two files named {name}")
        self.name = name


class PackageTooLarge(Exception):
    """A function's files together are more than Lambda takes in one upload; `reason` names the biggest."""

    def __init__(self, sizes: Sequence[tuple[str, int]]) -> None:
        biggest = sorted(sizes, key=lambda one: -one[1])[:LISTED_FILES]
        listed = ", ".join(f"{name} ({megabytes(size)})" for name, size in biggest)
        total = megabytes(sum(size for _, size in sizes))
        self.reason = f"the zip has {total}, and Lambda takes {megabytes(MAX_ZIP_BYTES)}; the biggest files: {listed}"
        super().__init__(self.reason)


def package(
    source: Path, include: Sequence[Path] = (), roots: Sequence[Path] | None = None, *, runtime: str = ""
) -> Package:
    """Return the package of a handler: its source, the neighbours that it imports, and `include`, at the zip's root.

    Each file is read once, below `roots`: by default the folder of the source. Where the Lambda `runtime` is a newer
    Python than this one, a file with syntax that this one may not know is searched for its imports line by line.

    Raises UnusableFile when a file may not or cannot be read, SyntaxError when a source is not Python, NameTaken, and
    PackageTooLarge.
    """
    roots = [Path(os.path.realpath(source.parent))] if roots is None else roots
    files = {file.path.name: file for file in _modules(source, roots, may_be_newer=is_newer(runtime))}
    sizes = [(name, len(file.data)) for name, file in files.items()]
    wanted = []
    for path in include:
        real, size = check(path, roots)
        if path.name not in files:
            wanted.append(path)
            sizes.append((path.name, size))
        elif files[path.name].real != real:
            raise NameTaken(path.name)
    _require_room(sizes)
    total = sum(len(file.data) for file in files.values())
    for path in wanted:
        file = read(path, roots, limit=MAX_ZIP_BYTES)
        if files.setdefault(path.name, file).real != file.real:
            raise NameTaken(path.name)
        total += len(file.data)
        # A file may have grown since its size was looked at.
        if total > MAX_ZIP_BYTES:
            raise PackageTooLarge([(name, len(one.data)) for name, one in files.items()])
    return Package(tuple(sorted(files.items())))


def _require_room(sizes: Sequence[tuple[str, int]]) -> None:
    if sum(size for _, size in sizes) > MAX_ZIP_BYTES:
        raise PackageTooLarge(sizes)


class PerhapsNewerSyntax(SyntaxError):
    """A line does not parse, and has what only a newer Python may know."""


def _line(data: bytes, number: int) -> str:
    lines = data.decode(errors="replace").splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


@lru_cache(64)
def parsed(data: bytes, name: str) -> ast.Module:
    """Return the Python in the bytes of a file of this name. Raises SyntaxError when it is none."""
    try:
        return ast.parse(data, filename=name)
    except SyntaxError as error:
        error.filename = error.filename or name
        if NEWER_SYNTAX.search(_line(data, error.lineno or 0)):
            raise PerhapsNewerSyntax(*error.args) from error
        raise
    except ValueError as error:  # of null bytes, before Python 3.12
        raise SyntaxError(str(error), (name, None, None, None)) from error
    except (RecursionError, MemoryError) as error:
        raise SyntaxError("an expression is nested too deeply", (name, None, None, None)) from error


def is_newer(runtime: str) -> bool:
    """Return whether a Lambda runtime, such as python3.12, is a newer Python than this one."""
    found = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    return found is not None and (int(found[1]), int(found[2])) > sys.version_info[:2]


def _modules(source: Path, roots: Sequence[Path], *, may_be_newer: bool) -> list[File]:
    found: dict[Path, File] = {}
    queue = [source]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found[path] = read(path, roots, limit=MAX_SOURCE_BYTES)
        # Unlike Path.is_file, this takes a name of any length.
        queue += [
            path.with_name(f"{name}.py")
            for name in _imported(found[path].data, str(path), may_be_newer)
            if os.path.isfile(path.parent / f"{name}.py")  # noqa: PTH113
        ]
    return list(found.values())


@lru_cache(64)
def _imported(data: bytes, name: str, may_be_newer: bool) -> tuple[str, ...]:
    """The modules that a source imports anywhere, each once; kept: several functions may be made from it."""
    found: dict[str, None] = {}
    try:
        tree = parsed(data, name)
    except PerhapsNewerSyntax:
        if not may_be_newer:
            raise
        return tuple(dict.fromkeys(_mentioned(data)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(one.name.split(".")[0] for one in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module.split(".")[0]] = None
    return tuple(found)


def _mentioned(data: bytes) -> Iterator[str]:
    """The modules that lines which begin with `import` or `from` name."""
    for line in IMPORT.finditer(data.decode(errors="replace")):
        yield from (one.split()[0].split(".")[0] for one in (line[1] or line[2]).split(",") if one.strip())
