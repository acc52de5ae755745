"""The shape of config.yaml: which keys there are, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from yaml.nodes import MappingNode

from .config import HERE, Allow, Config, Function, HttpApi, Table, WebSocket
from .errors import ConfigError, UsageError
from .reader import Node, Reader, shown, suggestion

RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days that CloudWatch Logs takes.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""
RESERVED = ("AWS_", "LAMBDA_", "_HANDLER", "WEBSOCKET_TABLE", "TABLE_KEY")
METHODS = "ANY|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
FUNCTION_NAME_LIMIT = 48
"""Lambda takes 64 characters; the role's name adds the region to it, and IAM takes 64 too."""


class Parser:
    """Reads one file into a Config; what it leaves out comes from `default`."""

    def __init__(self, file: Path, default: Config | None) -> None:
        self.file, self.default = file, default
        self.reader = Reader(str(file))

    def config(self) -> Config:
        root = self.reader.mapping(
            self.reader.parse(self._text()),
            "",
            ("stack", "region", "account", "prefix", "table", "functions", "websocket", "http_apis"),
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
        functions = self._functions(root.get("functions"))
        config = Config(
            stack=prefix + stack,
            prefix=prefix,
            region=region or None,
            account=account or None,
            table=self._table(root.get("table")),
            functions=functions,
            websocket=self._websocket(root.get("websocket"), functions),
            http_apis=self._http_apis(root.get("http_apis"), functions),
            file=self.file,
        )
        if self.reader.problems:
            raise ConfigError(str(self.file), self.reader.problems)
        return config

    def _text(self) -> str:
        try:
            return self.file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(str(self.file), [f"{self.file}: not UTF-8 text ({error.reason})"]) from None
        except OSError as error:
            raise UsageError(
                f"The config {self.file} cannot be read",
                error.strerror or str(error),
                "Name another with --config, or leave it out to use the default.",
            ) from None

    def _table(self, node: Node | None) -> Table:
        keys = self.reader.mapping(node, "table", ("name", "key"))
        default = self.default.table if self.default else Table("", "")
        name = self._name(keys.get("name"), "table.name", default.name, r"[A-Za-z0-9_.-]", 3, 255)
        key = self.reader.text(
            keys.get("key"), "table.key", default.key, pattern=r"[A-Za-z0-9_.-]{1,255}", rule="an attribute's name"
        )
        return Table(name, key)

    def _functions(self, node: Node | None) -> Mapping[str, Function]:
        if node is None and self.default:
            return {key: replace(one, name=self.prefix + one.name) for key, one in self.default.functions.items()}
        found = self.reader.mapping(node, "functions")
        return {name: self._function(name, one) for name, one in found.items()}

    def _function(self, key: str, node: Node) -> Function:
        path, read = f"functions.{key}", self.reader
        fields = ("source", "handler", "allow", "include", "environment", "runtime", "memory", "timeout")
        keys = read.mapping(node, path, (*fields, "log_retention"))
        usual = Function("", Path(), "")
        name = self._checked(node, path, self.prefix + key, r"[A-Za-z0-9_-]", 1, FUNCTION_NAME_LIMIT)
        source = self._file(keys.get("source"), f"{path}.source")
        if "source" not in keys:
            read.problem(node, f"{path}.source", "is missing: the handler's file")
        retention = read.number(
            keys.get("log_retention"), f"{path}.log_retention", usual.log_retention, low=1, high=3653, unit="days"
        )
        if retention not in RETENTIONS:
            days = ", ".join(map(str, RETENTIONS))
            read.problem(keys["log_retention"], f"{path}.log_retention", f"CloudWatch Logs takes only {days} days")
        return Function(
            name=name,
            source=source,
            handler=read.text(
                keys.get("handler"),
                f"{path}.handler",
                f"{source.stem}.lambda_handler",
                pattern=r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
                rule="like module.function",
            ),
            allow=tuple(
                self._allow(one, f"{path}.allow.{at}")
                for at, one in enumerate(read.items(keys.get("allow"), f"{path}.allow"))
            ),
            include=tuple(
                self._file(one, f"{path}.include.{at}")
                for at, one in enumerate(read.items(keys.get("include"), f"{path}.include"))
            ),
            environment=self._environment(keys.get("environment"), f"{path}.environment"),
            runtime=read.text(
                keys.get("runtime"), f"{path}.runtime", usual.runtime, pattern=r"python3\.\d+", rule="a Python runtime"
            ),
            memory=read.number(keys.get("memory"), f"{path}.memory", usual.memory, low=128, high=10240, unit="MB"),
            timeout=read.number(keys.get("timeout"), f"{path}.timeout", usual.timeout, low=1, high=900, unit="seconds"),
            log_retention=retention,
        )

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
            if key.startswith(RESERVED):
                self.reader.problem(value, here, "is set by Lambda or by chatops; choose another name")
            elif not key.isascii() or not key.replace("_", "a").isalnum() or not key[0].isalpha():
                self.reader.problem(value, here, "a variable's name is letters, digits and _, with a letter first")
            else:
                found[key] = self.reader.text(value, here, "")
        if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > 3500:
            self.reader.problem(node, path, "is larger than the 4 KB that Lambda takes")
        return found

    def _websocket(self, node: Node | None, functions: Mapping[str, Function]) -> WebSocket:
        read, default = self.reader, self.default.websocket if self.default else WebSocket("", "", "", "none", {})
        keys = read.mapping(node, "websocket", ("name", "stage", "route_selection", "auth", "routes"))
        routes = default.routes
        if "routes" in keys or not self.default:
            routes = self._routes(
                keys.get("routes"), "websocket.routes", r"\$(connect|disconnect|default)|[A-Za-z0-9_.-]{1,128}"
            )
        self._check_routes(keys.get("routes", node), "websocket.routes", routes, functions)
        if not routes:
            read.problem(
                keys.get("routes", node), "websocket.routes", "needs a route: API Gateway deploys none without"
            )
        for route in routes:
            timeout = functions[routes[route]].timeout if routes[route] in functions else 0
            if timeout > 29:
                where = f"functions.{routes[route]}.timeout"
                read.problem(node, where, f"{timeout} seconds: API Gateway waits 29 at most for the route {route}")
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
            auth=read.text(keys.get("auth"), "websocket.auth", default.auth, among=("none", "iam")),
            routes=routes,
        )

    def _http_apis(self, node: Node | None, functions: Mapping[str, Function]) -> Mapping[str, HttpApi]:
        if node is None and self.default:
            for one in self.default.http_apis.values():
                self._check_routes(None, f"http_apis.{one.name}.routes", one.routes, functions)
            return {key: replace(one, name=self.prefix + one.name) for key, one in self.default.http_apis.items()}
        apis: dict[str, HttpApi] = {}
        segment = r"[A-Za-z0-9._~!$&'()+,;=:@%-]*|\{[A-Za-z0-9._-]+\+?\}"
        for key, value in self.reader.mapping(node, "http_apis").items():
            path = f"http_apis.{key}"
            keys = self.reader.mapping(value, path, ("routes",))
            routes = self._routes(
                keys.get("routes"),
                f"{path}.routes",
                rf"\$default|({METHODS}) (/({segment}))+",
                "like GET /user/{userId}",
            )
            if not routes:
                self.reader.problem(value, f"{path}.routes", "needs a route, like GET /: a-function")
            self._check_routes(keys.get("routes", value), f"{path}.routes", routes, functions)
            apis[key] = HttpApi(self._checked(value, path, self.prefix + key, r"[\w .-]", 1, 128), routes)
        return apis

    def _routes(
        self, node: Node | None, path: str, pattern: str, rule: str = "a route key: letters, digits, ., - or _"
    ) -> Mapping[str, str]:
        routes: dict[str, str] = {}
        for key, value in self.reader.mapping(node, path).items():
            if not re.fullmatch(pattern, key, re.ASCII):
                self.reader.problem(value, f"{path}.{key}", f"{shown(key)} is not {rule}")
                continue
            routes[key] = self.reader.text(value, f"{path}.{key}", "")
        return routes

    def _check_routes(
        self, node: Node | None, path: str, routes: Mapping[str, str], functions: Mapping[str, Function]
    ) -> None:
        for key, function in routes.items():
            if function and function not in functions:
                near = suggestion(function, functions)
                self.reader.problem(
                    node, f"{path}.{key}", f"leads to {shown(function)}, which is not in functions{near}"
                )

    def _file(self, node: Node | None, path: str) -> Path:
        text = self.reader.text(node, path, "", pattern=r"[^\0]+", rule="a file's path")
        if not text:
            return Path("missing.py")
        for folder in (self.file.parent, HERE, HERE.parent):
            if (folder / text).is_file():
                return folder / text
        self.reader.problem(node, path, f"there is no file {shown(text)} beside the config")
        return Path(text)

    def _name(self, node: Node | None, path: str, default: str, letters: str, low: int, high: int) -> str:
        name = self.reader.text(node, path, default)
        return self._checked(node, path, self.prefix + name, letters, low, high)

    def _checked(self, node: Node | None, path: str, name: str, letters: str, low: int, high: int) -> str:
        if not re.fullmatch(rf"{letters}{{{low},{high}}}", name, re.ASCII):
            plain = letters.strip("[]").replace(r"\w", "A-Za-z0-9_")
            self.reader.problem(node, path, f"{shown(name)} is not {low} to {high} characters of {plain}")
        return name
