"""What somebody who means harm could spend in an hour, at the limits of a config: an upper bound, not a bill.

Every client is hostile, every limit is used up all the time, and every function runs until its timeout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ..config import Config, Limit, Throttle, shipped

HOUR = 3600
LIFE = 2 * HOUR
"""Seconds that a connection lives at most."""
ACCOUNT_RATE = 10_000
"""Requests a second that API Gateway takes from an account, posts to connections among them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
CONCURRENCY = 1_000
"""Functions that run at a time in an account, before it asks for more.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
TABLE_READS = 40_000
"""Read request units a second that a table on demand gives, before its account asks for more.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""
ROW, LINE = 150, 300
"""Bytes of a connection's row, and of a line of a log."""
UNIT, LARGEST = 32 * 1024, 128 * 1024
"""Bytes that are billed as a message; bytes of the largest message that API Gateway takes in."""
MILLION, GIGABYTE = 1e6, 1e9


@dataclass(frozen=True)
class Item:
    """One line of the hour's bill: how much of what, and dollars."""

    name: str
    amount: float
    dollars: float


@cache
def prices() -> Mapping[str, float | str]:
    """The price of a million, or of a gigabyte, of everything; and `as_of` and `region`."""
    import yaml

    found: dict[str, float | str] = yaml.safe_load(shipped("prices.yaml").read_text(encoding="utf-8"))
    return found


def worst_hour(config: Config) -> list[Item]:
    """The hour's bill, item by item."""
    websocket, functions = config.websocket, config.functions
    rates = {route: _rate(websocket.throttle, route) for route in websocket.routes}
    handshakes = rates.pop("$connect", _rate(websocket.throttle, "$connect"))
    rates.pop("$disconnect", None)
    messages = sum(rates.values())
    # $default broadcasts what asks for sendMessage, where that has no route of its own to be led to.
    is_led = "sendMessage" in rates and websocket.route_selection == "$request.body.action"
    broadcasts = sum(rate for route, rate in rates.items() if route != "$default" or not is_led)
    clients = handshakes * LIFE
    posts = min(broadcasts * clients, max(ACCOUNT_RATE - messages, 0))
    pages = sum(_rate(api.throttle, route) for api in config.http_apis.values() for route in api.routes)

    calls = {"$connect": handshakes, "$disconnect": handshakes, **rates}
    busy: dict[str, float] = {}
    for route, key in websocket.routes.items():
        busy[key] = busy.get(key, 0.0) + calls.get(route, 0.0) * functions[key].timeout
    for api in config.http_apis.values():
        for route, key in api.routes.items():
            busy[key] = busy.get(key, 0.0) + _rate(api.throttle, route) * functions[key].timeout
    at_once = {key: min(one, functions[key].reserved_concurrency or CONCURRENCY) for key, one in busy.items()}
    crowded = min(1.0, CONCURRENCY / (sum(at_once.values()) or 1.0))
    memory = sum(one * crowded * functions[key].memory / 1024 for key, one in at_once.items())

    runs = 2 * handshakes + messages + pages
    reads = min(broadcasts * math.ceil(clients * ROW / 4096), TABLE_READS)
    lines = 2 * runs + posts
    size = websocket.max_message_bytes
    return [
        _item("messages in", "websocket_messages", messages * math.ceil(LARGEST / UNIT)),
        _item("messages out", "websocket_messages", posts * math.ceil(size / UNIT)),
        _item("connection minutes", "connection_minutes", clients / 60),
        _item("page requests", "http_requests", pages),
        _item("function runs", "lambda_requests", runs),
        _item("function GB-seconds", "lambda_gb_seconds", memory),
        _item("table reads", "table_reads", reads),
        _item("table writes", "table_writes", 2 * handshakes + posts),
        _item("GB of logs", "log_gigabytes", lines * LINE, GIGABYTE),
        _item("GB sent out", "transfer_gigabytes", posts * size + pages * 256 * 1024, GIGABYTE),
    ]


def sentence(config: Config) -> str:
    """The estimate in one line."""
    dollars = sum(item.dollars for item in worst_hour(config))
    return (
        f"At the configured limits an attack costs at most about ${dollars:,.0f} an hour "
        f"({prices()['region']} prices of {prices()['as_of']}; how: docs/cost.md in chatops's repository)."
    )


def _rate(throttle: Throttle, route: str) -> int:
    limit: Limit = throttle.routes.get(route, throttle.each)
    return limit.rate


def _item(name: str, price: str, a_second: float, unit: float = MILLION) -> Item:
    amount = a_second * HOUR / (1 if unit == MILLION else unit)
    return Item(name, amount, amount / (unit if unit == MILLION else 1) * float(prices()[price]))
