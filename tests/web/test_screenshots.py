"""Pictures of the page, to be looked at: both themes, both widths. Two of them stand in the README."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from .conftest import Chat, OpenPage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="SCREENSHOTS names no folder for pictures"),
]

SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 860}},
    "phone": {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True},
}
TALK = [
    "<지우> 다들 보이나요? 새 채팅 서버예요 🎉",
    "<Daniel> Yes! Joined from Berlin. Latency feels great, honestly.",
    "<민수> 오 빠르다 ㅋㅋㅋ",
    "저는 지하철이에요. 터널에서 끊겼다가 저절로 다시 붙었어요.",
    "쓰던 메시지도 그대로 갔네요 👏",
    "hello from wscat — 여기서도 한글 잘 나옵니다",
    "<Daniel> Nice. And `chatops status` lists all five of us.",
    "<지우> 점심 뭐 드실래요?\n1) 김치찌개\n2) 냉면\n3) 샐러드",
    "<민수> 2번이요. 오늘 너무 더워요 🥵",
    "냉면 좋아요. 12시에 1층에서 봬요!",
]
OWN = (3, 4, 9)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_taken(theme: str, size: str, chat: Chat, open_page: OpenPage) -> None:
    options = {"color_scheme": theme, "reduced_motion": "reduce", "timezone_id": "Asia/Seoul", **SIZES[size]}
    page = open_page("하린", connected=False, **options)
    page.clock.set_fixed_time("2026-01-05T11:47:00+09:00")
    page.reload()
    page.locator(".state.open").wait_for()
    with connect(chat.websocket_url) as terminal:
        for number, text in enumerate(TALK):
            if number in OWN:
                page.locator("textarea").fill(text)
                page.locator("textarea").press("Enter")
            else:
                terminal.send(json.dumps({"action": "sendMessage", "message": text}))
            page.locator("[role=log] .message").nth(number).wait_for()
        page.locator(".outbox").wait_for(state="detached")
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"page-{theme}-{size}.png")
