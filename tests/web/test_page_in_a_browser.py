"""The chat page, driven in Chromium: what people do with it, and what strangers try."""

import json
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.sizes import every
from tests.test_hostile_text import CORPUS, dangerous

from .conftest import Chat, OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

HELLO = "안녕하세요"


@pytest.fixture
def wscat(chat: Chat) -> Iterator[ClientConnection]:
    """Somebody in a terminal."""
    with connect(chat.websocket_url, max_size=None) as connection:
        yield connection


def say(page: "Page", text: str) -> None:
    page.locator("textarea").fill(text)
    page.locator("textarea").press("Enter")


def broadcast(wscat: ClientConnection, text: str) -> None:
    """Sends a message, and waits until it has gone to everybody."""
    wscat.send(json.dumps({"action": "sendMessage", "message": text}, ensure_ascii=False))
    while wscat.recv(timeout=15) != text:
        pass


def messages(page: "Page", text: str = "") -> "Locator":
    return page.get_by_role("log").locator(".message", has_text=text)


def shown(page: "Page") -> list[str]:
    return page.get_by_role("log").locator(".text").all_inner_texts()


def waiting(page: "Page") -> "Locator":
    return page.locator(".outbox .message")


def test_two_pages_and_wscat_chat_in_korean(open_page: OpenPage, wscat: ClientConnection) -> None:
    eunjeong, cheolsu = open_page("은정"), open_page("철수")

    say(eunjeong, HELLO)
    assert wscat.recv(timeout=15) == f"<은정> {HELLO}"
    messages(cheolsu, HELLO).wait_for()
    say(cheolsu, "네, 반가워요! 👋")
    messages(eunjeong, "반가워요").wait_for()
    broadcast(wscat, "터미널에서도 잘 보여요")
    broadcast(wscat, "<민수> 저도 터미널입니다")

    for page in (eunjeong, cheolsu):
        messages(page, "저도 터미널").wait_for()
        assert shown(page) == [HELLO, "네, 반가워요! 👋", "터미널에서도 잘 보여요", "저도 터미널입니다"]
    assert messages(cheolsu, HELLO).locator(".name bdi").inner_text() == "은정"
    assert messages(cheolsu, "저도 터미널").locator(".name bdi").inner_text() == "민수"
    assert messages(cheolsu, "터미널에서도").locator(".name bdi").inner_text() == "이름 없음"
    assert eunjeong.locator(".own .text").all_inner_texts() == [HELLO]
    assert cheolsu.locator(".own .text").all_inner_texts() == ["네, 반가워요! 👋"]
    assert waiting(eunjeong).count() == 0


@pytest.mark.slow
def test_a_cut_connection_heals_and_what_was_typed_meanwhile_arrives_once(open_page: OpenPage, chat: Chat) -> None:
    page = open_page("은정")
    with chat.cut_connections():
        page.locator(".state.waiting").wait_for()
        for text in ("하나", "둘", "셋"):
            say(page, text)
        assert waiting(page).count() == 3
        assert shown(page) == []
        page.get_by_role("button", name="지금 연결").click()
    messages(page, "셋").wait_for()
    assert shown(page) == ["하나", "둘", "셋"]
    assert page.locator(".own .text").all_inner_texts() == ["하나", "둘", "셋"]
    with connect(chat.websocket_url) as wscat:
        broadcast(wscat, "끝")
    messages(page, "끝").wait_for()
    assert shown(page) == ["하나", "둘", "셋", "끝"]
    assert waiting(page).count() == 0


@pytest.mark.slow
def test_a_connection_heals_by_itself(open_page: OpenPage, chat: Chat) -> None:
    page = open_page()
    with chat.cut_connections():
        page.locator(".state.waiting").wait_for()
    page.locator(".state.open").wait_for()
    say(page, HELLO)
    messages(page, HELLO).wait_for()


