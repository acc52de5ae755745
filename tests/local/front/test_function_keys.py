"""The access keys that functions run with: made as MiniStack makes them, and read no oftener than it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chatops.local.front import function_keys
from chatops.local.front.function_keys import OFTEN, FunctionKeys, of_function

from .chats import Chat, client
from .targets import ChatopsTarget

ROLE = "arn:aws:iam::000000000000:role/chatops/ap-northeast-2/websocket-chat/websocket-send-ap-northeast-2"


def configuration(name: str) -> dict[str, str]:
    """A function as Lambda lists it."""
    arn = f"arn:aws:lambda:ap-northeast-2:000000000000:function:{name}"
    return {"FunctionName": name, "FunctionArn": arn, "Role": ROLE}


class Local:
    """A local AWS with some functions, that counts how often it is asked for them."""

    def __init__(self) -> None:
        self.names = ["send"]
        self.asked = 0
        self.functions = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=self._pages))

    def _pages(self) -> list[dict[str, Any]]:
        self.asked += 1
        return [{"Functions": [configuration(name)]} for name in self.names]

    async def ask(self, call: Callable[[], Any]) -> Any:
        return call()


@pytest.mark.e2e
def test_the_keys_of_a_function_are_those_that_ministack_gives_it(target: ChatopsTarget, chat: Chat) -> None:
    with chat.join() as joined:
        given = chat.sink.report(joined.id)["keys"]
    configuration = client("lambda", target.aws).get_function_configuration(FunctionName=chat.function)
    made = of_function(configuration).credentials
    assert given == [made.access_key, made.secret_key, made.token]


def test_a_functions_key_is_a_session_of_its_role_without_the_roles_path() -> None:
    key = of_function(configuration("s" * 70))
    role = "websocket-send-ap-northeast-2"
    assert key.arn == f"arn:aws:sts::000000000000:assumed-role/{role}/{'s' * 64}"
    assert key.user_id == f"{role}:{'s' * 64}"


def test_another_function_or_role_has_another_key() -> None:
    one = configuration("send")
    keys = [of_function(made) for made in (one, configuration("connect"), {**one, "Role": f"{ROLE}-2"})]
    assert len({key.credentials.access_key for key in keys}) == 3
    assert len({key.credentials.secret_key for key in keys}) == 3


def test_a_key_is_found_and_the_functions_are_listed_once_for_all_that_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(function_keys, "time", SimpleNamespace(monotonic=lambda: now[0]))
    local: Any = Local()
    keys = FunctionKeys(local)

    def find(name: str) -> Any:
        return asyncio.run(keys.find(str(of_function(configuration(name)).credentials.access_key)))

    found = find("send")
    assert found and found.arn.endswith("/send")
    now[0] += 10 * OFTEN
    assert find("send") and local.asked == 1
    local.names.append("connect")
    assert find("connect") and local.asked == 2, "one that is new is looked for"
    local.names.append("late")
    assert find("late") is None and local.asked == 2, "but not all the time"
    now[0] += OFTEN + 0.1
    assert find("late") and local.asked == 3
