"""Who we are and until when: what botocore knows of it without AWS; and where we look."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from chatops.aws import Aws
from chatops.ops.doctor import identity
from chatops.ops.doctor.finding import Finding, Severity
from chatops.ops.doctor.patient import Patient
from chatops.stack import Stack

from ..stand_ins import REGION, SMALL, Proxy
from .breakages import WARNING, run


def told(credentials: Any, arn: str = "arn:aws:sts::123456789012:assumed-role/ops/me") -> Finding:
    aws = Aws(REGION)
    aws.__dict__["_session"] = SimpleNamespace(get_credentials=lambda: credentials)
    patient = Patient(SimpleNamespace(aws=aws), arn, 0.0, "", 60)  # type: ignore[arg-type]
    return next(iter(identity.credentials(patient)))


def test_credentials_are_told_with_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    now = datetime.now(timezone.utc)
    assert "does not expire" in told(Credentials("a", "b")).why
    unknown = told(Credentials("a", "b", "token"))
    assert (unknown.severity, "do not say until when" in unknown.why) == (Severity.INFO, True)
    renewed = told(RefreshableCredentials("a", "b", "c", now + timedelta(minutes=5), lambda: {}, "sso"))
    assert (renewed.severity, "are renewed" in renewed.why) == (Severity.OK, True)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(minutes=5)).isoformat())
    ending = told(Credentials("a", "b", "token"))
    assert (ending.severity, ending.what) == (WARNING, "The credentials end in 5 minutes")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(hours=5)).isoformat().replace("+00:00", "Z"))
    assert told(Credentials("a", "b", "token")).severity is Severity.OK
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (now + timedelta(hours=5)).replace(tzinfo=None).isoformat())
    assert told(Credentials("a", "b", "token")).severity is Severity.OK, "a time of no zone is UTC's"
    assert told(Credentials("other", "b", "token")).severity is Severity.INFO, "it is about other credentials"


def test_the_root_user_is_a_warning() -> None:
    found = told(Credentials("a", "b"), "arn:aws:iam::123456789012:root")
    assert (found.severity, found.what) == (WARNING, "The credentials are the account's root user")


@pytest.mark.e2e
@pytest.mark.slow
def test_a_flag_that_overrules_the_config_is_told(proxy: Proxy, stack: Stack) -> None:
    stack.config.file.write_text(SMALL + "region: us-east-1\n")
    document = json.loads(run(proxy, stack, "--json").stdout)
    told = [one["what"] for one in document["findings"] if one["severity"] == "warning"]
    assert told == [f"The region is {REGION}, and the config says us-east-1"]
