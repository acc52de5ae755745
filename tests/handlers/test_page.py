"""The chat page's function: what it serves, and what it lets the page do."""

import base64
import gzip
import hashlib
import html
import json
import re
from typing import Any

import page
import pytest

URL = "wss://abc123.execute-api.ap-northeast-2.amazonaws.com/demo"


@pytest.fixture(autouse=True)
def websocket_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKET_URL", URL)


def get(**headers: str) -> dict[str, Any]:
    """Asks for the page with these headers; underscores stand for hyphens."""
    event = {
        "version": "2.0",
        "rawPath": "/",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": "GET", "path": "/"}},
    }
    return page.lambda_handler(event, None)


def directives(response: dict[str, Any]) -> dict[str, list[str]]:
    policy = response["headers"]["Content-Security-Policy"]
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def only(element: str, body: str) -> str:
    (inside,) = re.findall(f"<{element}[^>]*>(.*?)</{element}>", body, re.DOTALL)
    return str(inside)


def source_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_page_knows_its_chat() -> None:
    response = get()
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert response["body"].count(f'<meta name="websocket-url" content="{URL}">') == 1


def test_the_page_needs_nothing_but_itself() -> None:
    body = get()["body"]
    frame = body.replace(only("script", body), "").replace(only("style", body), "")
    links = re.findall(r"""\s(?:src|href|action)=["']?([^"'>]*)""", frame)
    assert [link for link in links if not link.startswith("data:")] == []
    assert "@import" not in only("style", body)
    assert "url(" not in only("style", body)
    assert len(body.encode()) < 1_000_000


def test_only_the_pages_own_script_and_style_may_run() -> None:
    response = get()
    allowed = directives(response)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == [source_of(only("script", response["body"]))]
    assert allowed["style-src"] == [source_of(only("style", response["body"]))]
    assert "unsafe" not in response["headers"]["Content-Security-Policy"]


def test_the_page_may_connect_to_its_chat_only() -> None:
    allowed = directives(get())
    assert allowed["connect-src"] == ["wss://abc123.execute-api.ap-northeast-2.amazonaws.com"]
    assert allowed["form-action"] == allowed["base-uri"] == allowed["frame-ancestors"] == ["'none'"]


def test_a_local_chat_keeps_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKET_URL", "ws://127.0.0.1:4566/_aws/execute-api/abc/demo")
    assert directives(get())["connect-src"] == ["ws://127.0.0.1:4566"]


def test_another_chat_changes_neither_script_nor_style(monkeypatch: pytest.MonkeyPatch) -> None:
    here = directives(get())
    monkeypatch.setenv("WEBSOCKET_URL", "wss://other.example/prod")
    there = directives(get())
    assert (here["script-src"], here["style-src"]) == (there["script-src"], there["style-src"])
    assert here["connect-src"] != there["connect-src"]


def test_a_url_cannot_leave_its_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = 'wss://chat.example/"><script>alert(1)</script>'
    monkeypatch.setenv("WEBSOCKET_URL", hostile)
    body = get()["body"]
    assert f'content="{html.escape(hostile)}"' in body
    assert "<script>alert" not in body


@pytest.mark.parametrize(
    "url", ["", " ", "https://chat.example", "wss://", "wss://a.example; script-src *", "wss://a b/c"]
)
def test_without_a_usable_websocket_url_it_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSOCKET_URL", url)
    response = get()
    assert response["statusCode"] == 500
    assert response["headers"]["Content-Type"].startswith("text/plain")
    assert "WEBSOCKET_URL" in response["body"]


def test_an_absent_websocket_url_is_a_500_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSOCKET_URL")
    assert get()["statusCode"] == 500


def test_a_browser_that_has_the_page_gets_304() -> None:
    etag = get()["headers"]["ETag"]
    assert get(if_none_match=etag)["statusCode"] == 304
    assert get(if_none_match=f'"x", {etag.removeprefix("W/")}')["statusCode"] == 304
    assert get(If_None_Match="*")["statusCode"] == 304
    unchanged = get(if_none_match=etag)
    assert "body" not in unchanged
    assert unchanged["headers"]["ETag"] == etag


def test_a_browser_that_has_another_page_gets_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    etag = get()["headers"]["ETag"]
    monkeypatch.setenv("WEBSOCKET_URL", "wss://other.example/prod")
    assert get(if_none_match=etag)["statusCode"] == 200


def test_the_page_is_sent_zipped_to_who_unpacks_it() -> None:
    plain, zipped = get(), get(accept_encoding="br;q=1.0, gzip, deflate")
    assert zipped["isBase64Encoded"] is True
    assert zipped["headers"]["Content-Encoding"] == "gzip"
    assert gzip.decompress(base64.b64decode(zipped["body"])).decode() == plain["body"]
    assert "Accept-Encoding" in zipped["headers"]["Vary"]
    assert "isBase64Encoded" not in get(accept_encoding="gzip;q=0, br")


def test_the_usual_guards_are_there() -> None:
    headers = get()["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "max-age=60" in headers["Cache-Control"]


def test_it_logs_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    get()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"event": "page", "status": 200}


def test_the_licences_of_everything_in_the_page_come_with_it() -> None:
    notices = page.PAGE.with_name("page.LICENSES.txt").read_text(encoding="utf-8")
    for package in ("react", "react-dom", "react-use-websocket", "scheduler"):
        assert re.search(rf"^{package} \d+\.\d+\.\d+ \(MIT\)$", notices, re.MULTILINE)
