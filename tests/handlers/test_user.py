"""`GET /user/{userId}`, as API Gateway's payload format 2.0 calls it."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from user import lambda_handler


def asked(query: str = "", user: str = "1", **more: Any) -> dict[str, Any]:
    """The event of a request with this raw query. The joined parameters are there, as on AWS, and wrong on purpose."""
    return {
        "version": "2.0",
        "routeKey": "GET /user/{userId}",
        "rawPath": f"/user/{user}",
        "rawQueryString": query,
        "queryStringParameters": {"title": "never this one"},
        "pathParameters": {"userId": user},
        "requestContext": {"http": {"method": "GET", "path": f"/user/{user}"}},
        **more,
    }


def answer(event: dict[str, Any]) -> Any:
    return json.loads(lambda_handler(event, None)["body"])


def test_the_tutorials_request_gets_the_tutorials_answer_to_the_byte() -> None:
    response = lambda_handler(asked(f"title={quote('안녕하세요')}"), None)
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"] == "application/json; charset=utf-8"
    assert response["body"] == '{"id":"1","method":"GET","title":"안녕하세요"}'


def test_without_a_title_it_is_null() -> None:
    assert lambda_handler(asked(), None)["body"] == '{"id":"1","method":"GET","title":null}'
    assert answer(asked("titles=1&xtitle=2"))["title"] is None


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("title=", ""),
        ("title", ""),
        ("title=a+b%20c", "a b c"),
        ("title=100%25", "100%"),
        ("title=a%26b%3Dc", "a&b=c"),
        ("title=1%2C2", "1,2"),
        ("title=%EC%95%88", "안"),
        ("title=%FF", "\N{REPLACEMENT CHARACTER}"),
        ("title=%ZZ", "%ZZ"),
        ("%74itle=x", "x"),
        ("title=%3Cscript%3E%22", '<script>"'),
    ],
)
def test_a_title_is_percent_decoded_once(query: str, title: str) -> None:
    assert answer(asked(query))["title"] == title


def test_the_first_of_repeated_titles_counts() -> None:
    assert answer(asked("x=0&title=first,one&title=second"))["title"] == "first,one"


def test_an_id_may_be_korean_and_may_have_a_percent_sign() -> None:
    assert answer(asked(user="은정"))["id"] == "은정"
    assert answer(asked(user="100%25"))["id"] == "100%"


def test_anything_else_in_the_request_is_ignored() -> None:
    noisy = asked("id=9&method=DELETE&title=t&x=1", body="{broken", headers={"x-title": "no"}, cookies=["title=no"])
    assert answer(noisy) == {"id": "1", "method": "GET", "title": "t"}


def test_it_logs_one_line_of_json_without_contents(capsys: pytest.CaptureFixture[str]) -> None:
    lambda_handler(asked("title=secret"), None)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "user"
    assert "secret" not in line


@pytest.mark.parametrize(
    "bad", [{}, {"key1": "value1"}, {**asked(), "pathParameters": None}, {**asked(), "requestContext": {}}]
)
def test_an_event_of_no_request_is_refused_with_one_line(
    capsys: pytest.CaptureFixture[str], bad: dict[str, Any]
) -> None:
    assert lambda_handler(bad, None) == {"statusCode": 400}

    (line,) = capsys.readouterr().out.splitlines()
    assert (json.loads(line)["status"], json.loads(line)["error"]) == (400, "BadEvent")
