"""Selection expressions: which route a message takes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
"""

from __future__ import annotations

import json
import re
from typing import Any

DEFAULT = "$default"
RESERVED = {"$connect", "$disconnect", DEFAULT}
EXPRESSION = re.compile(r"\$(?:request\.body(?P<bare>.*)|\{request\.body(?P<braced>.*)\})")
STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[['\"](?P<quoted>[^'\"]+)['\"]\]")


def route_key(expression: str, message: str) -> str:
    """The route key that a message selects, `$default` where the expression finds nothing in it.

    The expression is `$request.body.PATH` or `${request.body.PATH}`, PATH being members and indices in JSONPath's
    notation. A message cannot select `$connect` or `$disconnect`.
    """
    found = EXPRESSION.fullmatch(expression.strip())
    if not found:
        return DEFAULT
    try:
        value = _follow(json.loads(message), found["bare"] or found["braced"] or "")
    except (ValueError, LookupError, TypeError, RecursionError):
        return DEFAULT
    key = _text(value)
    return DEFAULT if key in RESERVED else key


def _follow(value: Any, path: str) -> Any:
    position = 0
    while position < len(path):
        step = STEP.match(path, position)
        if not step:
            raise LookupError(path)
        if step["index"]:
            value = _member(value, list)[int(step["index"])]
        else:
            value = _member(value, dict)[step["name"] or step["quoted"]]
        position = step.end()
    if value is None:
        raise LookupError(path)
    return value


def _member(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise LookupError(kind)
    return value


def _text(value: Any) -> str:
    """What a selected value looks like as a route key: AWS writes an array as `[item1, item2]`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value)}]"
    return json.dumps(value)
