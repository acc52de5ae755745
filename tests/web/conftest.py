"""What the browser tests need: Chromium, and a chat to point it at.

`chat` is all that the tests know of the server. The one here imitates API Gateway in front of the page's real function;
one over a local AWS needs the same members.
"""

import base64
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import page as page_function
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET = ("--disable-component-update", "--disable-sync")
AXE = Path(__file__).parents[2] / "chatops" / "web" / "node_modules" / "axe-core" / "axe.min.js"


class Chat(Protocol):
    """A chat that runs."""

    page_url: str
    websocket_url: str

    def cut_connections(self) -> AbstractContextManager[None]:
        """Cuts every connection, and lets none through until the block ends."""

    def answer_next_message_with(self, frame: str) -> None:
        """The next message reaches nobody; its sender gets this frame instead."""


def unavailable(what: str) -> NoReturn:
    """Skips the test on a machine that lacks something, and fails it where it must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


class ImitatedApi:
    """A WebSocket API with a `sendMessage` route that broadcasts and a `$default` route that answers `ping`."""

    def __init__(self) -> None:
        self.connections: set[ServerConnection] = set()
        self.arriving: set[ServerConnection] = set()
        """Those whose handshake is under way: a page may know that it is open before this server does."""
        self.lock = threading.Condition()
        self.is_cut = False
        self.answers: list[str] = []
        self.server: Server = serve(
            self.talk, "127.0.0.1", 0, process_request=self.refuse, max_size=131_072, compression=None
        )
        self.websocket_url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/demo"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.is_cut:
            return connection.respond(503, "cut")
        with self.lock:
            self.arriving.add(connection)
        return None

    def talk(self, connection: ServerConnection) -> None:
        with self.lock:
            self.connections.add(connection)
            self.arriving.discard(connection)
            self.lock.notify_all()
            if self.is_cut:  # since its handshake
                self.drop(connection)
        try:
            for frame in connection:
                self.route(connection, str(frame))
        except ConnectionClosed:
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)

    def route(self, sender: ServerConnection, frame: str) -> None:
        if frame == "ping":
            sender.send("pong")
            return
        try:
            body = json.loads(frame)
            message = body["message"] if body["action"] == "sendMessage" else None
        except (ValueError, KeyError, TypeError):
            message = None
        if not isinstance(message, str):
            sender.send(json.dumps({"message": "Forbidden", "connectionId": "c", "requestId": "r"}))
        elif self.answers:
            sender.send(self.answers.pop(0))
        else:
            with self.lock:
                self.lock.wait_for(lambda: not self.arriving, timeout=2)
                everybody = list(self.connections)
            for connection in everybody:
                with suppress(ConnectionClosed):
                    connection.send(message)

    def drop(self, connection: ServerConnection) -> None:
        """No farewell, as when a network goes away."""
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)

    def cut(self, is_cut: bool) -> None:
        with self.lock:
            self.is_cut = is_cut
            connections = list(self.connections)
        for connection in connections if is_cut else []:
            self.drop(connection)

    def stop(self) -> None:
        self.cut(True)
        self.server.shutdown()
        self.thread.join()


class PageServer(BaseHTTPRequestHandler):
    """An HTTP API in front of `handlers/page.py`."""

    def do_GET(self) -> None:
        if self.path.split("?")[0] != "/":
            self.send_error(404)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        http = {"method": "GET", "path": "/"}
        event = {"version": "2.0", "rawPath": "/", "headers": headers, "requestContext": {"http": http}}
        response = page_function.lambda_handler(event, None)
        body = response.get("body", "").encode()
        if response.get("isBase64Encoded"):
            body = base64.b64decode(body)
        self.send_response(response["statusCode"])
        for name, value in response["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class ImitatedChat:
    """The page's function and an imitated API, on free ports of this machine."""

    def __init__(self) -> None:
        self.api = ImitatedApi()
        self.websocket_url = self.api.websocket_url
        self.pages = ThreadingHTTPServer(("127.0.0.1", 0), PageServer)
        self.page_url = f"http://127.0.0.1:{self.pages.server_port}/"
        self.thread = threading.Thread(target=self.pages.serve_forever)
        self.thread.start()

    @contextmanager
    def cut_connections(self) -> Iterator[None]:
        self.api.cut(True)
        try:
            yield
        finally:
            self.api.cut(False)

    def answer_next_message_with(self, frame: str) -> None:
        self.api.answers.append(frame)

    def stop(self) -> None:
        self.pages.shutdown()
        self.pages.server_close()
        self.thread.join()
        self.api.stop()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """A chat of this test's own."""
    running = ImitatedChat()
    monkeypatch.setenv("WEBSOCKET_URL", running.websocket_url)
    yield running
    running.stop()


def find_chromium() -> str:
    """The system's Chromium."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        unavailable("The browser tests need Chromium: apt-get install chromium, or name one in CHROMIUM.")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's Chromium. Playwright runs an event loop in this thread, which no other module may meet."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("The browser tests need Playwright: pip install playwright.")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM, *QUIET])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source."""
    if not AXE.exists():
        unavailable("The accessibility tests need axe-core: make node.")
    return AXE.read_text(encoding="utf-8")


OpenPage = Callable[..., "Page"]

NOTE_VIOLATIONS = """
addEventListener("securitypolicyviolation", event => (window.violations ??= []).push(
    `${event.violatedDirective} blocked ${event.blockedURI} ${event.sample}`));
"""


@pytest.fixture
def open_page(browser: "Browser", chat: Chat) -> Iterator[OpenPage]:
    """Opens the chat's page in a browser of its own. No page may have violated its policy or have thrown in the end."""
    opened: list[Page] = []
    errors: list[str] = []

    with ExitStack() as contexts:

        def open_page(
            name: str = "", fragment: str = "", init: str = "", connected: bool = True, **options: Any
        ) -> "Page":
            context = browser.new_context(**{"locale": "ko-KR", **options})
            contexts.callback(context.close)
            context.add_init_script(NOTE_VIOLATIONS + init)
            page = context.new_page()
            page.set_default_timeout(15_000)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: errors.append(said.text) if is_trouble(said.type, said.text) else None)
            opened.append(page)
            page.goto(chat.page_url + fragment)
            if connected:
                page.locator(".state.open").wait_for()
            if name:
                page.locator(".nick input").fill(name)
                page.locator(".nick input").press("Enter")
            return page

        yield open_page
        violations = [page.evaluate("window.violations ?? []") for page in opened if not page.is_closed()]
    assert errors == []
    assert [violation for found in violations for violation in found] == []


def is_trouble(kind: str, text: str) -> bool:
    """A console line that the page is to blame for: not that a connection was cut."""
    return kind == "error" and "WebSocket connection to" not in text
