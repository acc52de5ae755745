"""A closed chat: who holds an invite gets in, and nobody else; and what `up` says of a chat that is open."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pexpect
import pytest
import websockets.sync.client as websockets
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import InvalidStatus

from ..sizes import every
from .conftest import REGION, Boto, Chatops

CLOSED = "websocket: {auth: iam}\n"


@pytest.fixture
def closed(chatops: Chatops) -> Chatops:
    """The default stack, closed."""
    chatops.write_config(CLOSED)
    chatops.local("up")
    return chatops


def knock(url: str, **more: Any) -> int:
    """The status that a handshake gets: 101 for one that is let in."""
    try:
        with websockets.connect(url, open_timeout=20, proxy=None, **more):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def signed(url: str, keys: Credentials, *, ago: timedelta = timedelta(), life: int = 60, region: str = REGION) -> str:
    """A URL signed with any keys, at any time."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - ago

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.now(timezone.utc).replace(tzinfo=None) - ago

    request = AWSRequest("GET", "http" + url.removeprefix("ws"))
    with pytest.MonkeyPatch.context() as patch:
        import botocore.auth

        if hasattr(botocore.auth, "get_current_datetime"):
            patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: Then.utcnow())
        else:
            patch.setattr(botocore.auth, "datetime", type("datetime", (), {"datetime": Then}))
        SigV4QueryAuth(keys, "execute-api", region, expires=life).add_auth(request)
    return "ws" + str(request.url).removeprefix("http")


def altered(url: str, **changes: str | None) -> str:
    """The URL with other values in its query; None takes one out."""
    address, _, query = url.partition("?")
    changed = {f"X-Amz-{name}": value for name, value in changes.items()}
    pairs = [(key, changed.get(key, value)) for key, value in parse_qsl(query)]
    return f"{address}?{urlencode([(key, value) for key, value in pairs if value is not None])}"


