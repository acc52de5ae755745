"""The functions' code, looked at before it is sent: what Lambda could not start is told, with its line."""

from __future__ import annotations

import ast
import os
import symtable
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import decode_source
from pathlib import Path

from .config import Config, Function, shipped
from .config.files import File, UnusableFile
from .config.reader import shown, suggestion
from .errors import MAX_PROBLEM_CHARACTERS, MAX_PROBLEMS, ConfigError, HandlerError, shortened
from .package import NameTaken, Package, PackageTooLarge, PerhapsNewerSyntax, is_newer, package, parsed
from .text import visible

LATER = {"tomllib", "annotationlib", "compression", "profiling"}
"""Modules that the standard library got after the oldest Python that chatops runs on."""
SDK = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "awslambdaric", "simplejson"}
"""What comes with Lambda's Python runtimes.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""
MAX_MODULE_CHARACTERS = 60
"""Of a module's name that an error repeats."""
PROVIDED = {*sys.stdlib_module_names, *LATER, *SDK}


def packages(config: Config) -> dict[str, Package]:
    """Return the package of every function, by its key.

    Raises HandlerError with everything in the code for which Lambda could not start a function, and ConfigError with
    everything that is wrong with the files that the config names.
    """
    found, in_config, problems = _packages(config)
    if in_config:
        raise ConfigError(str(config.file), in_config, problems)
    if problems:
        raise HandlerError(problems)
    return found


def code_problems(config: Config) -> list[str]:
    """Return everything in the code for which Lambda could not start a function."""
    return _packages(config)[2]


def _packages(config: Config) -> tuple[dict[str, Package], list[str], list[str]]:
    """The packages by the functions' keys, the problems of the config, and those of the code.

    Functions of the same files share one package. The code is searched until more is wrong than an error shows.
    """
    found: dict[str, Package] = {}
    problems: dict[str, None] = {}  # A file that several functions are made from is wrong once.
    in_config: list[str] = []
    built: dict[tuple[Path, tuple[Path, ...], bool], Package | Exception] = {}
    for key, one in config.functions.items():
        files_of_it = one.source, one.include, is_newer(one.runtime)
        try:
            is_first = files_of_it not in built
            if is_first:
                built[files_of_it] = _attempted(config, one)
            made = built[files_of_it]
            if isinstance(made, Exception):
                raise made
            found[key], files = made, dict(made.files)
            with _of_a_newer_python(one):
                if is_first:
                    _add(problems, _missing_imports(files[one.source.name], files))
                if reason := _missing_handler(one, files):
                    if "handler" in one.lines:
                        in_config.append(f"{_where(config, key, 'handler')}: {reason}")
                    else:
                        _add(problems, [f"{one.source}:1: {reason}"])
        except SyntaxError as error:
            _add(problems, [f"{error.filename}:{error.lineno or 1}: {shortened(error.msg, MAX_PROBLEM_CHARACTERS)}"])
        except NameTaken as taken:
            text = f"the handler imports another {shown(taken.name)}, which would have the same name in the zip"
            in_config.append(f"{_where(config, key, 'include')}: {text}")
        except PackageTooLarge as error:
            in_config.append(f"{_where(config, key, 'include')}: {error.reason}")
        except UnusableFile as error:
            in_config.append(_unusable(config, key, one, error))
        if len(problems) > MAX_PROBLEMS:
            break
    return found, in_config, list(problems)


@contextmanager
def _of_a_newer_python(function: Function) -> Iterator[None]:
    """Leave code unchecked that does not parse where the function's runtime is a newer Python than this one."""
    try:
        yield
    except PerhapsNewerSyntax:
        if not is_newer(function.runtime):
            raise


def unchecked(config: Config, made: Mapping[str, Package]) -> list[str]:
    """Return what does not parse, and may still be right: its runtime is a newer Python than this one."""
    found: dict[str, None] = {}
    for key, one in made.items():
        if not is_newer(config.functions[key].runtime):
            continue
        for name, file in one.files:
            try:
                if name.endswith(".py"):
                    parsed(file.data, str(file.path))
            except SyntaxError as error:
                found[f"{file.path}:{error.lineno or 1}: {shortened(error.msg, MAX_PROBLEM_CHARACTERS)}"] = None
    return list(found)


