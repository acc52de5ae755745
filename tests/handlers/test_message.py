"""What a client may send, and what it is told when it sends something else."""

import json
from typing import Any

import message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sizes import examples


def event(body: Any, route: str = "sendMessage", **more: Any) -> dict[str, Any]:
    return {"requestContext": {"routeKey": route}, "body": body, "isBase64Encoded": False, **more}


def code(event: dict[str, Any]) -> str:
    with pytest.raises(message.Refused) as refused:
        message.text_in(event)
    assert str(refused.value).endswith(".")
    return refused.value.code


@pytest.mark.parametrize("text", ["Hello! bs~", " ", "안녕하세요 👋🏽", '{"a":1}', "<b>\\u0041\r\n\t\0</b>", "ping"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_text_is_what_the_client_wrote(text: str, ascii_only: bool) -> None:
    body = json.dumps({"action": "sendMessage", "message": text}, ensure_ascii=ascii_only)

    assert message.text_in(event(body)) == message.text_in(event(body, "$default")) == text.encode()


def test_a_route_of_another_name_takes_messages_too() -> None:
    assert message.text_in(event('{"action":"shout","message":"Hey"}', "shout")) == b"Hey"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, "InvalidJson"),
        ("", "InvalidJson"),
        ("Hello", "InvalidJson"),
        ("{", "InvalidJson"),
        ("[" * 200_000, "InvalidJson"),
        ('{"message":' + "9" * 5000 + "}", "InvalidJson"),
        ("[]", "InvalidJson"),
        ("null", "InvalidJson"),
        ("NaN", "InvalidJson"),
        ('"sendMessage"', "InvalidJson"),
        ('{"action":"sendMessage"}', "MissingMessage"),
        ('{"action":"sendMessage","message":null}', "MessageNotText"),
        ('{"action":"sendMessage","message":1e999}', "MessageNotText"),
        ('{"action":"sendMessage","message":NaN}', "MessageNotText"),
        ('{"action":"sendMessage","message":["Hello"]}', "MessageNotText"),
        ('{"action":"sendMessage","message":"\\ud800"}', "MessageNotText"),
        ('{"action":"sendMessage","message":""}', "EmptyMessage"),
    ],
)
def test_what_is_no_text_is_refused(body: str | None, expected: str) -> None:
    assert code(event(body)) == expected


@pytest.mark.parametrize("action", ["", '"action":"dance",', '"action":null,', '"action":["sendMessage"],'])
def test_the_default_route_refuses_other_actions(action: str) -> None:
    assert code(event(f'{{{action}"message":"Hello"}}', "$default")) == "UnknownAction"


def test_binary_is_refused() -> None:
    assert code(event("cGluZw==", isBase64Encoded=True)) == "BinaryMessage"
    assert not message.is_ping(event("ping", isBase64Encoded=True))


def test_the_longest_text_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "MAX_MESSAGE_BYTES", 6)

    assert message.text_in(event('{"message":"한글"}')) == "한글".encode()
    assert code(event('{"message":"한글!"}')) == "MessageTooLarge"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["action", "message", "", "x"]), inner, max_size=3)
    ),
)
BODIES = (
    st.none()
    | st.text(st.characters(), max_size=60)
    | JSON.map(json.dumps)
    | st.fixed_dictionaries({"action": st.just("sendMessage") | JSON, "message": JSON}).map(json.dumps)
    | st.text(alphabet='{}[]",:\\u0d8ab1eE+-. \x00\ud800NaInfity', max_size=60)
)


@settings(max_examples=examples(2000), deadline=None)
@given(BODIES, st.sampled_from(["sendMessage", "$default", "other"]), st.booleans())
def test_every_body_is_a_text_a_ping_or_refused(body: str | None, route: str, is_binary: bool) -> None:
    sent = event(body, route, isBase64Encoded=is_binary)
    try:
        text = message.text_in(sent)
    except message.Refused as refused:
        assert refused.code[0].isupper()
        assert refused.code.isalnum()
        return
    assert body is not None
    assert text.decode() == json.loads(body)["message"]
    assert not message.is_ping(sent)
