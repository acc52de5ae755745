"""The shape of config.yaml: which keys there are, and what each may hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import ConfigError, UsageError
from . import OWN, Config, Function, HttpApi, Table, Throttle, WebSocket, stack_id
from .files import FileTooLarge, UnusableFile, read
from .function_parser import FunctionParser, checked
from .reader import Node, Reader, line_of, shown
from .route_parser import RouteParser

ROW_ATTRIBUTES = ("connectedAt", "expiresAt")
"""What handlers/connect.py keeps in a row beside its key."""

MAX_CONFIG_BYTES = 2**20


class Parser:
    """Reads one file into a Config; what it leaves out comes from `default`."""

    def __init__(self, file: Path, default: Config | None) -> None:
        self.file, self.default = file, default
        self.reader = Reader(str(file))

    def config(self) -> Config:
        root = self.reader.mapping(
            self.reader.parse(self._text()),
            "",
            ("stack", "region", "account", "prefix", "table", "outside_files", "functions", "websocket", "http_apis"),
        )
        text, default = self.reader.text, self.default
        prefix = self.prefix = text(
            root.get("prefix"), "prefix", "", pattern=r"[A-Za-z0-9_-]{0,20}", rule="at most 20 letters, digits, - or _"
        )
        stack = text(
            root.get("stack"),
            "stack",
            default.stack if default else "",
            pattern=r"[A-Za-z0-9_.-]{1,64}",
            rule="1 to 64 letters, digits, ., - or _",
        )
        region = text(root.get("region"), "region", "", pattern=r"[a-z]{2,4}(-[a-z]+)+-\d", rule="a region's name")
        account = text(root.get("account"), "account", "", pattern=r"\d{12}", rule="an account id of 12 digits")
        outside_files = self._outside_files(root.get("outside_files"))
        parser = FunctionParser(self.reader, self.file, prefix, outside_files)
        functions = parser.read(root.get("functions"))
        self.timeout_nodes = parser.timeout_nodes
        self.routes = RouteParser(self.reader, functions, root.get("functions"))
        websocket = self._websocket(root.get("websocket"), functions)
        config = Config(
            stack=stack_id(prefix, stack),
            prefix=prefix,
            region=region or None,
            account=account or None,
            table=self._table(root.get("table")),
            functions=functions,
            websocket=websocket,
            http_apis=self._http_apis(root.get("http_apis"), websocket),
            file=self.file,
            outside_files=outside_files,
            region_line=line_of(root.get("region")),
        )
        if OWN in websocket.allowed_origins and not config.pages:
            self.reader.problem(
                self.origins_node,
                "websocket.allowed_origins",
                f"{OWN}: no HTTP API serves a page of the stack's own: a function at GET / to which an environment "
                "variable tells {websocket_url}",
            )
        if self.reader.problems:
            # What is wrong with the code is listed as well, so that both can be fixed at once.
            from ..handler import code_problems

            flawless = {key: one for key, one in functions.items() if key in parser.flawless}
            in_code = code_problems(replace(config, functions=flawless))
            raise ConfigError(str(self.file), self.reader.problems, in_code)
        return config

    def _text(self) -> str:
        try:
            return read(self.file, limit=MAX_CONFIG_BYTES).data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(str(self.file), [f"{self.file}: not UTF-8 text ({error.reason})"]) from None
        except FileTooLarge as error:
            raise ConfigError(str(self.file), [f"{self.file}: the file {error.reason}"]) from None
        except UnusableFile as error:
            raise UsageError(
                "config-unreadable",
                f"The config {self.file} cannot be read",
                f"{self.file} {error.reason}",
                "Name another with --config, or leave it out to use the default.",
            ) from None

    def _outside_files(self, node: Node | None) -> tuple[Path, ...]:
        """The files and folders, resolved, that may lie outside the config's folder: each must exist."""
        found = []
        for at, one in enumerate(self.reader.items(node, "outside_files")):
            path = f"outside_files.{at}"
            text = self.reader.text(one, path, "", pattern=r"[^\0]+", rule="the path of a file or a folder")
            real = Path(os.path.realpath(self.file.parent / text))
            # Unlike Path.is_file, this takes a path of any length.
            if text and not (os.path.isfile(real) or os.path.isdir(real)):  # noqa: PTH112, PTH113
                self.reader.problem(one, path, f"there is no file or folder {shown(text)}")
            elif text:
                found.append(real)
        return tuple(dict.fromkeys(found))

    def _table(self, node: Node | None) -> Table:
        keys = self.reader.mapping(node, "table", ("name", "key"))
        default = self.default.table if self.default else Table("", "")
        name = self._name(keys.get("name"), "table.name", default.name, r"[A-Za-z0-9_.-]", 3, 255)
        key = self.reader.text(
            keys.get("key"), "table.key", default.key, pattern=r"[A-Za-z0-9_.-]{1,255}", rule="an attribute's name"
        )
        if key in ROW_ATTRIBUTES:
            self.reader.problem(keys.get("key"), "table.key", f"{key} is in each row beside its key; choose another")
        return Table(name, key)

    def _websocket(self, node: Node | None, functions: Mapping[str, Function]) -> WebSocket:
        read, default = self.reader, self.default.websocket if self.default else WebSocket("", "", "", "none", {})
        fields = ("name", "stage", "route_selection", "auth", "routes")
        keys = read.mapping(node, "websocket", (*fields, "allowed_origins", "throttle", "max_message_bytes"))
        routes = default.routes
        if "routes" in keys or not self.default:
            routes = self.routes.websocket(keys.get("routes"), "websocket.routes")
        self.routes.check("websocket.routes", routes)
        if not routes:
            read.problem(
                keys.get("routes", node), "websocket.routes", "needs a route: API Gateway deploys none without"
            )
        for route in routes:
            timeout = functions[routes[route]].timeout if routes[route] in functions else 0
            if timeout > 29:
                where = f"functions.{routes[route]}.timeout"
                read.problem(
                    self.timeout_nodes[routes[route]],
                    where,
                    f"{timeout} seconds: API Gateway waits 29 at most for the route {route}",
                )
        auth = read.text(keys.get("auth"), "websocket.auth", default.auth, among=("none", "iam"))
        origins = default.allowed_origins
        if "allowed_origins" in keys:
            origins = self._origins(keys["allowed_origins"], "websocket.allowed_origins")
        self.origins_node, self.websocket_name_node = keys.get("allowed_origins"), keys.get("name")
        for key, closes in (("auth", auth == "iam"), ("allowed_origins", origins)):
            if closes and "$connect" not in routes:
                read.problem(
                    keys.get(key, node), f"websocket.{key}", "needs a route $connect: without it everybody gets in"
                )
        return WebSocket(
            name=self._name(keys.get("name"), "websocket.name", default.name, r"[\w .-]", 1, 128),
            stage=read.text(
                keys.get("stage"),
                "websocket.stage",
                default.stage,
                pattern=r"[A-Za-z0-9_-]{1,128}",
                rule="1 to 128 letters, digits, - or _",
            ),
            route_selection=read.text(
                keys.get("route_selection"),
                "websocket.route_selection",
                default.route_selection,
                pattern=r"\$request\.body\.[A-Za-z0-9_.-]+|\$\{request\.body\.[A-Za-z0-9_.-]+\}",
                rule="like $request.body.action",
            ),
            auth=auth,
            routes=routes,
            throttle=self.routes.throttle(keys.get("throttle"), "websocket.throttle", default.throttle, routes),
            max_message_bytes=read.number(
                keys.get("max_message_bytes"),
                "websocket.max_message_bytes",
                default.max_message_bytes,
                low=1,
                high=131_072,
                unit="bytes",
            ),
            allowed_origins=origins,
        )

    def _origins(self, node: Node, path: str) -> tuple[str, ...]:
        """What a browser sends as Origin: it is compared letter by letter, so it must be written as browsers do.

        `own` stands for the pages of the stack itself, whose addresses nobody knows before they exist.
        """
        found = [
            self.reader.text(
                one,
                f"{path}.{at}",
                "",
                pattern=rf"{OWN}|https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9]\d{{0,4}})?",
                rule="an origin, like https://chat.example.com: small letters, and nothing behind the host and port; "
                f"nor is it {OWN}, the stack's own page",
            )
            for at, one in enumerate(self.reader.items(node, path))
        ]
        if sum(map(len, found)) > 2000:
            self.reader.problem(node, path, "is too long: it has to fit into the 4 KB of a function's environment")
        return tuple(dict.fromkeys(one for one in found if one))

    def _http_apis(self, node: Node | None, websocket: WebSocket) -> Mapping[str, HttpApi]:
        if node is None and self.default:
            for one in self.default.http_apis.values():
                self.routes.check(f"http_apis.{one.name}.routes", one.routes)
                if self.prefix + one.name == websocket.name:
                    self.reader.problem(
                        self.websocket_name_node, f"http_apis.{one.name}", "is the name of the WebSocket API too"
                    )
            return {key: replace(one, name=self.prefix + one.name) for key, one in self.default.http_apis.items()}
        apis: dict[str, HttpApi] = {}
        for key, value in self.reader.mapping(node, "http_apis").items():
            path = f"http_apis.{key}"
            keys = self.reader.mapping(value, path, ("routes", "throttle"))
            routes = self.routes.http(keys.get("routes"), f"{path}.routes")
            if not routes:
                self.reader.problem(value, f"{path}.routes", "needs a route, like GET /: a-function")
            self.routes.check(f"{path}.routes", routes)
            if self.prefix + key == websocket.name:
                self.reader.problem(value, path, "is the name of the WebSocket API too; choose another")
            apis[key] = HttpApi(
                checked(self.reader, value, path, self.prefix + key, r"[\w .-]", 1, 128),
                routes,
                self.routes.throttle(keys.get("throttle"), f"{path}.throttle", Throttle(), routes),
            )
        return apis

    def _name(self, node: Node | None, path: str, default: str, letters: str, low: int, high: int) -> str:
        name = self.reader.text(node, path, default)
        return checked(self.reader, node, path, self.prefix + name, letters, low, high)
