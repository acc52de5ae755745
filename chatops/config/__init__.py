"""config.yaml → a frozen, typed `Config`. The whole file is checked, and every problem is told at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).parents[1]
WEBSOCKET_URL = "{websocket_url}"
"""Stands for the chat's address in a function's environment."""
BUILT_IN = "built-in defaults"
"""What output names as the config in use when there is no config file."""
OWN = "own"
"""Stands for the stack's own pages among the origins that may open the chat."""


@dataclass(frozen=True)
class Table:
    """The table of connections and the name of its string partition key."""

    name: str
    key: str


@dataclass(frozen=True)
class Allow:
    """An action that a function may do; `resource` is an ARN, or nothing for the stack's own table and API."""

    action: str
    resource: str | None = None


@dataclass(frozen=True)
class Function:
    """A Lambda function. `memory` is in MB, `timeout` in seconds, `log_retention` in days."""

    name: str
    source: Path
    handler: str
    allow: tuple[Allow, ...] = ()
    include: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "python3.12"
    memory: int = 128
    timeout: int = 10
    log_retention: int = 14
    reserved_concurrency: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Where the config names the files and the handler: lines by key, such as `source` or `include.0`."""


@dataclass(frozen=True)
class Limit:
    """How many calls a second a route takes from all its clients together, and how many of them at once."""

    rate: int = 50
    burst: int = 100


@dataclass(frozen=True)
class Throttle:
    """The limit of each route of a stage; those in `routes` have one of their own."""

    each: Limit = field(default_factory=Limit)
    routes: Mapping[str, Limit] = field(default_factory=dict)


@dataclass(frozen=True)
class WebSocket:
    """The WebSocket API. `routes` leads from a route key to a function's key in `Config.functions`.

    Without `allowed_origins` a page from anywhere may open it; with any of them the stack's own pages may too.
    """

    name: str
    stage: str
    route_selection: str
    auth: str
    routes: Mapping[str, str]
    throttle: Throttle = field(default_factory=Throttle)
    max_message_bytes: int = 32768
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class HttpApi:
    """An HTTP API; its routes are like `GET /user/{userId}`."""

    name: str
    routes: Mapping[str, str]
    throttle: Throttle = field(default_factory=Throttle)


@dataclass(frozen=True)
class Config:
    """Everything that a stack is made of. All names carry the prefix; the keys of the mappings do not.

    `stack` is the value of the ownership tag: see `stack_id`.
    """

    stack: str
    prefix: str
    region: str | None
    account: str | None
    table: Table
    functions: Mapping[str, Function]
    websocket: WebSocket
    http_apis: Mapping[str, HttpApi]
    file: Path
    outside_files: tuple[Path, ...] = ()
    """Files and folders outside the config's folder, resolved, that functions may be made from as well."""
    region_line: int = field(default=0, compare=False)
    """The line of the file that names the region; 0 for none."""
    is_built_in: bool = field(default=False, compare=False)
    """True when no config file was named and none was found."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the resolved folders and files that functions may be made from."""
        return roots(self.file, self.outside_files)

    def is_outside(self, real: Path) -> bool:
        """Return whether a resolved file lies outside the config's folder and does not come with chatops either."""
        return not any(real.is_relative_to(root) for root in roots(self.file))

    @property
    def origin(self) -> str:
        """The config in use, as output names it: the path as it was given, or "built-in defaults"."""
        return BUILT_IN if self.is_built_in else str(self.file)

    @property
    def pages(self) -> list[str]:
        """The keys of the HTTP APIs that serve a chat page: a function at the root that is told the chat's address."""
        found = []
        for key, api in self.http_apis.items():
            route = next((one for one in ("GET /", "ANY /", "$default") if one in api.routes), None)
            function = self.functions.get(api.routes[route]) if route else None
            if function and WEBSOCKET_URL in function.environment.values():
                found.append(key)
        return found


def load(file: Path | None = None) -> Config:
    """The config in a file; without one `./config.yaml`, and where that does not exist the default.

    Raises ConfigError with everything that is wrong, and UsageError when the file cannot be read.
    """
    from .parser import Parser

    default_file = shipped("config.yaml")
    default = Parser(default_file, None).config()
    if file is None:
        # A broken link, a named pipe or the like is an error, never a reason to use the defaults.
        if not os.path.lexists("config.yaml") or Path("config.yaml").is_dir():
            return replace(default, is_built_in=True)
        file = Path("config.yaml")
    is_default = os.path.realpath(file) == os.path.realpath(default_file)
    return replace(default, file=file) if is_default else Parser(file, default).config()


def roots(file: Path, outside_files: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the resolved folders and files that the functions of a config may be made from.

    They are the config's folder, the handlers that come with chatops, and what the config lists as outside files.
    """
    folders = (file.parent, shipped("handlers"))
    return (*(Path(os.path.realpath(one)) for one in folders), *outside_files)


def stack_id(prefix: str, stack: str) -> str:
    """Return the value of the ownership tag, which also names the path of the stack's roles.

    Neither a prefix nor a stack may contain a `+`, so two configs have the same value only when both agree: the prefix
    `dev-` with the stack `chat` is `dev-+chat`, and the stack `dev-chat` without a prefix is `dev-chat`. Tag values,
    IAM paths and the role ARNs that Lambda accepts may all contain a `+`; a `:` is refused by the last of them.
    """
    return f"{prefix}+{stack}" if prefix else stack


def shipped(name: str) -> Path:
    """A file that comes with chatops: inside the installed package, or beside it in a checkout."""
    inside = HERE / name
    return inside if inside.exists() else HERE.parent / name
