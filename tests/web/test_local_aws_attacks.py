"""Every way in which a web page makes Chromium send a request, against the guard of the local AWS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import pytest

from chatops.local.emulator import Guard, Message, Receive, Send
from chatops.local.keys import LocalKeys
from tests.sizes import every

from .conftest import CHROMIUM, QUIET, find_chromium, unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
KEYS = LocalKeys.create()
WAIT_SECONDS = 20.0
CREDENTIAL = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&X-Amz-Credential=test/20260101/us-east-1/iam/aws4_request"
)

VECTORS = {
    "img": "add('img', {src: url})",
    "img without a referrer": "add('img', {referrerPolicy: 'no-referrer', src: url})",
    "script": "add('script', {src: url})",
    "module": "add('script', {type: 'module', src: url})",
    "dynamic import": "import(url).catch(() => 0)",
    "stylesheet": "add('link', {rel: 'stylesheet', href: url})",
    "css image": "document.body.style.backgroundImage = `url('${url}')`",
    "font": "new FontFace('f', `url('${url}')`).load().catch(() => 0)",
    "icon": None,
    "manifest": "add('link', {rel: 'manifest', href: url})",
    "iframe": "add('iframe', {src: url})",
    "sandboxed iframe": "add('iframe', {sandbox: 'allow-scripts', src: url})",
    "object": "add('object', {data: url})",
    "embed": "add('embed', {src: url})",
    "video": "add('video', {src: url})",
    "track": "add('video', {src: url + '&v', crossOrigin: 'anonymous'}).append(Object.assign("
    "document.createElement('track'), {src: url, default: true}))",
    "fetch": "fetch(url, {mode: 'no-cors'}).catch(() => 0)",
    "fetch text": "fetch(url, {mode: 'no-cors', method: 'POST', body: 'Action=CreateUser'}).catch(() => 0)",
    "fetch with cors": "fetch(url).catch(() => 0)",
    "fetch with a header": "fetch(url, {headers: {authorization: 'AWS4-HMAC-SHA256 x'}}).catch(() => 0)",
    "fetch kept alive": "fetch(url, {mode: 'no-cors', keepalive: true, method: 'POST'}).catch(() => 0)",
    "xhr": "Object.assign(new XMLHttpRequest()).open; (x => {x.open('POST', url); x.send('x')})(new XMLHttpRequest())",
    "beacon": "navigator.sendBeacon(url, 'Action=CreateUser')",
    "ping": "add('a', {href: '#', ping: url}).click()",
    "form get": "submit('get')",
    "form post": "submit('post')",
    "form text": "submit('post', 'text/plain')",
    "navigation": "location = url",
    "replaced location": "location.replace(url)",
    "meta refresh": "document.head.insertAdjacentHTML('beforeend', `<meta http-equiv=refresh content='0;url=${url}'>`)",
    "window": "window.open(url)",
    "window without a referrer": "window.open(url, '_blank', 'noreferrer')",
    "link": "add('a', {href: url}).click()",
    "redirect": "location = '/redirect?to=' + encodeURIComponent(url)",
    "redirected image": "add('img', {src: '/redirect?to=' + encodeURIComponent(url)})",
    "preload": "add('link', {rel: 'preload', as: 'image', href: url})",
    "prefetch": "add('link', {rel: 'prefetch', href: url})",
    "modulepreload": "add('link', {rel: 'modulepreload', href: url})",
    "speculative prefetch": "speculate('prefetch')",
    "speculative prefetch without a referrer": "speculate('prefetch', {referrer_policy: 'no-referrer'})",
    "speculative prerender": "speculate('prerender')",
    "speculative prerender without a referrer": "speculate('prerender', {referrer_policy: 'no-referrer'})",
    "websocket": "new WebSocket(url.replace('http', 'ws'))",
    "event source": "new EventSource(url)",
    "worker": "work(`fetch('${url}', {mode: 'no-cors'})`)",
    "worker script": "work(`try { importScripts('${url}') } catch {}`)",
    "shared worker": "new SharedWorker(URL.createObjectURL(new Blob([`fetch('${url}', {mode: 'no-cors'})`])))",
    "typed link": None,
    "typed link that redirects": None,
}
"""Each way, as a page's script; those without one are done by hand below."""

