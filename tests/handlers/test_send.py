"""The sendMessage and $default routes: from the event to the posts, the rows and the log."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import fanout
import pytest
import table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handlers.api_gateway import SILENT, ApiGateway, status
from tests.sizes import examples

Rows = Callable[[], dict[str, dict[str, Any]]]
Logged = Callable[[], list[dict[str, Any]]]
Put = Callable[..., None]


class Context:
    """Lambda's context, of an invocation that has some time left."""

    def __init__(self, milliseconds: int = 20_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def send(
    cold_start: Callable[[str], ModuleType], gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", gateway.url)
    monkeypatch.setattr(fanout, "REPLY_TIMEOUT", 60.0)
    monkeypatch.setattr(fanout, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(fanout, "LONGEST_WAIT", 0.01)
    send = cold_start("send")
    yield send
    send.endpoint(gateway.url).close()


def event(body: str | None, route: str = "sendMessage", **more: Any) -> dict[str, Any]:
    request = {"routeKey": route, "connectionId": "sender=", "requestId": "R1", "apiId": "abc123", "stage": "demo"}
    return {"requestContext": request, "body": body, "isBase64Encoded": False, **more}


def message(text: str) -> str:
    return json.dumps({"action": "sendMessage", "message": text})


def test_everybody_gets_the_message_byte_for_byte_the_sender_too(
    send: ModuleType, gateway: ApiGateway, put: Put, logged: Logged
) -> None:
    put("sender=", "a=", "b=")
    text = '안녕하세요 👋 "bs"~\n<b>'

    assert send.lambda_handler(event(message(text)), Context()) == {"statusCode": 200}

    assert gateway.delivered == {name: [text.encode()] for name in ("sender=", "a=", "b=")}
    first, last = logged()
    assert first == {"event": "message", "connectionId": "sender=", "bytes": len(text.encode())}
    assert last.pop("milliseconds") >= 0
    assert last == {
        "event": "broadcast", "connectionId": "sender=",
        "sent": 3, "gone": 0, "failed": 0, "retried": 0, "unreached": 0, "deleted": 0, "kept": 0, "pages": 1,
    }  # fmt: skip


def test_a_gone_connection_has_its_own_row_deleted(
    send: ModuleType, gateway: ApiGateway, put: Put, rows: Rows, logged: Logged
) -> None:
    put("sender=", "a=", "gone=")
    gateway.always["gone="] = status(410)

    send.lambda_handler(event(message("Hello")), Context())

    assert set(rows()) == {"sender=", "a="}
    last = logged()[-1]
    assert (last["event"], last["sent"], last["gone"], last["deleted"], last["kept"]) == ("broadcast", 2, 1, 1, 0)


@pytest.mark.parametrize("code", [400, 403, 413, 500])
def test_one_failed_post_is_logged_and_stops_nothing(
    send: ModuleType, gateway: ApiGateway, put: Put, rows: Rows, logged: Logged, code: int
) -> None:
    put("sender=", "a=", "broken=")
    gateway.always["broken="] = status(code, b'{"message":"No \n \xff"}')

    assert send.lambda_handler(event(message("Hello")), Context()) == {"statusCode": 200}

    assert set(gateway.delivered) == {"sender=", "a="}
    assert set(rows()) == {"sender=", "a=", "broken="}
    lines = {line["event"]: line for line in logged()}
    assert lines["post_failed"] == {
        "event": "post_failed", "connectionId": "broken=", "status": code, "error": '{"message":"No \n \ufffd"}',
    }  # fmt: skip
    assert lines["broadcast"]["failed"] == 1
    assert ("forbidden" in lines) == (code == 403)


@pytest.mark.slow
def test_the_sender_is_told_how_many_posts_failed(send: ModuleType, gateway: ApiGateway, put: Put) -> None:
    put("sender=", "broken=")
    gateway.always["broken="] = status(403)

    send.lambda_handler(event(message("Hello")), Context())

    hello, frame = gateway.delivered["sender="]
    assert hello == b"Hello"
    assert json.loads(frame) == {
        "error": "Incomplete", "message": "1 of the connections did not take the message.",
        "unreached": 0, "failed": 1, "requestId": "R1",
    }  # fmt: skip


def test_however_many_posts_fail_the_log_stays_short(
    send: ModuleType, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [fanout.Failure(f"{number}=", 429 if number % 2 else None, "No") for number in range(100_000)]
    monkeypatch.setattr(send, "post_to_all", lambda *_: fanout.Outcome(failed=failed, pages=1))
    monkeypatch.setattr(send, "reply", lambda *_: None)

    send.lambda_handler(event(message("Hello")), Context())

    _, *lines, others, last = logged()
    assert [line["connectionId"] for line in lines] == [f"{number}=" for number in range(send.LOGGED)]
    assert others == {
        "event": "post_failed", "others": 100_000 - 20, "statuses": {"None": 50_000 - 10, "429": 50_000 - 10},
    }  # fmt: skip
    assert (last["event"], last["failed"]) == ("broadcast", 100_000)


def test_credentials_that_api_gateway_repeats_are_not_logged(
    send: ModuleType, gateway: ApiGateway, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    put("a=")
    refusal = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this "
        "request should have been\n'POST\n/demo/%40connections/a%253D\n\nhost:a\nx-amz-security-token:SECRET"
    )
    gateway.always["a="] = status(403, json.dumps({"message": refusal}).encode())

    send.lambda_handler(event(message("Hello")), Context())

    output = capsys.readouterr().out
    assert "signature we calculated does not match" in output
    assert "SECRET" not in output


def test_a_row_that_cannot_be_deleted_is_logged(
    send: ModuleType, gateway: ApiGateway, put: Put, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("gone=")
    gateway.always["gone="] = status(410)
    refused = [fanout.Failure("gone=", 400, "AccessDenied")]
    monkeypatch.setattr(send.connections, "forget", lambda gone, until: table.Forgotten(0, 1, refused))

    send.lambda_handler(event(message("Hello")), Context())

    *_, failed, last = logged()
    assert failed == {"event": "delete_failed", "connectionId": "gone=", "status": 400, "error": "AccessDenied"}
    assert (last["gone"], last["deleted"], last["kept"]) == (1, 0, 1)


def test_a_ping_is_answered_with_pong_to_the_sender_alone(
    send: ModuleType, gateway: ApiGateway, put: Put, logged: Logged
) -> None:
    put("sender=", "a=")

    assert send.lambda_handler(event("ping", "$default"), Context()) == {"statusCode": 200}

    assert gateway.delivered == {"sender=": [b"pong"]}
    assert logged() == [{"event": "ping", "connectionId": "sender="}]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (event("Hello", "$default"), "InvalidJson"),
        (event('{"action":"dance"}', "$default"), "UnknownAction"),
        (event('{"action":"sendMessage"}'), "MissingMessage"),
        (event('{"action":"sendMessage","message":1}'), "MessageNotText"),
        (event(message("x" * 131_073)), "MessageTooLarge"),
        (event("AAA=", isBase64Encoded=True), "BinaryMessage"),
    ],
)
def test_anything_else_is_answered_with_one_error_frame_to_the_sender_alone(
    send: ModuleType, gateway: ApiGateway, put: Put, logged: Logged, sent: dict[str, Any], code: str
) -> None:
    put("sender=", "a=")

    assert send.lambda_handler(sent, Context()) == {"statusCode": 200}

    assert set(gateway.delivered) == {"sender="}
    (frame,) = map(json.loads, gateway.delivered["sender="])
    assert frame.pop("message")
    assert frame == {"error": code, "requestId": "R1"}
    assert logged() == [{"event": "refused", "connectionId": "sender=", "error": code}]


def test_the_longest_message_is_broadcast(send: ModuleType, gateway: ApiGateway, put: Put) -> None:
    put("a=")

    send.lambda_handler(event(message("x" * 131_072)), Context())

    assert gateway.delivered == {"a=": [b"x" * 131_072]}


def test_a_reply_to_a_sender_who_has_left_meanwhile_asks_nothing_of_the_table(
    send: ModuleType, gateway: ApiGateway, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a function that only replies needs no permission to delete rows."""
    monkeypatch.setattr(send.connections, "forget", None)
    gateway.always["sender="] = status(410)

    assert send.lambda_handler(event("ping", "$default"), Context()) == {"statusCode": 200}
    assert logged() == [{"event": "ping", "connectionId": "sender="}]


@pytest.mark.slow
def test_the_sender_is_told_how_many_were_not_reached_in_time(
    send: ModuleType, gateway: ApiGateway, put: Put, logged: Logged
) -> None:
    put("sender=", "a=", "silent=")
    gateway.always["silent="] = SILENT

    assert send.lambda_handler(event(message("Hello")), Context(milliseconds=8000)) == {"statusCode": 200}

    hello, frame = gateway.delivered["sender="]
    assert hello == b"Hello"
    assert json.loads(frame) == {
        "error": "Incomplete", "message": "1 of the connections were not reached in time.",
        "unreached": 1, "failed": 0, "requestId": "R1",
    }  # fmt: skip
    last = logged()[-1]
    assert (last["event"], last["sent"], last["unreached"]) == ("broadcast", 2, 1)


def test_a_table_that_cannot_be_read_is_logged_and_the_sender_is_told(
    send: ModuleType, gateway: ApiGateway, dynamodb: Any, logged: Logged
) -> None:
    dynamodb.delete_table(TableName="websocket-connections")

    assert send.lambda_handler(event(message("Hello")), Context()) == {"statusCode": 200}

    (frame,) = map(json.loads, gateway.delivered["sender="])
    assert frame == {
        "error": "TableUnreadable", "message": "The connections could not be read, so nobody got the message.",
        "unreached": 0, "failed": 0, "requestId": "R1",
    }  # fmt: skip
    failed = [line for line in logged() if line["event"] == "scan_failed"]
    assert "ResourceNotFoundException" in failed[0]["error"]


@pytest.mark.parametrize(
    ("interruption", "sentence"),
    [
        (TimeoutError(), "At least 3 of the connections were not reached in time."),
        (
            OSError("reset"),
            "At least 3 of the connections were not reached in time. Further connections could not be read.",
        ),
    ],
)
def test_a_table_that_is_read_in_part_is_told_apart_from_one_that_cannot_be_read(
    send: ModuleType, interruption: Exception, sentence: str
) -> None:
    outcome = fanout.Outcome(sent=5, unreached=3, pages=1, interruption=interruption)

    assert send.shortfall(outcome) == ("Incomplete", sentence)


def test_a_table_that_is_not_read_in_time_is_no_refusal(send: ModuleType) -> None:
    code, sentence = send.shortfall(fanout.Outcome(interruption=TimeoutError()))

    assert (code, sentence) == ("Incomplete", "At least 0 of the connections were not reached in time.")


@pytest.mark.parametrize(
    ("left", "longest"), [(900_000, 0.9 * 28), (10_000, 0.9 * 10)], ids=["of fifteen minutes", "of ten seconds"]
)
def test_posting_ends_before_api_gateway_or_lambda_loses_patience(
    send: ModuleType, monkeypatch: pytest.MonkeyPatch, left: int, longest: float
) -> None:
    granted: list[float] = []

    def post_to_all(endpoint: Any, data: bytes, read: Any, seconds: float) -> fanout.Outcome:
        granted.append(seconds)
        return fanout.Outcome()

    monkeypatch.setattr(send, "post_to_all", post_to_all)
    send.lambda_handler(event(message("Hello")), Context(left))

    (seconds,) = granted
    assert longest - 5 < seconds <= longest


@pytest.mark.slow
def test_a_full_length_broadcast_ends_in_time_even_if_the_table_no_longer_answers(
    send: ModuleType, gateway: ApiGateway, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        """A table that tells who is connected, and then nothing more."""

        def scan(self, **_: Any) -> dict[str, Any]:
            return {"Items": [{"connectionId": {"S": name}} for name in ("sender=", "gone=", "silent=")]}

        def delete_item(self, **_: Any) -> None:
            is_over.wait(60)

    is_over = threading.Event()
    monkeypatch.setattr(send.connections, "_dynamodb", Silent())
    gateway.always.update({"gone=": status(410), "silent=": SILENT})
    began = time.monotonic()
    try:
        send.lambda_handler(event(message("Hello")), Context(milliseconds=8000))

        assert time.monotonic() - began < 16, "it waited for the table"
    finally:
        is_over.set()
    last = logged()[-1]
    assert (last["event"], last["gone"], last["deleted"], last["kept"]) == ("broadcast", 1, 0, 1)
    assert json.loads(gateway.delivered["sender="][-1])["error"] == "Incomplete"


@pytest.mark.parametrize("bad", [{}, {"key1": "value1"}, {"requestContext": {"connectionId": "a="}}, [], None])
def test_an_event_that_no_connection_sent_is_refused_with_one_line(
    send: ModuleType, gateway: ApiGateway, logged: Logged, bad: Any
) -> None:
    assert send.lambda_handler(bad, Context()) == {"statusCode": 400}

    (line,) = logged()
    assert (line["event"], line["error"]) == ("refused", "BadEvent")
    assert gateway.posts == 0


def test_the_endpoint_is_that_of_api_region_and_stage(send: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")
    request = event("")["requestContext"]
    hosts = {
        "ap-northeast-2": "abc123.execute-api.ap-northeast-2.amazonaws.com",
        "us-gov-west-1": "abc123.execute-api.us-gov-west-1.amazonaws.com",
        "cn-north-1": "abc123.execute-api.cn-north-1.amazonaws.com.cn",
    }
    for region, host in hosts.items():
        monkeypatch.setenv("AWS_REGION", region)
        assert send.endpoint_url(request) == f"https://{host}/demo"


def test_clients_and_http_connections_are_made_once_per_process(
    send: ModuleType, gateway: ApiGateway, put: Put
) -> None:
    put("a=")
    for _ in range(5):
        send.lambda_handler(event(message("Hello")), Context())

    assert gateway.http_connections == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
BODIES = (
    st.none()
    | st.text(max_size=60)
    | JSON.map(json.dumps)
    | st.fixed_dictionaries({}, optional={"action": st.just("sendMessage") | JSON, "message": JSON}).map(json.dumps)
    | st.text(alphabet='{}[]",:\\u0d8ab1eE+-. \x00\ud800', max_size=60)
    | st.sampled_from(["ping", "[" * 100_000, '{"a":' * 100_000, "9" * 5000, '{"message":"\\udfff\\ud800"}'])
)


@settings(max_examples=examples(1000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES,
    route=st.sampled_from(["sendMessage", "$default", "other"]),
    is_binary=st.booleans(),
    request_id=st.text() | st.none(),
)
def test_whatever_a_client_sends_it_is_either_broadcast_or_answered_with_one_frame(
    send: ModuleType, body: str | None, route: str, is_binary: bool, request_id: str | None
) -> None:
    posts: list[tuple[bytes, Any]] = []

    def post_to_all(endpoint: Any, data: bytes, read: Any, seconds: float) -> fanout.Outcome:
        posts.append((data, read))
        return fanout.Outcome()

    sent = event(body, route, isBase64Encoded=is_binary)
    sent["requestContext"]["requestId"] = request_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send, "post_to_all", post_to_all)
        assert send.lambda_handler(sent, Context()) == {"statusCode": 200}

    ((data, read),) = posts
    if read == send.connections.read:
        assert data.decode() == json.loads(body or "")["message"]
    else:
        assert data == b"pong" or json.loads(data)["requestId"] == request_id