@pytest.mark.slow
def test_what_waits_survives_a_reload(open_page: OpenPage, chat: Chat) -> None:
    page = open_page("은정")
    with chat.cut_connections():
        page.locator(".state.waiting").wait_for()
        say(page, "다시 열어도 남아 있어요")
        page.reload()
        waiting(page).wait_for()
    messages(page, "다시 열어도 남아 있어요").wait_for()
    assert page.locator(".own .text").all_inner_texts() == ["다시 열어도 남아 있어요"]
    assert page.locator(".nick input").input_value() == "은정"


@pytest.mark.slow
def test_a_duplicated_tab_does_not_send_what_waits_in_the_first_one(open_page: OpenPage, chat: Chat) -> None:
    page = open_page("은정")
    with chat.cut_connections():
        page.locator(".state.waiting").wait_for()
        say(page, "한 번만 가야 합니다")
        # It begins with a copy of this tab's sessionStorage, as a duplicated one does.
        with page.expect_popup() as opened:
            page.evaluate("void open(location.href)")
        copy = opened.value
        waiting(copy).wait_for()
        assert "전달되었는지 알 수 없습니다" in waiting(copy).inner_text()
    messages(page, "한 번만").wait_for()
    copy.locator(".state.open").wait_for()
    with connect(chat.websocket_url) as wscat:
        broadcast(wscat, "끝")
    for tab in (page, copy):
        messages(tab, "끝").wait_for()
    assert shown(page) == ["한 번만 가야 합니다", "끝"]


@pytest.mark.slow
def test_an_error_is_a_notice_and_its_message_can_be_sent_again(
    open_page: OpenPage, chat: Chat, wscat: ClientConnection
) -> None:
    page = open_page("은정")
    chat.answer_next_message_with('{"message":"Internal server error","connectionId":"c","requestId":"r"}')
    say(page, HELLO)
    page.locator(".notice").wait_for()
    assert "서버에 문제가 생겨" in page.locator(".notice").inner_text()
    assert "Internal server error" not in page.get_by_role("log").inner_text()
    page.get_by_role("button", name="다시 보내기").click()
    assert wscat.recv(timeout=15) == f"<은정> {HELLO}"
    messages(page, HELLO).wait_for()
    assert waiting(page).count() == 0


