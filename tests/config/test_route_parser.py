"""Routes: those that API Gateway takes, and those that lead nowhere."""

from __future__ import annotations

import pytest

from .reading import HTTP, problems, read


def test_a_default_route_whose_function_is_gone_is_told() -> None:
    told = problems("functions: {websocket-connect: {source: handlers/connect.py}}\n")
    assert any("websocket.routes.$disconnect: leads to 'websocket-disconnect'" in one for one in told)
    assert any("http_apis.api-gateway-lambda.routes.GET /: leads to 'aws-gateway-lambda'" in one for one in told)


def test_a_route_of_the_default_that_the_new_functions_leave_alone_is_told_where_they_stand() -> None:
    told = problems("prefix: dev-\nfunctions:\n  websocket-connect: {source: handlers/connect.py}\n")
    assert [one.split(":")[0] for one in told] == ["3"] * 5


def test_each_route_that_leads_nowhere_is_told_in_its_own_line() -> None:
    told = problems("websocket:\n  routes:\n    $connect: websocket-connect\n    a: websocket-send\n    b: nobody\n")
    assert told == ["5: websocket.routes.b: leads to 'nobody', which is not in functions"]
    told = problems("http_apis:\n  page:\n    routes:\n      GET /: aws-gateway-lambda\n      GET /x: nobody\n")
    assert told == ["5: http_apis.page.routes.GET /x: leads to 'nobody', which is not in functions"]


@pytest.mark.parametrize(
    "route", ["GET /", "GET /x/", "ANY /{p+}", "GET /a/{b}/c/{d+}", "GET /{a}/{b}", "$default", "POST /a.b~c/%20"]
)
def test_a_route_that_api_gateway_takes_is_read(route: str) -> None:
    assert read(HTTP % route).http_apis["page"].routes == {route: "aws-gateway-lambda"}


@pytest.mark.parametrize(
    "route", ["GET /{p+}/x", "GET //", "GET /a//b", "GET /{p+}/", "GET /{p}/{p}", "GET /{p}/{p+}", "GET ", "GET x"]
)
def test_a_route_that_api_gateway_refuses_is_told(route: str) -> None:
    told = problems(HTTP % f'"{route}"')
    assert any(one.startswith(f"4: http_apis.page.routes.{route}: ") for one in told)


@pytest.mark.parametrize("api", ["websocket: {routes: {$connect: ''}}", "http_apis: {page: {routes: {GET /: ''}}}"])
def test_a_route_that_leads_to_nothing_is_told(api: str) -> None:
    assert problems(api)
