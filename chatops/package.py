"""Handler sources → the zip that Lambda runs, the same bytes on every machine."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Package:
    """A function's code: its files, by the name that they have inside the zip."""

    files: tuple[tuple[str, Path], ...]

    @cached_property
    def data(self) -> bytes:
        """The zip. Stored, not deflated: compressors differ between machines, and these files are small."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, path in self.files:
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system = 3
                info.external_attr = 0o100644 << 16
                archive.writestr(info, path.read_bytes())
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


def package(source: Path, include: Sequence[Path] = ()) -> Package:
    """The package of a handler: its source, the neighbours that it imports, and `include`, all at the zip's root.

    A neighbour with the name of a module of the standard library is not what an import of that name means.

    Raises OSError when a file cannot be read, SyntaxError when a source is not Python, and NameTaken.
    """
    files = {path.name: path for path in _modules(source)}
    for path in include:
        if files.setdefault(path.name, path).resolve() != path.resolve():
            raise NameTaken(path.name)
    return Package(tuple(sorted(files.items())))


def parsed(path: Path) -> ast.Module:
    """The Python in a file. Raises SyntaxError when it is none."""
    return _parsed(path.read_bytes(), str(path))


@lru_cache(64)
def _parsed(data: bytes, name: str) -> ast.Module:
    try:
        return ast.parse(data, filename=name)
    except ValueError as error:  # of null bytes, before Python 3.12
        raise SyntaxError(str(error), (name, None, None, None)) from error


def _modules(source: Path) -> list[Path]:
    found: dict[Path, None] = {}
    queue = [source]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found[path] = None
        neighbours = (
            path.with_name(f"{name}.py") for name in _imported(parsed(path)) if name not in sys.stdlib_module_names
        )
        queue += [one for one in neighbours if one.is_file()]
    return list(found)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.split(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
