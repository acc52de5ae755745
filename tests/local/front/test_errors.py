"""What is told to a client or a caller that is refused, letter by letter as API Gateway tells it."""

from __future__ import annotations

import json

from chatops.local.front.errors import forbidden, frame, missing_token


def test_an_error_on_an_open_connection_has_api_gateways_irregular_spaces() -> None:
    sent = frame("Forbidden", "L0SM9cOFvHcCIhw=", "r1")
    assert sent == '{"message": "Forbidden", "connectionId":"L0SM9cOFvHcCIhw=", "requestId":"r1"}'


def test_text_in_an_error_cannot_end_it() -> None:
    assert json.loads(frame('a"}', 'b"', "c\n")) == {"message": 'a"}', "connectionId": 'b"', "requestId": "c\n"}


def test_both_refusals_are_a_403_that_sdks_tell_apart_and_only_the_log_hears_why() -> None:
    one, other = forbidden("not yours"), missing_token("no signature")
    assert (one.status, one.message, one.error_type) == (403, "Forbidden", "ForbiddenException")
    assert (other.status, other.message) == (403, "Missing Authentication Token")
    assert other.error_type == "MissingAuthenticationTokenException"
    assert (one.why, other.why) == ("not yours", "no signature")
