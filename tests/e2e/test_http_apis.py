"""The tutorial's second half: two HTTP APIs, called as a browser and curl call them."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request
from urllib.parse import urlsplit

import pytest

from .conftest import REGION, Boto, Chatops

USER = '{"id":"1","method":"GET","title":"안녕하세요"}'


@pytest.fixture
def user_url(deployed: Chatops) -> str:
    return deployed.must("url", "api-gateway-lambda2", "--local").out.strip()


def test_the_user_api_answers_as_the_tutorial_shows(user_url: str) -> None:
    with urllib.request.urlopen(f"{user_url}/user/1?title=%EC%95%88%EB%85%95%ED%95%98%EC%84%B8%EC%9A%94") as answer:
        assert answer.read().decode() == USER
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    with urllib.request.urlopen(f"{user_url}/user/%EB%91%98?title=a%2Cb&title=c&more=1") as answer:
        assert json.load(answer) == {"id": "둘", "method": "GET", "title": "a,b"}
    with urllib.request.urlopen(f"{user_url}/user/2") as answer:
        assert json.load(answer) == {"id": "2", "method": "GET", "title": None}


def test_a_url_with_unencoded_korean_works_as_curl_sends_it(user_url: str) -> None:
    where = urlsplit(user_url)
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=20) as plain:
        request = (
            f"GET {where.path}/user/1?title=안녕하세요 HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n"
        )
        plain.sendall(request.encode())
        answer = http.client.HTTPResponse(plain)
        answer.begin()
        assert answer.status == 200
        assert answer.read().decode() == USER


def test_a_path_without_a_route_is_not_found(user_url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{user_url}/nobody/1")


def test_the_page_is_served_at_the_bare_address_and_knows_its_chat(deployed: Chatops) -> None:
    page = deployed.must("url", "api-gateway-lambda", "--local").out.strip()
    for address in (page, f"{page}/"):
        with urllib.request.urlopen(address) as answer:
            html = answer.read().decode()
            assert f'<meta name="websocket-url" content="{deployed.url()}">' in html
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            origin = "ws://" + urlsplit(deployed.url()).netloc
            assert f"connect-src {origin};" in policy


def test_their_roles_may_only_write_their_own_log(deployed: Chatops, boto: Boto) -> None:
    for function in ("aws-gateway-lambda", "aws-gateway-lambda2"):
        role = boto.client("iam").get_role_policy(RoleName=f"{function}-{REGION}", PolicyName="chatops")
        (statement,) = role["PolicyDocument"]["Statement"]
        assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert statement["Resource"].endswith(f":log-group:/aws/lambda/{function}:*")


def test_only_the_exact_route_may_invoke_the_function(deployed: Chatops, boto: Boto) -> None:
    policy = json.loads(boto.client("lambda").get_policy(FunctionName="aws-gateway-lambda2")["Policy"])
    (statement,) = policy["Statement"]
    api_id = deployed.must("url", "api-gateway-lambda2", "--local").out.strip().rpartition("/")[2]
    source = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
    assert source == f"arn:aws:execute-api:{REGION}:000000000000:{api_id}/*/GET/user/{{userId}}"


@pytest.mark.slow
def test_an_empty_http_apis_takes_them_away(deployed: Chatops, boto: Boto) -> None:
    deployed.write_config("http_apis:\n")
    deleted = deployed.local("up").last["deleted"]
    assert {"http_api.api-gateway-lambda", "stage.api-gateway-lambda"} <= set(deleted)
    names = {one["Name"] for one in boto.client("apigatewayv2").get_apis()["Items"]}
    assert names == {"websocket-api"}
    assert deployed.must("plan", "--local", "--check").code == 0


@pytest.mark.slow
def test_the_addresses_are_in_ups_summary_and_in_status(deployed: Chatops) -> None:
    outputs = deployed.local("up").last["outputs"]
    page = deployed.must("url", "api-gateway-lambda", "--local").out.strip()
    assert outputs["websocket_url"] == deployed.url()
    assert outputs["http_urls"]["api-gateway-lambda"] == page
    assert deployed.local("status").last["http_urls"] == outputs["http_urls"]
    unknown = deployed.run("url", "api-gateway-lamda", "--local", "--json")
    assert unknown.code == 2
    assert unknown.last["hint"] == "Did you mean api-gateway-lambda?"
