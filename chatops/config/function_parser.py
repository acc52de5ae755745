"""The functions of config.yaml: what each is made of, and what it may do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from yaml.nodes import MappingNode

from . import WEBSOCKET_URL, Allow, Function, roots, shipped
from .files import MissingFile, UnusableFile, check, is_usable
from .reader import Node, Reader, compose, line_of, shown

RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days that CloudWatch Logs takes.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""
RESERVED_BY_LAMBDA = {
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_MAX_CONCURRENCY"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
}
"""Variables that CreateFunction refuses. `_HANDLER` and `_X_AMZN_TRACE_ID` begin with no letter.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""
SET_BY_CHATOPS = {"WEBSOCKET_TABLE", "TABLE_KEY", "MAX_MESSAGE_BYTES", "ALLOWED_ORIGINS"}
RUNTIMES = ("python3.10", "python3.11", "python3.12", "python3.13", "python3.14")
"""Those that Lambda supports; older ones it is giving up, newer ones botocore may know.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""
NOT_PYTHON = "is not a Python file: chatops packs and runs functions that are written in Python alone"
MAX_FUNCTIONS = 200
"""Functions of one stack. Each is a role, a log group and a zip: far fewer are in use than could be read quickly."""
FUNCTION_NAME_LIMIT = 48
"""Lambda takes 64 characters; the role's name adds the region to it, and IAM takes 64 too."""


