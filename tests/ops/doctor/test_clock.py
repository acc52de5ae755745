"""This machine's clock, held against the date of an answer."""

from __future__ import annotations

import pytest

from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import Proxy
from .breakages import ERROR, WARNING, again

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("ahead", "severity", "what"),
    [
        (0, Severity.OK, "The clock agrees with AWS's"),
        (90, WARNING, "This machine's clock is 90 s behind AWS's"),
        (-90, WARNING, "This machine's clock is 90 s ahead of AWS's"),
        (280, ERROR, "This machine's clock is 280 s behind AWS's"),
    ],
)
def test_the_clock_is_held_against_the_date_of_an_answer(
    proxy: Proxy, stack: Stack, ahead: float, severity: Severity, what: str
) -> None:
    proxy.clock = ahead
    (found,) = (one for one in examine(lambda: again(stack)).findings if "clock" in one.what)
    assert found.severity is severity
    told, expected = ([word for word in text.split() if not word.isdigit()] for text in (found.what, what))
    assert told == expected
    seconds = [int(word) for word in found.what.split() if word.isdigit()]
    assert not seconds or abs(seconds[0] - abs(ahead)) <= 5


def test_a_clock_that_aws_refuses_is_told_by_the_refusal_itself(proxy: Proxy, stack: Stack) -> None:
    proxy.clock = 900
    expired = "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z (20250101T001500Z - 5 min.)"
    proxy.refuse(lambda one: one.service == "sts", "SignatureDoesNotMatch", expired, 403)
    refused, clock = examine(lambda: again(stack)).findings
    assert "five minutes off (timedatectl set-ntp true)" in refused.why
    assert clock.severity is ERROR
    assert abs(int(next(word for word in clock.what.split() if word.isdigit())) - 900) <= 5
    assert "behind AWS's" in clock.what
