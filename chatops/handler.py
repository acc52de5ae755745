"""The functions' code, looked at before it is sent: what Lambda could not start is told, with its line."""

from __future__ import annotations

import ast
import symtable
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .config import Config, Function, shipped
from .config.reader import line_of, shown, suggestion
from .errors import ConfigError
from .package import NameTaken, Package, package, parsed

LATER = {"tomllib", "annotationlib", "compression", "profiling"}
"""Modules that the standard library got after the oldest Python that chatops runs on."""
SDK = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "awslambdaric", "simplejson"}
"""What comes with Lambda's Python runtimes.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""
PROVIDED = {*sys.stdlib_module_names, *LATER, *SDK}


def packages(config: Config) -> dict[str, Package]:
    """The package of every function, by its key. Raises ConfigError with all for which Lambda could not start one."""
    found: dict[str, Package] = {}
    problems: list[str] = []
    for key, one in config.functions.items():
        try:
            found[key] = package(one.source, one.include)
            problems += _missing_imports(key, one, dict(found[key].files))
            problems += _missing_handler(config, key, one, dict(found[key].files))
        except SyntaxError as error:
            problems.append(f"{error.filename}:{error.lineno or 1}: functions.{key}.source: {error.msg}")
        except NameTaken as taken:
            where = f"{config.file}:{line_of(config.file, 'functions', key, 'include')}"
            text = f"the handler imports another {shown(taken.name)}, which would have the same name in the zip"
            problems.append(f"{where}: functions.{key}.include: {text}")
    if problems:
        raise ConfigError(str(config.file), problems)
    return found


def _missing_imports(key: str, function: Function, files: Mapping[str, Path]) -> Iterator[str]:
    """What is imported when the function starts, and is neither in its zip nor at Lambda's."""
    modules = {name.partition(".")[0] for name in files if name.endswith((".py", ".pyc", ".so"))}
    queue = [function.source]
    for path in queue:
        for name, line in _first_imports(parsed(path).body):
            near = files.get(f"{name}.py")
            where = f"{path}:{line}: functions.{key}.source"
            if not name:
                yield f"{where}: imports relatively, and a file of the zip is in no package; leave the dots out"
            elif near:
                queue += [near] if near not in queue else []
            elif name not in PROVIDED and name not in modules:
                copy = "Put it there, or name it in include."
                if (shipped("handlers") / f"{name}.py").is_file():
                    copy = "Copy it from what `chatops init DIR` writes."
                yield f"{where}: imports {name}, which Lambda does not have, nor is {name}.py beside it. {copy}"


def _first_imports(body: Iterable[ast.stmt]) -> Iterator[tuple[str, int]]:
    """The modules that are imported in any case when a module is, with their lines; a relative one has no name.

    What stands under `try` or `if`, or in a function, may be meant to be missing.
    """
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((one.name.split(".")[0], node.lineno) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "" if node.level else (node.module or "").split(".")[0], node.lineno
        elif isinstance(node, (ast.ClassDef, ast.With)):
            yield from _first_imports(node.body)


def _missing_handler(config: Config, key: str, function: Function, files: Mapping[str, Path]) -> Iterator[str]:
    """That Lambda would find no such module in the zip, or nothing of that name in the module."""
    module, _, name = function.handler.rpartition(".")
    path = files.get(f"{module}.py")
    names = _defined(path) if path else set()
    if name in names or "*" in names or (not path and any(one.startswith(f"{module}.") for one in files)):
        return
    # Read from the file only now: that takes long in a long config.
    line = line_of(config.file, "functions", key, "handler")
    where = f"{config.file}:{line}: functions.{key}.handler" if line else f"{function.source}:1: functions.{key}.source"
    if path:
        yield f"{where}: Lambda calls {shown(function.handler)}, which {path} does not define{suggestion(name, names)}"
    else:
        near = suggestion(module, (one.removesuffix(".py") for one in files))
        yield f"{where}: Lambda calls {shown(function.handler)}, and there is no {module}.py in the zip{near}"


def _defined(path: Path) -> set[str]:
    """What a module calls by a name of its own; a star stands for all that another one gives it."""
    with tokenize.open(path) as file:
        table = symtable.symtable(file.read(), str(path), "exec")
    own = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    stars = {one.name for node in parsed(path).body if isinstance(node, ast.ImportFrom) for one in node.names}
    return own | (stars & {"*"})