def _attempted(config: Config, function: Function) -> Package | Exception:
    """The package of a function, or why there is none."""
    try:
        return package(function.source, function.include, config.roots, runtime=function.runtime)
    except (SyntaxError, NameTaken, PackageTooLarge, UnusableFile) as error:
        return error


def _add(problems: dict[str, None], more: Iterable[str]) -> None:
    """Add problems of the code, until there is one more than an error shows."""
    for one in more:
        if len(problems) > MAX_PROBLEMS:
            break
        problems[one] = None


def _where(config: Config, key: str, name: str) -> str:
    """The file, the line as far as it is known, and the key path of a function's key."""
    line = config.functions[key].lines.get(name)
    return f"{config.file}:{line}: functions.{key}.{name}" if line else f"{config.file}: functions.{key}.{name}"


def _unusable(config: Config, key: str, function: Function, error: UnusableFile) -> str:
    """The problem of a file that a function would be made from, at the key that leads to it."""
    if error.path in function.include:
        name = f"include.{function.include.index(error.path)}"
        return f"{_where(config, key, name)}: {visible(str(error.path))} {error.reason}"
    leads = "" if error.path == function.source else f"{function.source.name} imports {error.path.stem}: "
    return f"{_where(config, key, 'source')}: {leads}{visible(str(error.path))} {error.reason}"


def _missing_imports(source: File, files: Mapping[str, File]) -> Iterator[str]:
    """What is imported when the function starts, and is neither in its zip nor at Lambda's."""
    modules = {name.partition(".")[0] for name in files if name.endswith((".py", ".pyc", ".so"))}
    queue, seen = [source], {source.real}
    for file in queue:
        for name, line in _lines_of_imports(file.data, str(file.path)).items():
            near = files.get(f"{name}.py")
            where = f"{file.path}:{line}"
            if not name:
                yield f"{where}: imports relatively, and a file of the zip is in no package; leave the dots out"
            elif near:
                queue += [near] if near.real not in seen else []
                seen.add(near.real)
            elif name not in PROVIDED and name not in modules:
                copy = "Put it there, or name it in include."
                # Unlike Path.is_file, this takes a name of any length.
                if os.path.isfile(shipped("handlers") / f"{name}.py"):  # noqa: PTH113
                    copy = "Copy it from what `chatops init DIR` writes."
                module = shortened(name, MAX_MODULE_CHARACTERS)
                yield f"{where}: imports {module}, which Lambda does not have, nor is {module}.py beside it. {copy}"


@lru_cache(64)
def _lines_of_imports(data: bytes, name: str) -> Mapping[str, int]:
    """The first line on which a source imports each module, kept: several functions may be made from it."""
    found: dict[str, int] = {}
    for module, line in _first_imports(parsed(data, name).body):
        found.setdefault(module, line)
    return found


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


def _missing_handler(function: Function, files: Mapping[str, File]) -> str:
    """That Lambda would find no such module in the zip, or nothing of that name in the module; else nothing."""
    module, _, name = function.handler.rpartition(".")
    file = files.get(f"{module}.py")
    names = _defined(file) if file else frozenset[str]()
    if name in names or "*" in names or (not file and any(one.startswith(f"{module}.") for one in files)):
        return ""
    if file:
        return f"Lambda calls {shown(function.handler)}, which {file.path} does not define{suggestion(name, names)}"
    near = suggestion(module, (one.removesuffix(".py") for one in files))
    return f"Lambda calls {shown(function.handler)}, and there is no {module}.py in the zip{near}"


def _defined(file: File) -> frozenset[str]:
    """What a module calls by a name of its own; a star stands for all that another one gives it."""
    return _names_in(file.data, str(file.path))


@lru_cache(64)
def _names_in(data: bytes, name: str) -> frozenset[str]:
    tree = parsed(data, name)
    try:
        table = symtable.symtable(decode_source(data), name, "exec")
    except RecursionError as error:
        raise SyntaxError("an expression is nested too deeply", (name, None, None, None)) from error
    own = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    stars = {one.name for node in tree.body if isinstance(node, ast.ImportFrom) for one in node.names}
    return frozenset(own | (stars & {"*"}))
