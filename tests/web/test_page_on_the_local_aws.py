"""The page that the deployed stack serves, in a browser, together with the tutorial's wscat."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pexpect
import pytest

from tests.e2e.conftest import Chatops, boto, chatops, deployed, kept, state, wscat
from tests.web.conftest import OpenPage
from tests.web.network import Network
from tests.web.test_page_in_a_browser import say, serious

__all__ = ["boto", "chatops", "deployed", "kept", "state", "wscat"]
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


@pytest.fixture
def network() -> Iterator[Network]:
    between = Network()
    yield between
    between.stop()


def test_two_pages_and_a_wscat_chat_together_in_korean(
    chat: DeployedChat,
    open_page: OpenPage,
    wscat: str,
) -> None:
    one, two = open_page("하린"), open_page("민수")
    terminal = pexpect.spawn(wscat, ["-c", chat.websocket_url], encoding="utf-8", timeout=30)
    try:
        terminal.expect("Connected")
        say(one, "다들 보이나요? 👋")
        two.get_by_text("다들 보이나요? 👋").wait_for()
        terminal.expect_exact("< <하린> 다들 보이나요? 👋")
        terminal.sendline(json.dumps({"action": "sendMessage", "message": "네, 터미널에서도요"}, ensure_ascii=False))
        for page in (one, two):
            page.get_by_text("네, 터미널에서도요").wait_for()
        say(two, "<script>alert(1)</script>")
        one.get_by_text("<script>alert(1)</script>").wait_for()
        terminal.expect_exact("< <민수> <script>alert(1)</script>")
    finally:
        terminal.close(force=True)


@pytest.mark.slow
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
    say(one, "다시 왔어요")
    two.get_by_text("다시 왔어요").wait_for()


@pytest.mark.slow
def test_a_page_whose_network_went_away_without_a_word_heals_and_nothing_is_sent_twice(
    chat: DeployedChat, open_page: OpenPage, network: Network
) -> None:
    one, two = open_page("하린", **network.options), open_page("민수")
    say(one, "터널 앞이에요")
    two.get_by_text("터널 앞이에요").wait_for()
    with network.away():
        say(one, "터널 안이에요")
        one.locator(".state.waiting").wait_for(timeout=60_000)
        say(one, "아직 안이에요")
    one.locator(".state.open").wait_for(timeout=60_000)
    two.get_by_text("아직 안이에요").wait_for()
    assert one.locator(".outbox .message").count() == 1
    one.get_by_role("button", name="다시 보내기").click()
    two.get_by_text("터널 안이에요").wait_for()
    texts = two.get_by_role("log").locator(".text").all_inner_texts()
    assert texts == ["터널 앞이에요", "아직 안이에요", "터널 안이에요"]


@pytest.mark.slow
def test_a_closed_chat_lets_a_page_in_by_its_invite_and_tells_one_without_that_it_may_need_one(
    chat: DeployedChat, open_page: OpenPage
) -> None:
    chat.command.write_config("websocket: {auth: iam}\n")
    chat.command.local("up")
    address, _, fragment = chat.command.local("invite").last["page"].partition("#")
    assert address == chat.page_url

    guest, other = open_page("하린", f"#{fragment}"), open_page("민수", f"#{fragment}")
    say(guest, "초대받았어요")
    other.get_by_text("초대받았어요").wait_for()
    assert guest.url == chat.page_url

    stranger = open_page(connected=False)
    stranger.get_by_text("초대 링크가 필요한 채팅이거나").wait_for()
    assert stranger.locator(".state").inner_text() == "연결 끊김"
    say(guest, "우리끼리만 보여요")
    other.get_by_text("우리끼리만 보여요").wait_for()
    assert stranger.get_by_role("log").inner_text() == ""


@pytest.mark.slow
def test_on_a_small_phone_nothing_scrolls_sideways_and_axe_finds_no_serious_violation(
    chat: DeployedChat, open_page: OpenPage, axe: str
) -> None:
    page = open_page("하린", viewport={"width": 360, "height": 640}, reduced_motion="reduce")
    for text in ("안녕하세요", "https://example.com/" + "a/" * 300):
        say(page, text)
        page.get_by_role("log").get_by_text(text).wait_for()
    assert serious(page, axe) == []
    for box in ("document.documentElement", "document.querySelector('main')", "document.querySelector('header')"):
        assert page.evaluate(f"{box}.scrollWidth <= {box}.clientWidth"), box


def live(command: Chatops) -> set[str]:
    return {row["connection_id"] for row in command.local("status").last["connections"] if row["state"] == "live"}