def test_markup_stays_text(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page(init="window.stolen = [];")
    attacks = [
        "<script>stolen.push(1)</script>",
        "<img src=x onerror=stolen.push(2)>",
        "<svg/onload=stolen.push(3)>",
        "<은정> <iframe srcdoc='<script>parent.stolen.push(4)</script>'></iframe>",
        "<<b>x</b>> </p></li><style>*{display:none}</style>",
        "javascript:stolen.push(5)",
        "{{constructor.constructor('stolen.push(6)')()}}",
    ]
    for attack in attacks:
        broadcast(wscat, attack)
    messages(page, attacks[-1]).wait_for()
    assert len(shown(page)) == len(attacks)
    assert shown(page)[0] == attacks[0]
    assert page.evaluate("window.stolen") == []
    assert page.locator("main img, main iframe, main script, main style, main svg, main a").count() == 0


@pytest.mark.slow
def test_hidden_characters_are_spelled_out(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page()
    broadcast(wscat, "photo\u202egpj.exe")
    broadcast(wscat, "a" + "\u200b" * 30_000 + "b")
    broadcast(wscat, "<\u3164> nobody")
    messages(page, "nobody").wait_for()
    assert shown(page)[:2] == ["photo⟨U+202E⟩gpj.exe", "a⟨U+200B ×30000⟩b"]
    assert messages(page, "nobody").locator(".name bdi").inner_text() == "⟨U+3164⟩"


@pytest.mark.slow
def test_text_that_means_harm_is_shown_by_the_page_without_a_character_that_hides_or_turns_it(
    open_page: OpenPage, wscat: ClientConnection
) -> None:
    page = open_page()
    whole = [text.encode(errors="ignore").decode() for text in CORPUS.values() if len(text) < 10_000]
    for text in whole:
        wscat.send(json.dumps({"action": "sendMessage", "message": text}))
        wscat.send(json.dumps({"action": "sendMessage", "message": f"<{text}> {text}"}))
    broadcast(wscat, "the end")
    messages(page, "the end").wait_for()
    assert len(shown(page)) == 2 * len(whole) + 1
    seen = dangerous(page.get_by_role("log").inner_text().replace("\t", ""))
    # What no font has is a box of its own in a browser: seen, and nothing else.
    assert [one for one in seen if unicodedata.category(one) not in ("Cn", "Co")] == []
    inside = page.get_by_role("log").locator("script, img, a, iframe, style")
    assert inside.count() == 0 and page.title() == open_page().title()


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.slow
def test_nothing_makes_the_page_scroll_sideways(width: int, open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page(
        "가나다라마바사아자차카타파하가나다라마바사아자차카타파하", viewport={"width": width, "height": 640}
    )
    for text in [
        "x" * 100_000,
        "<" + "W" * 32 + "> " + "한" * 30_000,
        "https://example.com/" + "a/" * 300,
        "\u0645" * 500,
    ]:
        broadcast(wscat, text)
    messages(page, "\u0645").wait_for()
    page.get_by_role("button", name="모두 보기").first.click()
    say(page, "y" * 500)
    messages(page, "y" * 500).wait_for()
    for box in ("document.documentElement", "document.querySelector('main')", "document.querySelector('header')"):
        assert page.evaluate(f"{box}.scrollWidth - {box}.clientWidth") <= 0, box


@pytest.mark.parametrize("theme", every(2, ["light", "dark"]))
@pytest.mark.parametrize("width", every(2, [360, 1280]))
@pytest.mark.slow
def test_axe_finds_no_serious_violation(
    theme: str, width: int, open_page: OpenPage, chat: Chat, wscat: ClientConnection, axe: str
) -> None:
    page = open_page("은정", color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    assert serious(page, axe) == []
    chat.answer_next_message_with('{"error":"InternalError","message":"No.","requestId":"r"}')
    say(page, "답이 없는 메시지")
    page.locator(".notice").wait_for()
    say(page, HELLO)
    for name in "가나다라마바사아자차카타파하":
        broadcast(wscat, f"<{name}> {name} 말합니다")
    broadcast(wscat, "이름 없이 " + "긴 글 " * 1000)
    messages(page, "이름 없이").wait_for()
    assert serious(page, axe) == []
    with chat.cut_connections():
        page.locator(".state.waiting").wait_for()
        say(page, "나중에 보낼 메시지")
        waiting(page).nth(1).wait_for()
        assert serious(page, axe) == []


def serious(page: "Page", axe: str) -> list[str]:
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(results => results.violations)")
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.slow
def test_an_input_methods_enter_does_not_send_half_a_syllable(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page("은정")
    keyboard = page.context.new_cdp_session(page)
    page.locator("textarea").focus()
    keyboard.send("Input.imeSetComposition", {"text": "안녀", "selectionStart": 2, "selectionEnd": 2})
    page.keyboard.press("Enter")
    keyboard.send("Input.imeSetComposition", {"text": "안녕", "selectionStart": 2, "selectionEnd": 2})
    keyboard.send("Input.insertText", {"text": "안녕"})
    page.keyboard.press("Enter")
    assert wscat.recv(timeout=15) == "<은정> 안녕"
    messages(page, "안녕").wait_for()
    assert page.locator("textarea").input_value() == ""


@pytest.mark.slow
def test_shift_enter_starts_a_new_line(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page("은정")
    page.locator("textarea").press_sequentially("하나")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("둘")
    page.keyboard.press("Enter")
    assert wscat.recv(timeout=15) == "<은정> 하나\n둘"


@pytest.mark.slow
def test_the_page_is_used_with_the_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    focused = "document.activeElement.matches"
    assert page.evaluate(f"{focused}('textarea')")
    for selector in ("main", ".nick input"):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(f"{focused}('{selector}')"), selector
    page.keyboard.type("은정")
    for selector in ("main", "textarea"):
        page.keyboard.press("Tab")
        assert page.evaluate(f"{focused}('{selector}')"), selector
    page.keyboard.type(HELLO)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    messages(page, HELLO).wait_for()
    assert page.locator(".nick input").input_value() == "은정"
    assert page.evaluate(f"{focused}('textarea')")


def test_the_enter_that_ends_the_name_writes_nothing_into_the_message(open_page: OpenPage) -> None:
    page = open_page("은정")
    assert page.evaluate("document.activeElement.matches('textarea')")
    assert page.locator("textarea").input_value() == ""


@pytest.mark.slow
def test_where_the_system_forces_its_colours_the_focused_field_has_an_outline(open_page: OpenPage) -> None:
    page = open_page(forced_colors="active")
    for around, field in ((".field", "textarea"), (".nick", "input")):
        for focused, style in ((f"{around} {field}", "solid"), ("main", "none")):
            page.locator(focused).focus()
            assert page.locator(around).evaluate("box => getComputedStyle(box).outlineStyle") == style, field


@pytest.mark.slow
def test_the_list_keeps_to_its_end_unless_the_reader_scrolled_up(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page(viewport={"width": 400, "height": 500})
    for number in range(30):
        broadcast(wscat, f"<은정> 메시지 {number}")
    messages(page, "메시지 29").wait_for()
    to_end = (
        "(() => { const m = document.querySelector('main'); return m.scrollHeight - m.scrollTop - m.clientHeight })()"
    )
    assert page.evaluate(to_end) <= 1

    page.locator("main").evaluate("main => { main.scrollTop = 0 }")
    page.evaluate("new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)))")
    for number in range(3):
        broadcast(wscat, f"<은정> 새 소식 {number}")
    page.get_by_role("button", name="새 메시지 3개").wait_for()
    assert page.locator("main").evaluate("main => main.scrollTop") == 0
    page.get_by_role("button", name="새 메시지 3개").click()
    page.wait_for_function(f"{to_end} <= 1")
    page.locator(".newer").wait_for(state="detached")


@pytest.mark.slow
def test_an_invite_leaves_the_address_bar_and_reaches_the_handshake(open_page: OpenPage, chat: Chat) -> None:
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20250101&X-Amz-Signature=ab12"
    asked: list[str] = []
    page = open_page()
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto("about:blank")
    page.goto(f"{chat.page_url}#{query}")
    page.locator(".state.open").wait_for()
    assert page.url == chat.page_url
    assert asked == [f"{chat.websocket_url}?{query}"]
    assert query not in page.evaluate("JSON.stringify({...localStorage})")
    page.reload()
    page.locator(".state.open").wait_for()
    assert asked == [f"{chat.websocket_url}?{query}"] * 2


@pytest.mark.slow
def test_an_invite_that_is_refused_may_have_expired(open_page: OpenPage, chat: Chat) -> None:
    with chat.cut_connections():
        page = open_page(fragment="#X-Amz-Signature=ab", connected=False)
        page.get_by_text("초대가 만료되었을 수").wait_for()


def test_a_browser_without_storage_chats_all_the_same(open_page: OpenPage) -> None:
    forbid = """
        for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });"""
    page = open_page("은정", init=forbid)
    say(page, HELLO)
    messages(page, HELLO).wait_for()


@pytest.mark.parametrize(
    ("locale", "language", "title", "placeholder"),
    [
        ("ko-KR", "ko", "채팅", "메시지를 입력하세요"),
        ("en-GB", "en", "Chat", "Write a message"),
        ("fr-FR", "en", "Chat", "Write a message"),
    ],
)
def test_the_page_speaks_the_readers_language(
    locale: str, language: str, title: str, placeholder: str, open_page: OpenPage
) -> None:
    page = open_page(locale=locale)
    assert page.title() == title
    assert page.locator("textarea").get_attribute("placeholder") == placeholder
    assert page.locator("html").get_attribute("lang") == language


@pytest.mark.slow
def test_a_message_that_is_too_long_is_told_before_it_is_sent(open_page: OpenPage, wscat: ClientConnection) -> None:
    page = open_page("은정")
    say(page, "가" * 11_000)
    page.get_by_text("메시지가 너무 깁니다").wait_for()
    assert page.get_by_role("button", name="보내기").is_disabled()
    assert page.locator("textarea").input_value() == "가" * 11_000
    say(page, "나" * 10_000)
    assert wscat.recv(timeout=15) == f"<은정> {'나' * 10_000}"
