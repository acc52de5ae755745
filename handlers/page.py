"""`GET /`: the chat page, one HTML file that needs nothing else but the chat's WebSocket.

The page is the same for every stack but for its WebSocket URL, which stands in a meta element, so that the script's
bytes, and with them their hash in the Content-Security-Policy, stay the same.
"""

import base64
import gzip
import hashlib
import html
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PAGE = Path(__file__).with_name("page.html")
PLACE_OF_URL = '<meta name="websocket-url" content="">'
NO_URL = "The chat page does not know its chat: the environment variable WEBSOCKET_URL is not a ws:// or wss:// URL.\n"


class Page(NamedTuple):
    """What is sent, made once per process."""

    body: str
    zipped: str
    headers: dict[str, str]


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serves the page, or 304 to a browser that has it, or 500 if nobody told the function where the chat is."""
    if not isinstance(event, dict):
        log(400, error="BadEvent", hint="This is no request to an HTTP API; open its URL.")
        return {"statusCode": 400}
    url = os.environ.get("WEBSOCKET_URL", "").strip()
    if not is_websocket(url):
        log(500, error="NoWebSocketUrl")
        return {
            "statusCode": 500,
            "headers": {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"},
            "body": NO_URL,
        }
    page = page_for(url)
    asked = headers_in(event)
    if is_known(page.headers["ETag"], asked.get("if-none-match", "")):
        log(304)
        return {"statusCode": 304, "headers": page.headers}
    log(200)
    # HTTP APIs compress nothing themselves; the page is a third as long this way.
    if accepts_gzip(asked.get("accept-encoding", "")):
        headers = {**page.headers, "Content-Encoding": "gzip"}
        return {"statusCode": 200, "headers": headers, "body": page.zipped, "isBase64Encoded": True}
    return {"statusCode": 200, "headers": page.headers, "body": page.body}


def headers_in(event: dict[str, Any]) -> dict[str, str]:
    """Return the request's headers by their names in lower case. What is no header is left out: the page needs none."""
    headers = event.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else ()
    return {name.lower(): value for name, value in pairs if isinstance(value, str)}


@cache
def page_for(url: str) -> Page:
    """The page that knows this chat, and the headers that keep it from everything else."""
    body = PAGE.read_text(encoding="utf-8").replace(
        PLACE_OF_URL, f'<meta name="websocket-url" content="{html.escape(url)}">', 1
    )
    parts = urlsplit(url)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes(body, 'script')}",
            f"style-src {hashes(body, 'style')}",
            f"connect-src {parts.scheme}://{parts.netloc}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "public, max-age=60",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        # Weak: the zipped page is the same page.
        "ETag": f'W/"{hashlib.sha256((body + policy).encode()).hexdigest()[:32]}"',
    }
    zipped = gzip.compress(body.encode(), mtime=0)
    return Page(body, base64.b64encode(zipped).decode(), headers)


def hashes(body: str, element: str) -> str:
    """The policy's sources for what stands between this element's tags: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    found = re.findall(f"<{element}>(.*?)</{element}>", body, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"


def is_websocket(url: str) -> bool:
    """Whether the URL is one that the page can open, and whose origin can stand in a header."""
    return re.fullmatch(r"wss?://[A-Za-z0-9.:\[\]-]+(/[^\s;,]*)?", url) is not None


def is_known(etag: str, if_none_match: str) -> bool:
    """Whether the browser has this very page. Comparison is weak: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the browser unpacks gzip; `gzip;q=0` says that it does not."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        if coding == "gzip":
            return re.fullmatch(r"q=0(\.0*)?", weight) is None
    return False


def log(status: int, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": "page", "status": status, **fields}))
