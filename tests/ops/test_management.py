"""The @connections endpoint: what its answers mean, and which requests are made again."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from chatops.ops import connections
from chatops.ops.connections import Connection
from chatops.ops.management import Management

from .gateway import LIVE, NOON, Gateway


@pytest.mark.parametrize("body", [None, {"message": None}, {"Message": "Gone", "code": "GoneException"}, b"<html>"])
def test_a_gone_connection_is_told_by_the_status_whatever_the_body(
    gateway: Gateway, management: Management, body: Any
) -> None:
    gateway.answers["a="] = [(410, body)]
    (one,) = connections.probe(management, [Connection("a=", connected_at=NOON)])
    assert one == Connection("a=", False, NOON)
    assert one.state == "stale"


@pytest.mark.parametrize("message", ["Invalid connectionId: a=", "Invalid Connection Id"])
def test_an_id_that_api_gateway_never_gave_is_stale(gateway: Gateway, management: Management, message: str) -> None:
    gateway.answers["a="] = [(400, {"message": message})]
    (one,) = connections.probe(management, [Connection("a=")])
    assert one.state == "stale"


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, None), (404, {"message": "Not Found"}), (404, b"<html>"), (400, None), (400, b"<html>Bad Request</html>")],
)
def test_what_a_stranger_answers_makes_no_row_stale(
    gateway: Gateway, management: Management, status: int, body: Any
) -> None:
    gateway.answers["a="] = [(status, body)]
    with pytest.raises(ClientError):
        connections.probe(management, [Connection("a=")])


class Broken:
    """An HTTP pool whose first requests fail, each with one of these errors."""

    def __init__(self, management: Management, *errors: Exception) -> None:
        self.errors, self.send_whole = list(errors), management._http.send
        management._http.send = self.send  # type: ignore[method-assign]

    def send(self, request: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return self.send_whole(request)


REFUSED = EndpointConnectionError(endpoint_url="https://x", error="refused")
SLOW = ConnectTimeoutError(endpoint_url="https://x")
LOST = ReadTimeoutError(endpoint_url="https://x")


@pytest.mark.parametrize("error", [REFUSED, SLOW, LOST])
def test_one_failed_connect_among_many_ends_nothing(gateway: Gateway, management: Management, error: Exception) -> None:
    rows = [Connection(f"c{number}=") for number in range(50)]
    gateway.answers = {one.connection_id: [(200, LIVE)] for one in rows}
    Broken(management, error, error)
    assert [one.is_live for one in connections.probe(management, rows)] == [True] * 50


@pytest.mark.parametrize(("error", "sent"), [(REFUSED, 1), (SLOW, 1), (LOST, 0)])
def test_a_post_is_made_again_only_when_nothing_of_it_was_sent(
    gateway: Gateway, management: Management, error: Exception, sent: int
) -> None:
    gateway.answers["a="] = [(200, None)]
    Broken(management, error)
    assert connections.send(management, [Connection("a=")], "hi").done == sent


def test_a_network_that_stays_away_is_told(management: Management) -> None:
    Broken(management, *[REFUSED] * 100)
    with pytest.raises(EndpointConnectionError):
        connections.probe(management, [Connection("a=")])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_refusal_makes_nobody_stale_and_is_asked_again(
    gateway: Gateway, management: Management, status: int
) -> None:
    gateway.answers["a="] = [(status, None), (status, None), (200, LIVE)]
    (one,) = connections.probe(management, [Connection("a=")])
    assert one.is_live is True
    assert len(gateway.asked) == 3


@pytest.mark.parametrize("status", [403, 429])
def test_a_refusal_that_does_not_pass_is_raised_and_makes_nobody_stale(
    gateway: Gateway, management: Management, status: int
) -> None:
    gateway.answers["a="] = [(status, {"message": "Forbidden"})]
    with pytest.raises(ClientError, match="Forbidden"):
        connections.probe(management, [Connection("a=")])


def test_an_id_with_any_characters_arrives_as_it_is(gateway: Gateway, management: Management) -> None:
    wild = "a/b=?c&d%20 ü"
    gateway.answers[wild] = [(200, LIVE)]
    (one,) = connections.probe(management, [Connection(wild)])
    assert one.is_live is True
    assert gateway.asked == [("GET", wild)]


def test_every_request_is_signed(gateway: Gateway, management: Management) -> None:
    connections.probe(management, [Connection("a=")])
    assert "Credential=test/" in gateway.headers[0]
    assert "/ap-northeast-2/execute-api/aws4_request" in gateway.headers[0]
