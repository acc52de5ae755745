"""Networks that fail, with real sockets on loopback: what is reported, how soon a call ends, and with which hint."""

from __future__ import annotations

import datetime
import errno
import gc
import ipaddress
import os
import re
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from chatops.aws import Aws, Interrupted, attempts, credential_process, http, in_flight
from chatops.deploy.resource import listen
from chatops.errors import Explanation, explain
from chatops.text import redacted

from .calls import SEOUL, local

IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
LIMIT = 30.0
"""Seconds after which a test gives up. Nothing waits so long unless it fails."""


class Server:
    """An HTTP server whose answers a test decides: `status`, and after `answers` is set."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.status, self.requests, self.answers = 200, 0, threading.Event()
        self.answers.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.requests += 1
                self.rfile.read(int(self.headers.get("content-length") or 0))
                server.answers.wait(LIMIT)
                self.send_response(server.status)
                body = IDENTITY if server.status == 200 else b""
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *private)
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    one = Server(context)
    yield one
    one.close()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is bound, so that nobody else takes it, and that refuses connections."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(16)
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that knows no name."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no CA bundle but the test's own."""
    for name in [one for one in os.environ if one.lower().endswith(("_proxy", "_ca_bundle"))]:
        monkeypatch.delenv(name)


def failure(aws: Aws) -> tuple[int, Explanation]:
    """How many attempts a call makes until it fails, and the explanation of its error."""
    made: list[Any] = []
    aws.client("sts").meta.events.register("before-send", lambda request, **_: made.append(request))
    with pytest.raises((BotoCoreError, ClientError)) as raised:
        _ = aws.account
    return len(made), explain(raised.value)


def test_what_is_waited_for_is_reported_before_the_answer(server: Server) -> None:
    reports: list[str] = []

    def report(text: str) -> None:
        reports.append(text)
        server.answers.set()

    server.answers.clear()
    listen(report)
    assert local(server.url).account == "123456789012"
    assert reports[0] == f"Connecting to {server.url} (sts, {SEOUL})"


