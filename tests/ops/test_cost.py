"""What an attack may cost: the numbers in the docs are those that are computed, and every limit lowers them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from chatops.config import Config, Limit, Throttle, load, shipped
from chatops.ops.cost import prices, sentence, worst_hour

DOCS = Path(__file__).parents[2] / "docs" / "cost.md"


def dollars(config: Config) -> float:
    return sum(item.dollars for item in worst_hour(config))


@pytest.fixture
def config() -> Config:
    return load(shipped("config.yaml"))


def test_every_price_is_used_and_dated(config: Config) -> None:
    assert re.fullmatch(r"\d{4}-\d{2}", str(prices()["as_of"]))
    text = shipped("prices.yaml").read_text(encoding="utf-8")
    assert {key for key in prices() if key not in ("as_of", "region")} <= set(re.findall(r"^(\w+):", text, re.M))
    assert all(item.dollars > 0 for item in worst_hour(config))
    assert str(prices()["as_of"]) in sentence(config)


def test_a_lower_limit_of_any_kind_costs_less(config: Config) -> None:
    chat = config.websocket
    small = Throttle(Limit(5, 5))
    cheaper = {
        "throttle": replace(config, websocket=replace(chat, throttle=small)),
        "one route": replace(config, websocket=replace(chat, throttle=Throttle(Limit(), {"sendMessage": Limit(1, 1)}))),
        "message": replace(config, websocket=replace(chat, max_message_bytes=1024)),
        "concurrency": replace(
            config,
            functions={
                **config.functions,
                "websocket-send": replace(config.functions["websocket-send"], reserved_concurrency=2),
            },
        ),
        "page": replace(config, http_apis={key: replace(api, throttle=small) for key, api in config.http_apis.items()}),
    }
    whole = dollars(config)
    assert {what: dollars(one) < whole for what, one in cheaper.items()} == dict.fromkeys(cheaper, True)


def test_default_counts_as_broadcasting_where_sendmessage_can_reach_it(config: Config) -> None:
    chat = config.websocket
    routes = {route: key for route, key in chat.routes.items() if route != "sendMessage"}
    without_a_route = replace(config, websocket=replace(chat, routes=routes))
    led_by_another_word = replace(config, websocket=replace(chat, route_selection="$request.body.type"))
    without_default = {route: key for route, key in chat.routes.items() if route != "$default"}
    posts = {
        what: {item.name: item.amount for item in worst_hour(one)}["messages out"]
        for what, one in {
            "no route": without_a_route,
            "another word": led_by_another_word,
            "no default": replace(config, websocket=replace(chat, routes=without_default)),
        }.items()
    }
    assert min(posts.values()) > 35_000_000
    assert dollars(without_a_route) > 200 and dollars(led_by_another_word) >= dollars(config)


def test_without_limits_of_ours_it_is_bounded_by_the_accounts_quotas(config: Config) -> None:
    everything = replace(config, websocket=replace(config.websocket, throttle=Throttle(Limit(10_000, 5_000))))
    assert dollars(config) < dollars(everything) < 100_000


def test_a_message_of_the_default_length_is_billed_as_one(config: Config) -> None:
    out = {item.name: item for item in worst_hour(config)}["messages out"]
    larger = replace(config, websocket=replace(config.websocket, max_message_bytes=32769))
    assert {item.name: item for item in worst_hour(larger)}["messages out"].amount == 2 * out.amount


def test_the_docs_tell_the_numbers_that_are_computed(config: Config) -> None:
    text = DOCS.read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-zA-Z -]+?) \| ?[\d,.]* ?\| \$([\d,.]+) \|$", text, re.M))
    computed = {item.name: f"{item.dollars:,.2f}" for item in worst_hour(config)}
    assert told == {**computed, "together": f"{dollars(config):,.2f}"}
    assert str(prices()["as_of"]) in text


def test_the_docs_tell_what_lower_limits_cost(config: Config) -> None:
    chat = config.websocket
    small = replace(chat, max_message_bytes=4096)
    webs = (
        replace(chat, throttle=Throttle(Limit(10_000, 5_000))),
        chat,
        small,
        replace(small, throttle=Throttle(Limit(5, 20))),
        replace(chat, max_message_bytes=1024, throttle=Throttle(Limit(1, 10))),
    )
    text = DOCS.read_text(encoding="utf-8").partition("| config | the worst hour |")[2]
    told = re.findall(r"\| \$([\d,]+) \|$", text, re.M)
    assert told == [f"{dollars(replace(config, websocket=one)):,.0f}" for one in webs]