@pytest.fixture
def user(boto: Boto) -> Iterator[Callable[..., Credentials]]:
    """Makes an IAM user who may do what the statements say."""
    iam = boto.client("iam")
    made: list[str] = []

    def make(*statements: dict[str, Any]) -> Credentials:
        name = f"guest-{len(made)}"
        iam.create_user(UserName=name)
        made.append(name)
        if statements:
            policy = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_user_policy(UserName=name, PolicyName="guest", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    yield make
    for name in made:
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        iam.delete_user(UserName=name)


def may_connect(resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}


@pytest.mark.slow
def test_wscat_is_refused_without_an_invite_chats_with_one_and_is_refused_after_its_end(
    closed: Chatops, wscat: str
) -> None:
    plain = pexpect.spawn(wscat, ["-c", closed.url()], encoding="utf-8", timeout=30)
    plain.expect("Unexpected server response: 403")
    plain.close(force=True)

    told = closed.must("invite", "--expires", "10s", "--local")
    ends = time.monotonic() + 10
    url = told.out.strip()
    assert told.out == f"{url}\n" and url.startswith(closed.url() + "?X-Amz-")
    client = pexpect.spawn(wscat, ["-c", url], encoding="utf-8", timeout=30)
    client.expect("Connected")
    client.sendline('{"action":"sendMessage", "message":"Hello! bs~"}')
    client.expect("< Hello! bs~")

    while time.monotonic() < ends + 10 and (status := knock(url)) == 101:
        time.sleep(0.5)
    assert status == 403 and time.monotonic() > ends - 2
    late = pexpect.spawn(wscat, ["-c", url], encoding="utf-8", timeout=30)
    late.expect("Unexpected server response: 403")
    late.close(force=True)
    client.sendline('{"action":"sendMessage", "message":"who is in stays in"}')
    client.expect("< who is in stays in")
    client.close(force=True)


def test_a_signature_that_is_expired_altered_foreign_or_missing_is_refused_at_the_handshake(
    closed: Chatops, user: Callable[..., Credentials], boto: Boto
) -> None:
    root = Credentials(*boto.keys.values())
    good, plain = closed.must("invite", "--local").out.strip(), closed.url()
    guest, stranger = user(may_connect()), user()
    assert knock(good) == 101
    assert knock(signed(plain, guest)) == 101
    refused = {
        "missing": plain,
        "not all of it": altered(good, Signature=None),
        "another signature": altered(good, Signature="0" * 64),
        "a longer life": altered(good, Expires="604800"),
        "a later date": altered(good, Date=datetime.now(timezone.utc).strftime("%Y%m%dT%H%M59Z")),
        "another path": good.replace("/demo?", "/demo/?"),
        "one more parameter": f"{good}&admin=true",
        "expired": signed(plain, guest, ago=timedelta(minutes=2)),
        "expired, of the root": signed(plain, root, ago=timedelta(minutes=2)),
        "not yet begun": signed(plain, guest, ago=-timedelta(hours=1)),
        "a life of more than 7 days": signed(plain, guest, life=604801),
        "a secret that is not the key's": signed(plain, Credentials(guest.access_key, "foreign")),
        "a key that nobody has": signed(plain, Credentials("AKIAFOREIGNFOREIGN00", "foreign")),
        "the root's key without its secret": signed(plain, Credentials(root.access_key, "guessed")),
        "the key test": signed(plain, Credentials("test", "test")),
        "another region": signed(plain, guest, region="us-east-1"),
        "a user who may not": signed(plain, stranger),
    }
    assert {what: knock(url) for what, url in refused.items()} == dict.fromkeys(refused, 403)


@pytest.mark.slow
def test_the_connect_function_too_refuses_an_address_that_has_outlived_its_end(deployed: Chatops) -> None:
    # Where nobody asks for a signature, nothing but the function reads it.
    keys, url = Credentials("AKIAANYKEYATALL12345", "secret"), deployed.url()
    ages = (timedelta(), timedelta(minutes=2))
    assert [knock(signed(url, keys, ago=age)) for age in ages] == [101, 403]


@pytest.mark.slow
def test_a_policy_for_another_api_does_not_let_its_holder_in(closed: Chatops, user: Callable[..., Credentials]) -> None:
    url = closed.url()
    api_id = url.split("/")[-2]
    arn = f"arn:aws:execute-api:{REGION}:000000000000:"
    mine, other = user(may_connect(f"{arn}{api_id}/demo/$connect")), user(may_connect(f"{arn}other/demo/$connect"))
    assert (knock(signed(url, mine)), knock(signed(url, other))) == (101, 403)


@pytest.mark.slow
def test_smoke_signs_for_itself(closed: Chatops) -> None:
    report = closed.local("smoke").last
    assert report["ok"], report


@pytest.mark.slow
def test_the_invite_as_json_has_the_link_for_the_page_whose_fragment_is_the_signed_query(closed: Chatops) -> None:
    began = datetime.now(timezone.utc)
    told = closed.run("invite", "--expires", "2h", "--local", "--json")
    (document,) = told.documents
    assert set(document) == {"url", "page", "expires_at", "certain_until"}
    page, _, fragment = document["page"].partition("#")
    assert page == closed.must("url", "api-gateway-lambda", "--local").out.strip() + "/"
    assert fragment == document["url"].partition("?")[2]
    life = datetime.fromisoformat(document["expires_at"].replace("Z", "+00:00")) - began
    assert timedelta(hours=1, minutes=59) < life < timedelta(hours=2, minutes=1)
    assert document["certain_until"] == document["expires_at"]
    assert fragment not in told.err


def test_an_open_chat_needs_no_invite_and_says_so(deployed: Chatops) -> None:
    told = deployed.run("invite", "--local")
    assert told.code == 2 and told.out == ""
    assert "nobody needs an invite" in told.err and "auth: iam" in told.err


@pytest.mark.parametrize("life", every(4, ["8d", "0s", "-1h", "soon"]))
def test_a_life_that_no_signature_can_have_is_refused(closed: Chatops, life: str) -> None:
    told = closed.run("invite", f"--expires={life}", "--local")
    assert told.code == 2 and told.out == ""


@pytest.mark.slow
def test_up_says_on_aws_alone_that_the_chat_is_open_and_what_an_attack_would_cost(
    chatops: Chatops, ministack: str, reset_ministack: Callable[[], None]
) -> None:
    told = chatops.must("up", "--local")
    assert "open to everyone" not in told.err and "an hour" not in told.err
    reset_ministack()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "ap-northeast-2"}
    remote = replace(chatops, environment=keys)
    told = remote.must("up", "--endpoint-url", ministack)
    opened = [line for line in told.err.splitlines() if "open to everyone" in line]
    assert len(opened) == 1 and "auth: iam" in opened[0]
    assert len([line for line in told.err.splitlines() if "an hour" in line and "$" in line]) == 1
    assert "open to everyone" not in told.out
    remote.write_config(CLOSED)
    told = remote.must("up", "--endpoint-url", ministack)
    assert "open to everyone" not in told.err and "chatops invite" in told.err
    document = remote.run("up", "--endpoint-url", ministack, "--json")
    assert document.last["auth"] == "iam" and "an hour" not in document.out + document.err
    reset_ministack()