class FunctionParser:
    """Reads the functions; `timeout_nodes` are where their timeouts stand, by the function's key.

    `flawless` are the keys of those in which nothing is wrong.
    """

    def __init__(self, reader: Reader, file: Path, prefix: str, outside_files: Sequence[Path] = ()) -> None:
        self.reader, self.file, self.prefix = reader, file, prefix
        self.roots = roots(file, outside_files)
        self.handlers = shipped("handlers")
        self.handler_roots = (Path(os.path.realpath(self.handlers)),)
        self.is_in_file = True
        self.timeout_nodes: dict[str, Node] = {}
        self.flawless: set[str] = set()

    def read(self, node: Node | None) -> Mapping[str, Function]:
        """The functions of a node, or those of the shipped config."""
        self.is_in_file = node is not None
        found = self.reader.mapping(node or _default_functions(), "functions")
        if len(found) > MAX_FUNCTIONS:
            self.reader.stop(node, "functions", f"has {len(found):,} functions; the limit is {MAX_FUNCTIONS}")
        functions = {}
        for name, one in found.items():
            before = len(self.reader.found)
            functions[name] = self._function(name, one)
            if len(self.reader.found) == before:
                self.flawless.add(name)
        return functions

    def _function(self, key: str, node: Node) -> Function:
        path, read = f"functions.{key}", self.reader
        fields = ("source", "handler", "allow", "include", "environment", "runtime", "memory", "timeout")
        keys = read.mapping(node, path, (*fields, "log_retention", "reserved_concurrency"))
        self.timeout_nodes[key] = keys.get("timeout", node)
        usual = Function("", Path(), "")
        name = checked(read, node, path, self.prefix + key, r"[A-Za-z0-9_-]", 1, FUNCTION_NAME_LIMIT)
        before = len(read.found)
        source = self._file(keys.get("source"), f"{path}.source")
        if "source" not in keys:
            read.problem(node, f"{path}.source", "is missing: the handler's file")
        elif len(read.found) == before and source.suffix != ".py":
            read.problem(keys["source"], f"{path}.source", f"{shown(source.name)} {NOT_PYTHON}")
        retention = read.number(
            keys.get("log_retention"), f"{path}.log_retention", usual.log_retention, low=1, high=3653, unit="days"
        )
        if retention not in RETENTIONS:
            days = ", ".join(map(str, RETENTIONS))
            read.problem(keys["log_retention"], f"{path}.log_retention", f"CloudWatch Logs takes only {days} days")
        included = read.items(keys.get("include"), f"{path}.include")
        include = tuple(self._file(one, f"{path}.include.{at}") for at, one in enumerate(included))
        taken = {source.name}
        for one in include:
            if one.name in taken:
                read.problem(keys["include"], f"{path}.include", f"the zip would have two files {shown(one.name)}")
            taken.add(one.name)
        return Function(
            name=name,
            source=source,
            handler=read.text(
                keys.get("handler"),
                f"{path}.handler",
                f"{source.stem}.lambda_handler",
                pattern=r"([\w-]+\.)+[A-Za-z_]\w*",
                rule="like module.function",
            ),
            allow=tuple(
                self._allow(one, f"{path}.allow.{at}")
                for at, one in enumerate(read.items(keys.get("allow"), f"{path}.allow"))
            ),
            include=include,
            environment=self._environment(keys.get("environment"), f"{path}.environment"),
            runtime=self._runtime(keys.get("runtime"), f"{path}.runtime", usual.runtime),
            memory=read.number(keys.get("memory"), f"{path}.memory", usual.memory, low=128, high=10240, unit="MB"),
            timeout=read.number(keys.get("timeout"), f"{path}.timeout", usual.timeout, low=1, high=900, unit="seconds"),
            log_retention=retention,
            reserved_concurrency=read.number(
                keys.get("reserved_concurrency"),
                f"{path}.reserved_concurrency",
                0,
                low=1,
                high=100_000,
                unit="runs at a time",
            )
            or None,
            lines=self._lines(keys, included),
        )

    def _lines(self, keys: Mapping[str, Node], included: Sequence[Node]) -> Mapping[str, int]:
        """Where the keys stand, as far as they stand in the file itself and not in the default."""
        nodes = {**keys, **{f"include.{at}": one for at, one in enumerate(included)}}
        return {key: line_of(node) for key, node in nodes.items()} if self.is_in_file else {}

    def _runtime(self, node: Node | None, path: str, default: str) -> str:
        runtime = self.reader.text(node, path, default, pattern=r"python3\.\d+", rule="a Python runtime")
        if runtime not in RUNTIMES and runtime not in _newer_runtimes():
            known = ", ".join((*RUNTIMES, *_newer_runtimes()))
            self.reader.problem(
                node,
                path,
                f"{shown(runtime)} is not among Lambda's: {known}. "
                "A new one may need a newer boto3: pip install -U boto3",
            )
        return runtime

    def _allow(self, node: Node, path: str) -> Allow:
        read = self.reader
        if isinstance(node, MappingNode):
            keys = read.mapping(node, path, ("action", "resource"))
            for key in ("action", "resource"):
                if key not in keys:
                    read.problem(node, f"{path}.{key}", "is missing")
            action = read.text(
                keys.get("action"), f"{path}.action", "", pattern=r"[a-z0-9-]+:[A-Za-z]+\*?", rule="an IAM action"
            )
            resource = read.text(
                keys.get("resource"),
                f"{path}.resource",
                "",
                pattern=r"arn:\S+",
                rule="the ARN of what it is allowed on",
            )
            return Allow(action, resource)
        action = read.text(
            node,
            path,
            "",
            pattern=r"dynamodb:[A-Z][A-Za-z]+|execute-api:ManageConnections",
            rule="an action on the table (dynamodb:…) or execute-api:ManageConnections; "
            "for any other write {action: …, resource: ARN}",
        )
        return Allow(action)

    def _environment(self, node: Node | None, path: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for key, value in self.reader.mapping(node, path).items():
            here = f"{path}.{key}"
            if key in RESERVED_BY_LAMBDA or key in SET_BY_CHATOPS:
                who = "Lambda" if key in RESERVED_BY_LAMBDA else "chatops"
                self.reader.problem(value, here, f"is set by {who}; choose another name")
            elif not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", key):
                self.reader.problem(
                    value, here, "a variable's name is two or more letters, digits and _, with a letter first"
                )
            else:
                text = found[key] = self.reader.text(value, here, "")
                if WEBSOCKET_URL in text and text != WEBSOCKET_URL:
                    self.reader.problem(
                        value, here, f"{WEBSOCKET_URL} stands for the chat's address only where it is the whole value"
                    )
        if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > 3500:
            self.reader.problem(node, path, "is larger than the 4 KB that Lambda takes")
        return found

    def _file(self, node: Node | None, path: str) -> Path:
        text = self.reader.text(node, path, "", pattern=r"[^\0]+", rule="a file's path")
        if not text:
            return Path("missing.py")
        named, shipped_one = self.file.parent / text, self.handlers.parent / text
        if not os.path.lexists(named) and is_usable(shipped_one, self.handler_roots):
            return shipped_one
        try:
            check(named, self.roots)
        except MissingFile:
            self.reader.problem(node, path, f"there is no file {shown(text)} beside the config")
        except UnusableFile as error:
            self.reader.problem(node, path, f"{shown(text)} {error.reason}")
        return named


@cache
def _default_functions() -> Node:
    """Return the functions of the shipped config. Their sources are looked for beside the config file first."""
    default = shipped("config.yaml")
    return Reader(str(default)).mapping(compose(default.read_text(encoding="utf-8")), "")["functions"]


def _newer_runtimes() -> list[str]:
    """The Python runtimes of Lambda's own list, as this botocore knows it, that came after those known here."""
    newest = int(RUNTIMES[-1].rpartition(".")[2])
    known = (one for one in _botocore_runtimes() if re.fullmatch(r"python3\.\d+", one))
    return [one for one in known if int(one.rpartition(".")[2]) > newest]


@cache
def _botocore_runtimes() -> tuple[str, ...]:
    """All runtimes that this botocore knows; kept, for its model of Lambda takes long to load."""
    import botocore.session

    return tuple(botocore.session.get_session().get_service_model("lambda").shape_for("Runtime").enum)


def checked(reader: Reader, node: Node | None, path: str, name: str, letters: str, low: int, high: int) -> str:
    """A name that AWS takes: `low` to `high` of these letters."""
    if not re.fullmatch(rf"{letters}{{{low},{high}}}", name, re.ASCII):
        plain = letters.strip("[]").replace(r"\w", "A-Za-z0-9_")
        reader.problem(node, path, f"{shown(name)} is not {low} to {high} characters of {plain}")
    return name
