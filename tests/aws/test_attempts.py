"""What botocore is kept from repeating."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError

from chatops.aws import Aws, Interrupted

from .calls import SEOUL


def attempts_of(aws: Aws) -> list[Any]:
    """The attempts that calls of STS's make; the list grows."""
    made: list[Any] = []
    aws.client("sts").meta.events.register("before-send", lambda request, **_: made.append(request))
    return made


def test_where_nobody_listens_no_second_attempt_is_made() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        aws = Aws(SEOUL, keys=("test", "test"), endpoint_url=f"http://127.0.0.1:{unheard.getsockname()[1]}")
        made = attempts_of(aws)
        with pytest.raises(EndpointConnectionError):
            _ = aws.account
    assert len(made) == 1


def test_a_call_that_fails_after_the_stop_is_not_made_again() -> None:
    aws = Aws(SEOUL, keys=("test", "test"))

    def fail(**_: Any) -> Any:
        aws.stop.set()
        return AWSResponse("http://x", 500, {}, SimpleNamespace(stream=lambda: iter(()), read=lambda *_: b""))

    aws.client("sts").meta.events.register_first("before-send", fail)
    made = attempts_of(aws)
    with pytest.raises(Interrupted):
        _ = aws.account
    assert len(made) == 1
