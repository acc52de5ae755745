"""The fan-out, over real sockets, to a server that misbehaves as ordered."""

import asyncio
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import boto3
import fanout
import http1
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from endpoint import KEEP_ALIVE, Endpoint
from fanout import Broadcast, Found, Outcome, Reader, only, post_to_all

from tests.handlers.api_gateway import CHUNKED, DROPPED, LOST, SILENT, Answer, ApiGateway, status

MESSAGE = "안녕하세요 👋 <b>&amp;</b> \\u0041\r\n".encode()
CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
LONG_ENOUGH = 60.0


@pytest.fixture
def endpoint(gateway: ApiGateway) -> Iterator[Endpoint]:
    endpoint = Endpoint(gateway.url, CREDENTIALS, "eu-west-1")
    yield endpoint
    endpoint.close()


@pytest.fixture(autouse=True)
def _waits_are_short_and_patience_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endpoint.CONNECT_TIMEOUT", LONG_ENOUGH)
    monkeypatch.setattr(fanout, "REPLY_TIMEOUT", LONG_ENOUGH)
    monkeypatch.setattr(fanout, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(fanout, "LONGEST_WAIT", 0.01)


def pages(*pages: list[str]) -> Reader:
    async def read(found: Found) -> None:
        for page in pages:
            found(page)

    return read


def post(endpoint: Endpoint, *connection_ids: str, seconds: float = LONG_ENOUGH) -> Outcome:
    began = time.monotonic()
    outcome = post_to_all(endpoint, MESSAGE, pages(list(connection_ids)), seconds)
    assert seconds < LONG_ENOUGH or time.monotonic() - began < LONG_ENOUGH / 2, "it waited for its time to be up"
    return outcome


def names(count: int) -> list[str]:
    return [f"L0SM9cOFvHcC{number:05}=" for number in range(count)]


def test_every_connection_gets_the_message_once_and_byte_for_byte(gateway: ApiGateway, endpoint: Endpoint) -> None:
    outcome = post_to_all(endpoint, MESSAGE, pages(names(700)[:500], [], names(700)[500:]), LONG_ENOUGH)

    assert gateway.delivered == {name: [MESSAGE] for name in names(700)}
    assert outcome == Outcome(sent=700, pages=3)


def test_a_table_without_connections_is_no_trouble(gateway: ApiGateway, endpoint: Endpoint) -> None:
    assert post(endpoint) == Outcome(pages=1)
    assert gateway.http_connections == 0


def test_one_connection_can_be_posted_to_alone(gateway: ApiGateway, endpoint: Endpoint) -> None:
    assert post_to_all(endpoint, b"pong", only("abc="), LONG_ENOUGH).sent == 1
    assert gateway.delivered == {"abc=": [b"pong"]}


def test_a_gone_connection_is_reported_and_not_tried_again(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.always["b"] = status(410)

    assert post(endpoint, "a", "b", "c") == Outcome(sent=2, gone=["b"], pages=1)
    assert gateway.posts == 3


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_post_that_was_too_early_is_made_again(gateway: ApiGateway, endpoint: Endpoint, code: int) -> None:
    gateway.answers["b"] = [status(code), status(code)]

    assert post(endpoint, "a", "b") == Outcome(sent=2, retried=2, pages=1)
    assert gateway.delivered["b"] == [MESSAGE]


def test_a_connection_that_alone_stays_throttled_is_given_up_soon(gateway: ApiGateway, endpoint: Endpoint) -> None:
    """Its client does not read; the function is needed for the messages to the others."""
    gateway.always["b"] = status(429, b'{"message":"Too many"}')

    outcome = post(endpoint, "a", "b")

    assert outcome.sent == 1
    assert outcome.failed == [("b", 429, '{"message":"Too many"}')]
    assert outcome.retried == fanout.TRIES_OF_STALLED - 1 == gateway.posts - 2


def test_a_client_that_did_not_read_has_one_try_in_the_next_broadcasts(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.always["b"] = status(429)
    post(endpoint, "a", "b")

    assert post(endpoint, "b", "a").retried == 0
    del gateway.always["b"]
    assert post(endpoint, "a", "b") == Outcome(sent=2, pages=1)
    gateway.answers["b"] = [status(429)] * 2
    assert post(endpoint, "a", "b") == Outcome(sent=2, retried=2, pages=1)


def test_clients_that_do_not_read_are_forgotten_in_time(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "STALLED_SECONDS", 0)
    for name in "bc":
        gateway.always = {name: status(429)}
        assert post(endpoint, "a", name).retried == fanout.TRIES_OF_STALLED - 1
    assert list(endpoint.stalled) == ["c"]


def test_a_connection_that_is_throttled_with_others_has_all_its_tries(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry that another connection took says that the account is throttled."""
    monkeypatch.setattr(fanout, "backoff", lambda tries: 0.05 * tries)
    gateway.answers["a"] = [status(429)]
    gateway.answers["b"] = [status(429)] * (fanout.TRIES_OF_STALLED + 1)

    outcome = post(endpoint, "a", "b", "c")

    assert outcome == Outcome(sent=3, retried=fanout.TRIES_OF_STALLED + 2, pages=1)


def test_a_connection_of_which_nothing_else_is_known_has_all_its_tries(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.answers["b"] = [status(429)] * (fanout.TRIES_OF_STALLED + 1)

    assert post(endpoint, "b") == Outcome(sent=1, retried=fanout.TRIES_OF_STALLED + 1, pages=1)


def test_where_the_whole_account_is_throttled_the_posts_slow_down_until_all_get_through(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(fanout, "LONGEST_WAIT", 0.4)
    monkeypatch.setattr(fanout, "TRIES", 100)
    gateway.rate = 200

    outcome = post(endpoint, *names(400))

    assert (outcome.sent, outcome.failed) == (400, [])


@pytest.mark.parametrize("answer", [status(429), status(503), status(500), DROPPED], ids=["429", "503", "500", "drop"])
def test_a_worker_waits_longer_with_every_post_in_a_row_that_is_to_be_made_again(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    waits: list[int] = []

    def backoff(tries: int) -> float:
        waits.append(tries)
        return 0

    monkeypatch.setattr(fanout, "IN_FLIGHT", 1)
    monkeypatch.setattr(fanout, "backoff", backoff)
    monkeypatch.setattr(fanout, "TRIES_PER_LOST_REPLY", 1)
    for name in "abc":
        gateway.answers[name] = [answer]

    assert post(endpoint, *"abcd") == Outcome(sent=4, retried=3, pages=1)
    assert sorted(waits) == [*(1 for _ in "abc"), *(1, 2, 3)]


def test_a_worker_that_cannot_connect_waits_longer_each_time(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def backoff(tries: int) -> float:
        waits.append(tries)
        return 0

    async def connect(address: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(fanout, "IN_FLIGHT", 1)
    monkeypatch.setattr(fanout, "TRIES", 1)
    monkeypatch.setattr(fanout, "backoff", backoff)
    monkeypatch.setattr(endpoint, "connect", connect)

    assert len(post(endpoint, *"abc").failed) == 3
    assert waits == [1, 2, 3][: len(waits)]
    assert len(waits) >= 2


def test_a_retry_that_has_begun_is_kept_no_longer(gateway: ApiGateway, endpoint: Endpoint) -> None:
    for name in names(50):
        gateway.answers[name] = [status(503)] * 3
    broadcast = Broadcast(endpoint, MESSAGE)

    outcome = endpoint.loop.run_until_complete(broadcast.run(pages(names(50)), LONG_ENOUGH))

    assert outcome == Outcome(sent=50, retried=150, pages=1)
    assert broadcast._retries == set()


@pytest.mark.parametrize("code", [400, 403, 404, 413])
def test_a_refused_post_fails_at_once(gateway: ApiGateway, endpoint: Endpoint, code: int) -> None:
    gateway.always["b"] = status(code, b'{"message":"Forbidden"}')

    assert post(endpoint, "a", "b").failed == [("b", code, '{"message":"Forbidden"}')]
    assert gateway.posts == 2


def test_a_dropped_connection_is_replaced_and_its_post_made_again(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.answers["b"] = [DROPPED]

    assert post(endpoint, "a", "b", "c") == Outcome(sent=3, retried=1, pages=1)
    assert gateway.delivered["b"] == [MESSAGE]


def test_a_reply_that_makes_no_sense_is_a_lost_one(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.answers["b"] = [Answer(b"Good morning!\r\n\r\n", is_delivered=False)]

    assert post(endpoint, "b") == Outcome(sent=1, retried=1, pages=1)


def test_a_message_whose_replies_get_lost_is_posted_three_times_at_most(
    gateway: ApiGateway, endpoint: Endpoint
) -> None:
    gateway.always["b"] = LOST

    outcome = post(endpoint, "a", "b")

    assert gateway.delivered["b"] == [MESSAGE] * 3
    (failure,) = outcome.failed
    assert (failure.connection_id, failure.status) == ("b", None)
    assert "closed" in failure.error


@pytest.mark.parametrize("code", [500, 502, 504])
def test_a_message_that_arrives_although_the_answer_is_an_error_is_posted_three_times_at_most(
    gateway: ApiGateway, endpoint: Endpoint, code: int
) -> None:
    gateway.always["b"] = status(code)._replace(is_delivered=True)

    outcome = post(endpoint, "a", "b")

    assert gateway.delivered["b"] == [MESSAGE] * 3
    assert outcome.failed == [("b", code, "")]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12",
        b"HTTP/1.1 200 OK\r\n\r\n12",
    ],
)
def test_a_reply_that_is_cut_off_after_its_status_counts(gateway: ApiGateway, endpoint: Endpoint, reply: bytes) -> None:
    gateway.always["b"] = Answer(reply, then_closes=True)

    assert post(endpoint, "b") == Outcome(sent=1, pages=1)
    assert gateway.delivered["b"] == [MESSAGE]


def test_a_silent_connection_is_tried_again_after_a_while(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "REPLY_TIMEOUT", 0.05)
    gateway.answers["b"] = [SILENT]

    assert post(endpoint, "a", "b") == Outcome(sent=2, retried=1, pages=1)


def test_silent_connections_hold_up_no_other(gateway: ApiGateway, endpoint: Endpoint) -> None:
    silent = names(1000)[::125]
    gateway.always.update(dict.fromkeys(silent, SILENT))
    all_are_posted = threading.Event()
    gateway.on_post = lambda _: all_are_posted.set() if gateway.posts == 1000 else None

    async def read(found: Found) -> None:
        found(names(1000))
        assert await asyncio.to_thread(all_are_posted.wait, LONG_ENOUGH / 2)
        gateway.release()

    assert post_to_all(endpoint, MESSAGE, read, LONG_ENOUGH) == Outcome(sent=1000, pages=1)


def test_when_time_is_up_those_who_were_not_reached_are_counted(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.answers_from = 2000  # which never happens: nobody is answered
    began = time.monotonic()

    outcome = post(endpoint, *names(1000), seconds=1.5)

    assert outcome == Outcome(unreached=1000, pages=1)
    assert time.monotonic() - began < LONG_ENOUGH / 2


def test_a_post_that_waits_for_its_next_try_is_unreached_when_time_is_up(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FIRST_WAIT", 1e9)
    monkeypatch.setattr(fanout, "LONGEST_WAIT", 1e9)
    gateway.always["b"] = status(429)

    assert post(endpoint, "a", "b", seconds=1.5) == Outcome(sent=1, retried=1, unreached=1, pages=1)


def test_without_any_time_nobody_is_reached_and_nothing_raises(endpoint: Endpoint) -> None:
    assert post(endpoint, "a", seconds=-1).sent == 0


def test_what_is_left_of_one_broadcast_does_not_disturb_the_next(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.always["b"] = SILENT
    assert post(endpoint, "a", "b", seconds=1.5).unreached == 1
    gateway.always.clear()

    assert post(endpoint, "a", "b", "c") == Outcome(sent=3, pages=1)


def test_posts_in_flight_are_as_many_as_allowed_and_no_more(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "IN_FLIGHT", 7)
    gateway.answers_from = 7

    assert post(endpoint, *names(200)).sent == 200
    assert gateway.most_in_flight == gateway.http_connections == 7


@pytest.mark.parametrize(("connections", "workers"), [(0, 0), (1, 1), (4, 4), (100, 20), (1000, 64), (10**6, 256)])
def test_a_larger_chat_gets_more_workers(connections: int, workers: int) -> None:
    assert fanout.workers_for(connections) == workers


def test_a_page_is_posted_while_the_next_is_read(gateway: ApiGateway, endpoint: Endpoint) -> None:
    first_is_posted = threading.Event()
    gateway.on_post = lambda connection_id: first_is_posted.set()

    async def read(found: Found) -> None:
        found(["a"])
        assert await asyncio.to_thread(first_is_posted.wait, LONG_ENOUGH)
        found(["b"])

    assert post_to_all(endpoint, MESSAGE, read, LONG_ENOUGH) == Outcome(sent=2, pages=2)


def test_connections_found_before_reading_failed_get_the_message(gateway: ApiGateway, endpoint: Endpoint) -> None:
    async def read(found: Found) -> None:
        found(["a", "b"])
        raise ConnectionError("no table")

    outcome = post_to_all(endpoint, MESSAGE, read, LONG_ENOUGH)

    assert (outcome.sent, str(outcome.interruption)) == (2, "no table")


def test_reading_that_takes_too_long_is_interrupted(gateway: ApiGateway, endpoint: Endpoint) -> None:
    async def read(found: Found) -> None:
        found(["a"])
        await asyncio.Event().wait()

    outcome = post_to_all(endpoint, MESSAGE, read, seconds=1.5)

    assert outcome.sent == 1
    assert isinstance(outcome.interruption, TimeoutError)


def test_a_defect_is_raised_instead_of_waiting_until_time_is_up(gateway: ApiGateway) -> None:
    class NoCredentials:
        def get_frozen_credentials(self) -> None:
            raise LookupError("no credentials")

    endpoint = Endpoint(gateway.url, NoCredentials(), "eu-west-1")
    with pytest.raises(LookupError, match="no credentials"):
        post(endpoint, "a", "b")
    endpoint.close()


def test_http_connections_are_kept_for_the_next_broadcast(gateway: ApiGateway, endpoint: Endpoint) -> None:
    post(endpoint, *names(40))
    opened = gateway.http_connections

    assert post(endpoint, *names(40)).sent == 40
    assert gateway.http_connections == opened <= 40


def test_a_kept_connection_that_the_server_closed_is_replaced(gateway: ApiGateway, endpoint: Endpoint) -> None:
    post(endpoint, *names(10))
    gateway.close_http_connections()

    assert post(endpoint, *names(10)) == Outcome(sent=10, pages=1)


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    gateway: ApiGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(endpoint, "a")
    thawed = time.time() + KEEP_ALIVE + 1
    monkeypatch.setattr(time, "time", lambda: thawed)

    assert post(endpoint, "a").sent == 1
    assert gateway.http_connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\n",
    ],
)
def test_a_connection_that_is_at_its_end_takes_no_further_post(
    gateway: ApiGateway, endpoint: Endpoint, reply: bytes
) -> None:
    gateway.always["a"] = Answer(reply)

    assert post(endpoint, "a", "a", "a").sent == 3
    assert gateway.http_connections == 3


def test_a_connection_with_chunked_replies_is_used_again(gateway: ApiGateway, endpoint: Endpoint) -> None:
    gateway.always["a"] = Answer(CHUNKED)

    post(endpoint, "a")

    assert post(endpoint, "a").sent == 1
    assert gateway.http_connections == 1


def test_without_a_server_every_connection_fails_and_says_why() -> None:
    with ApiGateway().running() as gateway:
        url = gateway.url
    endpoint = Endpoint(url, CREDENTIALS, "eu-west-1")

    outcome = post(endpoint, "a", "b")

    assert {failure.connection_id for failure in outcome.failed} == {"a", "b"}
    assert all("Connect" in failure.error for failure in outcome.failed)
    endpoint.close()


def test_a_host_without_an_address_fails_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    endpoint = Endpoint("https://abc123.execute-api.eu-west-1.amazonaws.com/demo", CREDENTIALS, "eu-west-1")

    (failure,) = post(endpoint, "a").failed

    assert "Name or service not known" in failure.error
    endpoint.close()


def test_the_name_server_is_asked_once_for_all_workers(gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = socket.getaddrinfo

    def getaddrinfo(*args: Any, **more: Any) -> Any:
        asked.append(args)
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    endpoint = Endpoint(gateway.url.replace("127.0.0.1", "localhost"), CREDENTIALS, "eu-west-1")

    assert post(endpoint, *names(100)).sent == 100
    assert len(asked) == 1
    endpoint.close()


def test_the_counts_add_up_whatever_goes_wrong(gateway: ApiGateway, endpoint: Endpoint) -> None:
    random = Random(5)
    connections = names(1500)
    gone = set(random.sample(connections, 450))
    for name in gone:
        gateway.always[name] = status(410)
    for name in random.sample(connections, 75):
        gateway.answers[name] = [random.choice([DROPPED, status(429), status(500), status(503)])]

    outcome = post(endpoint, *connections)

    assert gateway.delivered == {name: [MESSAGE] for name in connections if name not in gone}
    assert (outcome.sent, set(outcome.gone), outcome.retried) == (1050, gone, 75)
    assert (outcome.failed, outcome.unreached) == ([], 0)


class RawResponse(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def test_a_post_is_what_botocores_client_sends(gateway: ApiGateway, endpoint: Endpoint) -> None:
    sent: list[Any] = []

    def take(request: Any, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, RawResponse())

    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=gateway.url,
        region_name="eu-west-1",
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        config=Config(parameter_validation=False),
    )
    client.meta.events.register("before-send", take)
    random = Random(1)
    for _ in range(300):
        connection_id = "".join(random.choices("abcXYZ019=-_+/.~ %é한👋@:", k=random.randint(1, 24)))
        message = random.randbytes(random.randint(1, 99))
        client.post_to_connection(ConnectionId=connection_id, Data=message)
        theirs = sent.pop()
        signed_at = datetime.datetime.strptime(theirs.headers["X-Amz-Date"].decode(), "%Y%m%dT%H%M%S%z").timestamp()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda signed_at=signed_at: signed_at)
            ours = endpoint.request(connection_id, message, sha256(message).hexdigest())
        head, _, body = ours.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert gateway.url.removesuffix("/demo") + start.split(" ")[1] == theirs.url
        assert headers["authorization"] == theirs.headers["Authorization"].decode()
        assert body == theirs.body


def certificate(hostname: str, folder: Path) -> Path:
    """A self-signed certificate, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hostname)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName(hostname), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = folder / f"{hostname}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("hostname", "is_trusted", "error"),
    [
        ("localhost", True, None),
        ("localhost", False, "self-signed certificate"),
        ("evil.example", True, "Hostname mismatch"),
    ],
)
def test_over_tls_only_the_holder_of_a_trusted_certificate_gets_posts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostname: str, is_trusted: bool, error: str | None
) -> None:
    path = certificate(hostname, tmp_path)
    if is_trusted:
        monkeypatch.setattr(http1, "TLS", ssl.create_default_context(cafile=path))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    with ApiGateway().running(server) as gateway:
        endpoint = Endpoint(gateway.url, CREDENTIALS, "eu-west-1")

        outcomes = [post(endpoint, "a", "b", "c") for _ in range(2)]

        endpoint.close()
        if error is None:
            assert [outcome.sent for outcome in outcomes] == [3, 3]
            assert gateway.http_connections <= 3
        else:
            assert all(error in failure.error for outcome in outcomes for failure in outcome.failed)
            assert [len(outcome.failed) for outcome in outcomes] == [3, 3]
            assert gateway.posts == 0
