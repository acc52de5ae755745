"""The page that the deployed stack serves, in a browser, together with the tutorial's wscat."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pexpect
import pytest

from tests.e2e.conftest import Chatops, boto, chatops, deployed, state, wscat
from tests.web.conftest import OpenPage

__all__ = ["boto", "chatops", "deployed", "state", "wscat"]
pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@dataclass
class DeployedChat:
    """The default stack, up on the local AWS."""

    command: Chatops
    page_url: str
    websocket_url: str

    def cut_connections(self) -> AbstractContextManager[None]:
        self.command.local("kick", "--all")
        return nullcontext()

    def answer_next_message_with(self, frame: str) -> None:
        raise NotImplementedError("a deployed stack answers by itself")


@pytest.fixture
def chat(deployed: Chatops) -> Iterator[DeployedChat]:
    page = deployed.must("url", "api-gateway-lambda", "--local").out.strip()
    yield DeployedChat(deployed, f"{page}/", deployed.url())


def test_two_pages_and_a_wscat_chat_together_in_korean(
    chat: DeployedChat,
    open_page: OpenPage,
    wscat: str,
) -> None:
    one, two = open_page("하린"), open_page("민수")
    terminal = pexpect.spawn(wscat, ["-c", chat.websocket_url], encoding="utf-8", timeout=30)
    try:
        terminal.expect("Connected")
        one.get_by_role("textbox", name="메시지").fill("다들 보이나요? 👋")
        one.keyboard.press("Enter")
        two.get_by_text("다들 보이나요? 👋").wait_for()
        terminal.expect_exact("< <하린> 다들 보이나요? 👋")
        terminal.sendline(json.dumps({"action": "sendMessage", "message": "네, 터미널에서도요"}, ensure_ascii=False))
        for page in (one, two):
            page.get_by_text("네, 터미널에서도요").wait_for()
        two.get_by_role("textbox", name="메시지").fill("<script>alert(1)</script>")
        two.keyboard.press("Enter")
        one.get_by_text("<script>alert(1)</script>").wait_for()
        terminal.expect_exact("< <민수> <script>alert(1)</script>")
    finally:
        terminal.close(force=True)


def test_a_page_that_was_kicked_heals_and_goes_on(chat: DeployedChat, open_page: OpenPage) -> None:
    one, two = open_page("하린"), open_page("민수")
    before = live(chat.command)
    with chat.cut_connections():
        pass
    deadline = time.monotonic() + 30
    while len(now := live(chat.command)) < 2 or now & before:
        assert time.monotonic() < deadline, "the pages did not come back"
    for page in (one, two):
        page.locator(".state.open").wait_for()
    one.get_by_role("textbox", name="메시지").fill("다시 왔어요")
    one.keyboard.press("Enter")
    two.get_by_text("다시 왔어요").wait_for()


def live(command: Chatops) -> set[str]:
    return {row["connection_id"] for row in command.local("status").last["connections"] if row["state"] == "live"}
