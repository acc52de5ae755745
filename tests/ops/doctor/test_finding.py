"""Findings: which of them make the doctor fail, and what is said of a check that could not be made."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from chatops.ops.doctor.finding import Diagnosis, Finding, Severity, error, info, ok, unchecked, warning


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetRole")


def test_only_an_error_makes_the_doctor_fail() -> None:
    assert Diagnosis(()).is_ok
    assert Diagnosis((warning("a"), info("b"), ok("c"))).is_ok
    assert not Diagnosis((warning("a"), error("b"))).is_ok


def test_findings_of_one_severity_stay_in_their_order() -> None:
    some = Diagnosis((warning("a"), ok("b"), warning("c")))
    assert [one.what for one in some.of(Severity.WARNING)] == ["a", "c"]


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_what_aws_does_not_show_is_no_trouble_and_says_who_may_allow_it(code: str) -> None:
    found = unchecked("The quotas", refusal(code))
    assert (found.severity, found.what) == (Severity.INFO, "The quotas could not be checked")
    assert code in found.why
    assert "chatops policy" in found.hint


def test_what_something_like_aws_does_not_know_needs_nothing_to_be_done() -> None:
    assert unchecked("The quotas", refusal("UnknownOperationException")).hint == ""


def test_a_mistake_of_ours_is_a_warning_and_no_shrug() -> None:
    found = unchecked("The quotas", KeyError("AccountLimit"))
    assert (found.severity, found.what) == (Severity.WARNING, "The quotas could not be checked")
    assert isinstance(found, Finding) and "KeyError" in found.why and found.hint