MAY_NOT_SEND = {"icon", "manifest"}
"""What Chromium does not load where it shows no window."""

PAGE = """<!doctype html><title>evil</title><body><script>
const url = new URLSearchParams(location.search).get('url');
function add(name, values) {
  const made = document.createElement(name);
  document.body.append(made);
  Object.assign(made, values);
  return made;
}
function submit(method, enctype = 'application/x-www-form-urlencoded') {
  const form = add('form', {method, enctype, action: url});
  for (const [name, value] of new URL(url).searchParams) {
    form.append(Object.assign(document.createElement('input'), {name, value}));
  }
  form.submit();
}
function work(code) { new Worker(URL.createObjectURL(new Blob([code]))); }
function speculate(how, more = {}) {
  const rules = Object.assign(document.createElement('script'), {type: 'speculationrules'});
  rules.textContent = JSON.stringify({[how]: [{source: 'list', urls: [url], eagerness: 'immediate', ...more}]});
  document.head.append(rules);
}
</script>"""


class Target:
    """The guard at a port, before an application that notes what reaches it."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self._arrived: dict[str, threading.Event] = {name: threading.Event() for name in VECTORS}
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._started.wait(WAIT_SECONDS)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/?Action=CreateUser&UserName=evil&{CREDENTIAL}&vector={quote(name)}"

    def arrived(self, name: str, seconds: float = WAIT_SECONDS) -> bool:
        """Whether a request of this kind comes within so many seconds."""
        return self._arrived[name].wait(seconds)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_SECONDS)
        self._loop.close()

    async def _serve(self) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        config = Config()
        config.bind = ["127.0.0.1:0"]
        config.graceful_timeout = 0.1
        sockets = config.create_sockets()
        self.port = sockets.insecure_sockets[0].getsockname()[1]
        config.create_sockets = lambda: sockets  # type: ignore[method-assign]
        self._started.set()
        await serve(self._watched, config, shutdown_trigger=self._stop.wait)  # type: ignore[arg-type]

    async def _watched(self, scope: Message, receive: Receive, send: Send) -> None:
        await Guard(self._ministack, KEYS)(scope, receive, send)
        for name in parse_qs(scope.get("query_string", b"").decode()).get("vector", []):
            self._arrived[name].set()

    async def _ministack(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        self.reached.append(f"{scope['type']} {scope['path']} {scope.get('query_string')!r}")


class EvilPage(BaseHTTPRequestHandler):
    """A page of elsewhere, and a redirect."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", parse_qs(query)["to"][0])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        icon = parse_qs(query).get("icon", [""])[0]
        body = (PAGE + (f'<link rel="icon" href="{icon}">' if icon else "")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    running = Target()
    yield running
    running.close()


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    """The address of a page of elsewhere: evil.example, which the browser takes for this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EvilPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://evil.example:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, for which evil.example is at this machine."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("The browser tests need Playwright: pip install playwright.")
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM, *QUIET, rules])
        yield launched
        launched.close()


def by_hand(name: str, target: Target, evil: str) -> Callable[[Page], Any]:
    """What a person does, or what only a page's head can do."""
    url = target.url(name)
    if name == "icon":
        return lambda page: page.goto(f"{evil}/?icon={quote(url, safe='')}")
    if name == "typed link":
        return lambda page: page.goto(url)
    return lambda page: page.goto(f"{evil}/redirect?to={quote(url, safe='')}")


@pytest.mark.parametrize("name", every(12, VECTORS))
def test_no_request_of_a_page_reaches_ministack(chromium: Browser, target: Target, evil: str, name: str) -> None:
    context = chromium.new_context()
    try:
        page = context.new_page()
        script = VECTORS[name]
        if script is None:
            by_hand(name, target, evil)(page)
        else:
            page.goto(f"{evil}/?url={quote(target.url(name), safe='')}")
            page.evaluate(f"() => {{ {script} }}")
        is_sent = target.arrived(name, 1.0 if name in MAY_NOT_SEND else WAIT_SECONDS)
    finally:
        context.close()
    assert is_sent or name in MAY_NOT_SEND, "Chromium sent nothing: this test would show nothing"
    assert target.reached == []