def test_a_call_on_aws_is_reported_with_service_and_region(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = threading.Event()
    reports: list[str] = []

    def report(text: str) -> None:
        reports.append(text)
        reported.set()

    listen(report)
    aws = Aws(SEOUL, keys=("test", "test"))

    def silent(**_: Any) -> Any:
        assert reported.wait(LIMIT)
        raise ConnectionError(error="the end of the test")

    aws.client("sts").meta.events.register_first("before-send", silent)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", 0)
    with pytest.raises(ConnectionError):
        _ = aws.account
    assert reports[0] == f"Connecting to AWS (sts, {SEOUL})"


def test_the_report_counts_on_while_the_call_lasts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", 0.02)
    monkeypatch.setattr(in_flight, "REPORT_EVERY_SECONDS", 0.02)
    reports: list[str] = []

    def report(text: str) -> None:
        reports.append(text)
        if " s, " in text and not text.endswith("(0 s, 60 s left)"):
            server.answers.set()

    server.answers.clear()
    listen(report)
    _ = local(server.url).account
    assert reports[-1].endswith("(1 s, 59 s left)")


def test_what_changes_in_a_report_comes_first() -> None:
    call = in_flight.Call("Waiting for lambda GetFunction", 100.0, None, 101.0, 60.0, SEOUL)
    assert call.describe(101.0, 0) == f"Waiting for lambda GetFunction ({SEOUL})"
    assert call.describe(112.0, 1) == f"Waiting for lambda GetFunction (12 s, 48 s left, {SEOUL}); 1 other call"
    call.reason = "no answer, retrying"
    assert call.describe(112.0, 0).startswith("Waiting for lambda GetFunction; no answer, retrying (12 s, 48 s left, ")


def test_a_call_that_ended_is_reported_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", 0.01)
    calls, seen = in_flight.CallsInFlight(), threading.Event()
    listen(lambda _: seen.set())
    with calls.waiting("Waiting"):
        assert seen.wait(LIMIT)
    thread = calls._thread
    seen.clear()
    monkeypatch.setattr(in_flight, "IDLE_SECONDS", 0.01)
    if thread:
        thread.join(LIMIT)
    assert not seen.is_set()
    assert calls._thread is None


def test_a_listener_that_blocks_holds_no_other_call_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", 0.01)
    calls, reporting, ended = in_flight.CallsInFlight(), threading.Event(), threading.Event()
    outcomes: list[bool] = []

    def block(_: str) -> None:
        reporting.set()
        outcomes.append(ended.wait(LIMIT))

    listen(block)
    with calls.waiting("Waiting"):
        assert reporting.wait(LIMIT)
        with calls.waiting("Another"):
            pass
        ended.set()
        thread = calls._thread
    assert thread
    thread.join(LIMIT)
    assert outcomes[0]


def test_a_call_that_ends_while_another_is_reported_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", LIMIT)
    calls, second, reports = in_flight.CallsInFlight(), ExitStack(), list[str]()

    def end_second(text: str) -> None:
        reports.append(text)
        second.close()

    listen(end_second)
    with calls.waiting("First"):
        listen(reports.append)
        second.enter_context(calls.waiting("Second"))
        reporter = threading.Thread(target=calls._report_due, args=(time.monotonic() + LIMIT,), daemon=True)
        reporter.start()
        reporter.join(LIMIT)
    assert [one.partition(" ")[0] for one in reports] == ["First"]


def test_an_interrupted_call_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = local()

    def interrupt(**_: Any) -> Any:
        raise KeyboardInterrupt

    client = aws.client("sts")
    client.meta.events.register_first("before-send", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.get_caller_identity()
    gc.collect()
    assert len(aws._calls._calls) == 0


def test_a_fast_call_is_not_reported(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", LIMIT)
    reports: list[str] = []
    listen(reports.append)
    assert local(server.url).account == "123456789012"
    assert reports == []


def test_a_proxy_that_refuses_ends_the_call_at_once(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-word@127.0.0.1:{closed_port}")
    tries, told = failure(Aws(SEOUL))
    assert tries == 1
    assert told.why == f"the proxy http://127.0.0.1:{closed_port} (HTTPS_PROXY) refused the connection"
    assert "HTTPS_PROXY" in told.hint
    assert "pass-word" not in repr(told)


@pytest.mark.parametrize("form", ["http://{}@127.0.0.1:{}", "http:/{}@127.0.0.1:{}", "{}@127.0.0.1:{}", "//{}@x:{}"])
@pytest.mark.parametrize("password", ["s3c/r3t", "s3c#r3t", "s3c?r3t", "s3c@r3t", "s3c:r3t", "s3c[r3t", "s3c%2Fr3t"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_no_error_shows_the_password_of_a_proxy(
    name: str, password: str, form: str, closed_port: int, no_names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, form.format(f"anna:{password}", closed_port))
    aws = Aws(SEOUL)
    with pytest.raises(BotoCoreError) as raised:
        _ = aws.account
    told = explain(raised.value)
    debugged = redacted("".join(traceback.format_exception(raised.value)))
    for text in (repr(told), debugged):
        assert not re.search(r"s3c|r3t", text), text
    assert "anna:" not in repr(told)
    assert "proxy" in told.why + told.hint


def test_the_proxy_is_named_where_the_request_could_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://anna:s3c/r3t@127.0.0.1:9")
    tries, told = failure(Aws(SEOUL))
    assert tries == 1
    assert told.why == "the request could not be sent through the proxy http://127.0.0.1:9 (HTTPS_PROXY)"
    assert "percent-encoded" in told.hint


def test_a_proxy_that_refuses_the_tunnel_ends_the_call_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    tries, told = failure(Aws(SEOUL))
    assert tries == 1
    assert f"the proxy {server.url} (https_proxy) answered: 501" in told.why


def test_a_proxy_of_another_kind_is_named(no_names: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    tries, told = failure(Aws(SEOUL))
    assert (tries, told.why) == (1, "HTTPS_PROXY is socks5://127.0.0.1:9, which is not an HTTP proxy")


@pytest.mark.parametrize("proxy", ["", "http://no-such-proxy.invalid:3128"])
def test_a_name_that_does_not_resolve_ends_the_call_at_once(
    proxy: str, no_names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    tries, told = failure(Aws(SEOUL))
    assert tries == 1
    named = f"of the proxy {proxy} (HTTPS_PROXY)" if proxy else f"sts.{SEOUL}.amazonaws.com"
    assert told.why == f"the host name {named} does not resolve"


def unreachable(error: OSError) -> EndpointConnectionError:
    return EndpointConnectionError(endpoint_url="https://sts.amazonaws.com", error=error)


BLIPS = [
    socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    *(OSError(code, os.strerror(code)) for code in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)),
]
WRONG = [
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
]


def failing(aws: Aws, errors: list[BaseException]) -> None:
    """Let the next attempts of STS's client fail with these errors; the attempts after them reach the server."""

    def fail(**_: Any) -> None:
        if errors:
            raise errors.pop(0)

    aws.client("sts").meta.events.register_first("before-send", fail)


@pytest.mark.parametrize("error", BLIPS, ids=repr)
def test_a_network_that_is_away_for_a_moment_fails_no_call(error: OSError, server: Server) -> None:
    aws = local(server.url)
    failing(aws, [unreachable(error)])
    assert aws.account == "123456789012"


@pytest.mark.parametrize("error", WRONG, ids=repr)
def test_what_was_reached_before_is_retried_whatever_the_error(error: OSError, server: Server) -> None:
    aws = local(server.url)
    _ = aws.account
    failing(aws, [unreachable(error)])
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert server.requests == 2


@pytest.mark.parametrize("error", WRONG, ids=repr)
def test_what_was_never_reached_is_not_retried(error: OSError, server: Server) -> None:
    aws = local(server.url)
    failing(aws, [unreachable(error)])
    with pytest.raises(EndpointConnectionError):
        _ = aws.account
    assert server.requests == 0


@pytest.mark.parametrize("error", BLIPS, ids=repr)
def test_a_network_that_stays_away_ends_the_call_within_the_limit(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws, clock = local(), SimpleNamespace(now=1000.0)
    client = aws.client("sts")
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def wait(seconds: float) -> bool:
        clock.now += seconds
        return False

    monkeypatch.setattr(aws, "stop", SimpleNamespace(wait=wait))
    failing(aws, [unreachable(error) for _ in range(100)])
    reasons: list[str] = []
    monkeypatch.setattr(aws._calls, "retries", lambda _, reason, since, limit: reasons.append(reason))
    with pytest.raises(EndpointConnectionError):
        client.get_caller_identity()
    assert 2 < clock.now - 1000 <= attempts.UNREACHABLE_SECONDS < 5
    assert set(reasons) == {"connection failed, retrying"}


def test_the_clients_that_fetch_credentials_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=sleep))
    client, made = local()._session.create_client("sts", region_name=SEOUL), list[int]()

    def fail(**_: Any) -> None:
        made.append(1)
        raise unreachable(BLIPS[0])

    client.meta.events.register_first("before-send", fail)
    with pytest.raises(EndpointConnectionError):
        client.get_caller_identity()
    assert len(made) > 1
    assert clock.now - 1000 <= attempts.UNREACHABLE_SECONDS


def test_a_certificate_that_is_not_trusted_ends_the_call_at_once(
    tls_server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, told = failure(Aws(SEOUL, endpoint_url=tls_server.url))
    assert (tries, tls_server.requests) == (1, 0)
    assert f"the certificate of {tls_server.url} is not trusted: self-signed" in told.why.replace("self s", "self-s")
    assert "AWS_CA_BUNDLE" in told.hint
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert Aws(SEOUL, endpoint_url=tls_server.url).account == "123456789012"


@pytest.mark.parametrize("content", [None, "this is not PEM"])
def test_a_ca_bundle_that_cannot_be_used_ends_the_call_at_once(
    content: str | None, tls_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    tries, told = failure(Aws(SEOUL, endpoint_url=tls_server.url))
    assert tries == 1
    why = "cannot be read as PEM certificates" if content else "does not exist"
    assert told.why == f"the CA bundle in AWS_CA_BUNDLE ({bundle}) {why}"
    assert told.hint == "Correct or unset AWS_CA_BUNDLE."


def test_a_server_without_tls_ends_the_call_at_once(server: Server) -> None:
    tries, told = failure(Aws(SEOUL, endpoint_url=server.url.replace("http:", "https:")))
    assert tries == 1
    assert "does not speak TLS" in told.why


@pytest.mark.slow
def test_a_server_that_fails_for_ever_is_retried_for_a_while_with_progress(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status, reports = 503, list[str]()
    listen(reports.append)
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", 0.01)
    monkeypatch.setattr(in_flight, "REPORT_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", 1.0)
    tries, told = failure(local(server.url))
    assert tries == server.requests > 1
    assert told.code == "aws-refused" and "HTTP 503" in told.why
    assert any("HTTP 503, retrying (0 s, 1 s left)" in one for one in reports), reports


@pytest.mark.slow
def test_a_server_that_never_answers_ends_the_call(silent_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "READ_SECONDS", 0.05)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", 1.5)
    tries, told = failure(local(silent_url))
    assert tries > 1
    assert told.why == f"{silent_url} accepted the connection, but did not answer in time"


def test_the_limits_of_one_call_add_up_to_less_than_a_minute() -> None:
    longest_pause = 4.0
    longest_attempt = attempts.CONNECT_SECONDS + attempts.READ_SECONDS
    assert attempts.RETRY_SECONDS + longest_pause + longest_attempt <= in_flight.MAX_CALL_SECONDS
    config = local().client("sts").meta.config
    assert (config.connect_timeout, config.read_timeout) == (attempts.CONNECT_SECONDS, attempts.READ_SECONDS)


def test_an_error_is_shared_by_all_that_wait_for_the_account(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "RETRY_SECONDS", 0)
    server.status = 503
    server.answers.clear()
    aws, errors = local(server.url), list[BaseException]()

    def ask() -> None:
        try:
            _ = aws.account
        except ClientError as error:
            errors.append(error)

    first = threading.Thread(target=ask)
    first.start()
    while not server.requests:
        first.join(0.01)
    second = threading.Thread(target=ask)
    second.start()
    # The second one waits for the first one's answer: give it the time to ask by itself.
    second.join(0.2)
    server.answers.set()
    first.join(LIMIT)
    second.join(LIMIT)
    assert (len(errors), server.requests) == (2, 1)
    server.status = 200
    assert aws.account == "123456789012", "the next one asks again"


def test_an_interrupt_of_the_first_asker_ends_the_wait_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    aws, asked, release = local(), threading.Event(), threading.Event()

    def interrupted(*_: Any) -> Any:
        asked.set()
        release.wait(LIMIT)
        raise KeyboardInterrupt

    monkeypatch.setattr(Aws, "client", interrupted)
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            _ = aws.account
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert asked.wait(LIMIT)
    threads[1].start()
    threads[1].join(0.2)
    release.set()
    for one in threads:
        one.join(LIMIT)
    assert {type(one) for one in caught} <= {KeyboardInterrupt, Interrupted}
    assert KeyboardInterrupt in {type(one) for one in caught}


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the AWS config file, without credentials in the environment."""

    def write(text: str) -> None:
        (tmp_path / "aws").write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)

    return write


def test_credentials_that_a_role_gives_fail_at_once_behind_a_dead_proxy(
    profile: Callable[[str], None], closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(
        "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr("botocore.endpoint.time", None)  # a retry would sleep
    tries, told = failure(Aws(SEOUL, profile="work"))
    assert tries == 0, "the call was not signed yet"
    assert "HTTPS_PROXY" in told.why


def test_a_credential_process_that_hangs_is_ended_and_named(
    profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(f'[profile work]\ncredential_process = {sys.executable} -c "import time; time.sleep(600)"\n')
    monkeypatch.setattr(credential_process, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(in_flight, "FIRST_REPORT_SECONDS", 0.01)
    reports: list[str] = []
    listen(reports.append)
    with pytest.raises(CredentialRetrievalError, match="no credentials within 0 seconds"):
        Aws(SEOUL, profile="work").client("sts")
    assert reports[0] == "Looking for AWS credentials (profile work)"


def test_a_credential_process_that_answers_is_used(profile: Callable[[str], None], tmp_path: Path) -> None:
    (tmp_path / "keys").write_text('{"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "SK"}')
    profile(f"[profile work]\ncredential_process = cat {tmp_path / 'keys'}\n")
    assert Aws(SEOUL, profile="work").credentials.access_key == "AK"


def test_requests_made_by_hand_end_for_all_once_the_server_is_silent(
    silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.awsrequest import AWSRequest

    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    monkeypatch.setattr(http, "RETRY_SECONDS", 0.05)
    session = local().http(silent_url, 4)
    request = AWSRequest(method="GET", url=silent_url).prepare()
    with pytest.raises(ReadTimeoutError):
        session.send(request)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1 has not answered for"):
        session.send(request)


def test_requests_made_by_hand_are_sent_again_once_the_server_answers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.awsrequest import AWSRequest

    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    session = local().http(server.url, 4)
    request = AWSRequest(method="POST", url=server.url, data=b"").prepare()
    server.answers.clear()
    with pytest.raises(ReadTimeoutError):
        session.send(request)
    clock.now += 40
    with pytest.raises(ReadTimeoutError):
        session.send(request)
    with pytest.raises(ConnectionError, match="has not answered for 40 seconds"):
        session.send(request)
    server.answers.set()
    clock.now += http.PROBE_SECONDS
    # The handler of the first requests may still run.
    monkeypatch.setattr(session, "_timeout", None)
    assert session.send(request).status_code == 200
    assert session.send(request).status_code == 200, "all requests are sent again, not the probe alone"


def test_one_request_at_a_time_probes_a_silent_server(silent_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session

    clock, sent = SimpleNamespace(now=1000.0), list[float]()
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: clock.now))
    session = local().http(silent_url, 4)
    request = AWSRequest(method="GET", url=silent_url).prepare()

    def time_out(_: Any, request: Any) -> Any:
        sent.append(clock.now)
        if clock.now > 1000:
            with pytest.raises(ConnectionError, match="has not answered"):
                session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    monkeypatch.setattr(URLLib3Session, "send", time_out)
    with pytest.raises(ReadTimeoutError):
        session.send(request)
    clock.now += 31
    with pytest.raises(ReadTimeoutError):
        session.send(request)
    assert sent == [1000, 1031]