@pytest.mark.slow
def test_opening_and_closing_a_chat_takes_one_up_each(chatops: Chatops) -> None:
    assert chatops.local("up").last["auth"] == "none"
    assert knock(chatops.url()) == 101
    chatops.write_config(CLOSED)
    assert chatops.local("up").last["updated"] == ["stage.websocket-api"]
    assert knock(chatops.url()) == 403
    chatops.write_config("websocket: {auth: none}\n")
    chatops.local("up")
    assert knock(chatops.url()) == 101


@pytest.mark.slow
def test_only_pages_of_allowed_origins_and_the_stacks_own_may_open_the_chat(chatops: Chatops) -> None:
    chatops.write_config("websocket: {allowed_origins: ['http://localhost:8080']}\n")
    chatops.local("up")
    assert chatops.must("plan", "--check", "--local").code == 0
    url, page = chatops.url(), chatops.must("url", "api-gateway-lambda", "--local").out.strip()
    own = "/".join(page.split("/")[:3])
    answers = {
        origin: knock(url, origin=origin)
        for origin in (own, "http://localhost:8080", "http://localhost:8081", "http://localhost", None)
    }
    assert answers == {
        own: 101,
        "http://localhost:8080": 101,
        "http://localhost:8081": 403,
        "http://localhost": 403,
        None: 101,
    }


def test_without_allowed_origins_any_page_of_this_machine_may(deployed: Chatops) -> None:
    assert knock(deployed.url(), origin="http://localhost:8081") == 101


@pytest.mark.slow
def test_a_message_above_the_limit_is_refused_and_one_at_the_limit_arrives(chatops: Chatops) -> None:
    chatops.write_config("websocket: {max_message_bytes: 12}\n")
    chatops.local("up")
    with websockets.connect(chatops.url(), open_timeout=20, proxy=None) as client:
        for text, arrives in (("안녕하세", True), ("안녕하세요", False)):
            client.send(json.dumps({"action": "sendMessage", "message": text}))
            frame = client.recv(timeout=20)
            assert frame == text if arrives else json.loads(frame)["error"] == "MessageTooLarge"


@pytest.mark.slow
def test_a_flood_is_throttled_at_the_configured_limit_and_a_limit_changed_by_hand_is_mended(
    chatops: Chatops, boto: Boto
) -> None:
    chatops.write_config("websocket: {throttle: {rate: 5, burst: 5, routes: {sendMessage: {rate: 1, burst: 2}}}}\n")
    chatops.local("up")
    with websockets.connect(chatops.url(), open_timeout=20, proxy=None) as client:
        for number in range(6):
            client.send(json.dumps({"action": "sendMessage", "message": str(number)}))
        frames = [client.recv(timeout=20) for _ in range(6)]
    assert 1 <= len([one for one in frames if "Too Many Requests" in str(one)]) <= 4, frames

    gateway, api_id = boto.client("apigatewayv2"), chatops.url().split("/")[-2]
    gateway.update_stage(
        ApiId=api_id, StageName="demo", DefaultRouteSettings={"ThrottlingRateLimit": 9000.0, "ThrottlingBurstLimit": 5}
    )
    checked = chatops.run("plan", "--local", "--check", "--json")
    (step,) = [one for one in checked.last["steps"] if one["action"] != "keep"]
    assert step["changes"] == [{"path": "stages.demo.throttle.rate", "before": 9000, "after": 5}]
    assert {one["state"] for one in chatops.local("status").last["resources"]} == {"ok", "drifted"}
    assert chatops.local("up").last["updated"] == ["stage.websocket-api"]
    chatops.write_config("websocket: {throttle: {rate: 5}}\n")
    chatops.local("up")
    (stage,) = gateway.get_stages(ApiId=api_id)["Items"]
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 100}
    assert stage.get("RouteSettings", {}) == {}


