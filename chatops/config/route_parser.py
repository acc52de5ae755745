"""The routes of config.yaml: their keys, the functions that they lead to, and how many calls they take."""

from __future__ import annotations

import re
from collections.abc import Mapping

from . import Function, Limit, Throttle
from .reader import Node, Reader, shown

WEBSOCKET_KEY = r"\$(connect|disconnect|default)|[A-Za-z0-9_./-]{1,128}"
METHODS = "ANY|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
SEGMENT = r"[A-Za-z0-9._~!$&'()+,;=:@%-]+|\{[A-Za-z0-9._-]+\}"
HTTP_KEY = rf"\$default|({METHODS}) (/({SEGMENT}))*/({SEGMENT}|\{{[A-Za-z0-9._-]+\+\}})?"
"""What takes the rest of a path, `{name+}`, stands at its end.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""


class RouteParser:
    """Reads the routes of one API after the other.

    `functions` are those that a route may lead to. What is wrong with a route of the default, which stands in no line
    of the file, is told at `functions_node`: whoever replaces the functions has to replace such a route too.
    """

    def __init__(self, reader: Reader, functions: Mapping[str, Function], functions_node: Node | None) -> None:
        self.reader, self.functions, self.functions_node = reader, functions, functions_node
        self._nodes: dict[str, Node] = {}

    def websocket(self, node: Node | None, path: str) -> Mapping[str, str]:
        """The routes of a WebSocket API, by route key."""
        return self._read(node, path, WEBSOCKET_KEY, "a route key: letters, digits, /, ., - or _")

    def http(self, node: Node | None, path: str) -> Mapping[str, str]:
        """The routes of an HTTP API, by method and path."""
        routes = self._read(node, path, HTTP_KEY, "like GET /user/{userId} or GET /files/{path+}")
        for key in routes:
            names = re.findall(r"\{([^}+]+)\+?\}", key)
            if len(set(names)) < len(names):
                self.reader.problem(self._nodes[f"{path}.{key}"], f"{path}.{key}", "has one parameter twice")
        return routes

    def _read(self, node: Node | None, path: str, pattern: str, rule: str) -> Mapping[str, str]:
        routes: dict[str, str] = {}
        for key, value in self.reader.mapping(node, path).items():
            if not re.fullmatch(pattern, key, re.ASCII):
                self.reader.problem(value, f"{path}.{key}", f"{shown(key)} is not {rule}")
                continue
            problems = len(self.reader.found)
            function = self.reader.text(value, f"{path}.{key}", "")
            if len(self.reader.found) == problems:
                routes[key] = function
                self._nodes[f"{path}.{key}"] = value
        return routes

    def check(self, path: str, routes: Mapping[str, str]) -> None:
        """Tells of every route that leads to a function that there is not."""
        for key, function in routes.items():
            if function not in self.functions:
                near = self.reader.suggestion(function, self.functions)
                where = f"{path}.{key}"
                text = f"leads to {shown(function)}, which is not in functions{near}"
                self.reader.problem(self._nodes.get(where, self.functions_node), where, text)

    def throttle(self, node: Node | None, path: str, default: Throttle, routes: Mapping[str, str]) -> Throttle:
        """The limits of a stage with these routes."""
        keys = self.reader.mapping(node, path, ("rate", "burst", "routes"))
        each = self._limit(keys, path, default.each)
        if "routes" not in keys:
            return Throttle(each, {key: one for key, one in default.routes.items() if key in routes})
        limits = {}
        for key, one in self.reader.mapping(keys["routes"], f"{path}.routes").items():
            here = f"{path}.routes.{key}"
            if key not in routes:
                self.reader.problem(one, here, f"there is no such route{self.reader.suggestion(key, routes)}")
            limits[key] = self._limit(self.reader.mapping(one, here, ("rate", "burst")), here, each)
        return Throttle(each, limits)

    def _limit(self, keys: Mapping[str, Node], path: str, default: Limit) -> Limit:
        number = self.reader.number
        return Limit(
            number(keys.get("rate"), f"{path}.rate", default.rate, low=1, high=10_000, unit="calls a second"),
            number(keys.get("burst"), f"{path}.burst", default.burst, low=1, high=5_000, unit="calls at once"),
        )
