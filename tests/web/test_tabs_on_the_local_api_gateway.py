"""A tab that is closed or reloaded, and a browser that quits, end their connections: $disconnect is invoked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.local.front.chats import Chat, Shape
from tests.local.front.conftest import target
from tests.local.front.targets import ChatopsTarget
from tests.web.conftest import CHROMIUM, QUIET, unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["target"]
pytestmark = [pytest.mark.browser, pytest.mark.e2e]

PAGE = b"""<!doctype html><title>connecting</title><script>
const me = Math.random().toString(36) + new URLSearchParams(location.search).get("me");
const socket = new WebSocket(new URLSearchParams(location.search).get("url") + "?client=" + me);
socket.onopen = () => document.title = "open";
</script>"""


class PageServer(BaseHTTPRequestHandler):
    """Serves a page that connects to the URL in its query."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def joining_page() -> Iterator[str]:
    """The address of the page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), PageServer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def api(target: ChatopsTarget) -> Chat:
    return target.chat(Shape())


def join(page: Page, address: str, api: Chat) -> str:
    """Opens the page in a tab, and gives its connection's id."""
    page.goto(f"{address}?me={uuid.uuid4().hex}&url={quote(api.url)}")
    page.wait_for_function("document.title === 'open'")
    return api.id_of(page.evaluate("me"))


@pytest.mark.parametrize("how", ["close", "reload", "leave"])
@pytest.mark.slow
def test_a_tab_that_is_closed_or_reloaded_or_left_invokes_disconnect(
    browser: Browser, joining_page: str, api: Chat, how: str
) -> None:
    context = browser.new_context()
    tabs = [context.new_page() for _ in range(8)]
    ids = [join(tab, joining_page, api) for tab in tabs]
    for tab in tabs:
        if how == "close":
            tab.close()
        elif how == "reload":
            tab.reload()
        else:
            tab.goto("about:blank")
    assert len({api.sink.event("DISCONNECT", id)["requestContext"]["requestId"] for id in ids}) == 8
    context.close()


@pytest.mark.slow
def test_what_a_tab_sends_before_it_closes_is_delivered(browser: Browser, joining_page: str, api: Chat) -> None:
    context = browser.new_context()
    for _ in range(8):
        tab = context.new_page()
        id = join(tab, joining_page, api)
        tab.evaluate("""socket.send('{"action": "say", "words": "last"}'); socket.close()""")
        assert "last" in api.sink.event("MESSAGE", id)["body"]
    context.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_a_browser_that_quits_or_is_killed_invokes_disconnect(
    joining_page: str, api: Chat, how: signal.Signals, tmp_path: Path
) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        unavailable("The browser tests need Chromium: apt-get install chromium, or name one in CHROMIUM.")
    me = uuid.uuid4().hex
    url = f"{joining_page}?me={me}&url={quote(api.url)}"
    command = [chromium, "--headless", *CHROMIUM, *QUIET, f"--user-data-dir={tmp_path}", "--remote-debugging-port=0"]
    process = subprocess.Popen([*command, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        joined = api.sink.wait(
            lambda one: str((one["event"].get("queryStringParameters") or {}).get("client")).endswith(me), limit=60
        )
        process.send_signal(how)
        process.wait(30)
        assert api.sink.event("DISCONNECT", joined["event"]["requestContext"]["connectionId"])
    finally:
        process.kill()
        process.wait()