@pytest.mark.slow
def test_reserved_concurrency_is_set_where_the_config_has_it_and_left_alone_where_not(
    chatops: Chatops, boto: Boto
) -> None:
    functions: Any = boto.client("lambda")
    text = (
        "functions: {{websocket-connect: {{source: handlers/connect.py, allow: [dynamodb:PutItem]{more}}}}}\n"
        "websocket: {{routes: {{$connect: websocket-connect}}}}\nhttp_apis: {{}}\n"
    )

    def reserved() -> Any:
        return functions.get_function(FunctionName="websocket-connect").get("Concurrency", {})

    chatops.write_config(text.format(more=", reserved_concurrency: 5"))
    chatops.local("up")
    assert reserved() == {"ReservedConcurrentExecutions": 5}
    functions.put_function_concurrency(FunctionName="websocket-connect", ReservedConcurrentExecutions=7)
    assert chatops.local("up").last["updated"] == ["function.websocket-connect"]
    assert reserved() == {"ReservedConcurrentExecutions": 5}
    chatops.write_config(text.format(more=""))
    assert chatops.local("up").last["updated"] == []
    assert reserved() == {"ReservedConcurrentExecutions": 5}


@pytest.mark.slow
def test_open_prints_the_page_that_it_gives_the_browser_and_for_a_closed_chat_one_with_an_invite(
    chatops: Chatops,
) -> None:
    opened = chatops.folder / "opened"
    browser = chatops.folder / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}.new" && mv "{opened}.new" "{opened}"\n')
    browser.chmod(0o755)
    mine = Chatops(chatops.folder, chatops.state, {"BROWSER": f"{browser} %s"})
    mine.local("up")
    page = mine.must("url", "api-gateway-lambda", "--local").out.strip()

    told = mine.must("open", "--local")
    assert (told.out.strip(), opened.read_text()) == (page, f"{page}/")

    mine.write_config(CLOSED)
    mine.local("up")
    told = mine.must("open", "--local")
    address, _, invite = told.out.strip().partition("#")
    assert (address, opened.read_text()) == (f"{page}/", told.out.strip())
    assert "holds an invite" in told.err and "X-Amz" not in told.err
    assert knock(f"{mine.url()}?{invite}") == 101 and knock(mine.url()) == 403


@pytest.mark.slow
def test_open_prints_an_address_that_works_also_where_no_browser_starts_or_a_program_reads_it(closed: Chatops) -> None:
    nobody = Chatops(closed.folder, closed.state, {"BROWSER": "/nonexistent %s", "PATH": "/nonexistent"})
    told = nobody.run("open", "--local")
    asked = nobody.run("open", "api-gateway-lambda", "--local", "--json")
    assert (told.code, asked.code) == (1, 1) and "open the URL above yourself" in told.err
    for url in (told.out.strip(), asked.last["url"]):
        assert knock(f"{closed.url()}?{url.partition('#')[2]}") == 101
    other = nobody.run("open", "api-gateway-lambda2", "--local")
    assert other.out.strip() == closed.must("url", "api-gateway-lambda2", "--local").out.strip()


@pytest.mark.slow
def test_open_prints_nothing_where_there_is_no_chat(closed: Chatops, boto: Boto) -> None:
    gateway = boto.client("apigatewayv2")
    (api,) = (one for one in gateway.get_apis()["Items"] if one["ProtocolType"] == "WEBSOCKET")
    gateway.delete_api(ApiId=api["ApiId"])
    told = closed.run("open", "--local")
    assert (told.code, told.out) == (1, "") and "has no websocket_api.websocket-api" in told.err


def test_open_fails_where_no_browser_starts_and_prints_the_url_all_the_same(deployed: Chatops) -> None:
    nobody = Chatops(deployed.folder, deployed.state, {"BROWSER": "/nonexistent %s", "PATH": "/nonexistent"})
    told = nobody.run("open", "--local")
    assert told.code == 1 and told.out.startswith("http") and "open the URL above yourself" in told.err
