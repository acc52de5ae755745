"""A request as it was sent, and an answer as it goes out."""

from __future__ import annotations

import json

import pytest

from chatops.local.front.errors import Refused
from chatops.local.front.request import Request, Response, as_json, refusal


def request(target: str = "/", *headers: tuple[str, str]) -> Request:
    return Request("GET", target, headers, "127.0.0.1")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [("/a/b", "/a/b", ""), ("/a?b=c?d", "/a", "b=c?d"), ("/%3F?", "/%3F", "")],
)
def test_path_and_query_are_told_apart_undecoded(target: str, path: str, query: str) -> None:
    assert (request(target).path, request(target).query) == (path, query)


def test_of_a_parameter_that_is_given_twice_the_last_value_counts() -> None:
    one = request("/?a=1&b=x%20y&a=2")
    assert (one.parameter("a"), one.parameter("b"), one.parameter("c")) == ("2", "x y", None)


def test_headers_of_one_name_are_joined_in_their_order_whatever_their_case() -> None:
    one = request("/", ("X-A", "1"), ("Host", "h"), ("x-a", "2"))
    assert (one.header("x-a"), one.header("host"), one.header("cookie")) == ("1,2", "h", None)


def test_an_answer_says_how_long_it_is_and_one_without_a_body_does_not() -> None:
    one = Response(200, "안".encode(), {"X-A": "1"}, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert one.all_headers() == [("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Length", "3")]
    assert Response(204).all_headers() == []


def test_a_status_that_http_does_not_know_has_no_reason() -> None:
    assert (Response(410).reason, Response(299).reason) == ("Gone", "")


def test_a_document_is_sent_as_json() -> None:
    one = as_json(200, {"a": "안녕"})
    assert (json.loads(one.body), one.headers) == ({"a": "안녕"}, {"Content-Type": "application/json"})


def test_a_refusal_names_its_error_in_a_header_where_it_has_a_name() -> None:
    named = refusal(Refused(410, "Gone", "it ended", "GoneException"), '{"message": "Gone"}')
    assert (named.status, named.body) == (410, b'{"message": "Gone"}')
    assert named.headers == {"Content-Type": "application/json", "x-amzn-ErrorType": "GoneException"}
    assert "x-amzn-ErrorType" not in refusal(Refused(500, "x", "y"), "{}").headers
