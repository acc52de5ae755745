"""Who we are, until when, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timezone

from . import clock as clocks
from .finding import Finding, info, ok, warning
from .patient import Patient

SOON = 15 * 60
"""Seconds before their end at which credentials deserve a warning."""


def credentials(patient: Patient) -> Iterator[Finding]:
    """Whose credentials these are, and whether they end soon."""
    who = patient.caller_arn.partition("::")[2] or patient.caller_arn
    if patient.is_local:
        yield ok(f"The credentials are {who}", "of what stands in for AWS")
        return
    if patient.caller_arn.endswith(":root"):
        yield warning(
            "The credentials are the account's root user",
            "nothing limits what they may do, and nobody can tell who used them",
            "aws configure sso",
        )
    renewed = patient.aws.credentials_end
    ends = renewed or _end(patient.aws.credentials.access_key)
    if ends is None and not patient.aws.credentials.token:
        yield ok(f"The credentials are {who}", "a key of an IAM user, which does not expire")
    elif ends is None:
        yield info(f"The credentials are {who}", "they are temporary, and do not say until when")
    elif (left := (ends - datetime.now(timezone.utc)).total_seconds()) < SOON and not renewed:
        yield warning(f"The credentials end in {max(0, left) / 60:.0f} minutes", who, "aws sso login")
    else:
        how = "and are renewed as long as the sign-in lasts" if renewed else "and then have to be fetched again"
        yield ok(f"The credentials are {who}", f"they last until {ends.astimezone(timezone.utc):%H:%M} UTC {how}")


def clock(patient: Patient) -> Iterator[Finding]:
    """How far this machine's clock is off."""
    yield from clocks.findings(patient.clock_offset)


def region(patient: Patient) -> Iterator[Finding]:
    """Where we look, who chose that, and whether the config meant it."""
    aws, config = patient.aws, patient.config
    if config.region and config.region != aws.region:
        yield warning(
            f"The region is {aws.region}, and the config says {config.region}",
            "--region wins over the config",
            f"chatops doctor --region {config.region}",
        )
    chosen = f"chosen by {patient.region_from}; " if patient.region_from else ""
    pinned = (
        "the config allows no other account" if config.account else "`account:` in the config would pin the account"
    )
    yield ok(f"The region is {aws.region}, the account {aws.account}", chosen + pinned)


def _end(access_key: str) -> datetime | None:
    """When credentials from the environment end, where whoever put them there said so."""
    if os.environ.get("AWS_ACCESS_KEY_ID") != access_key:
        return None
    try:
        # `aws configure export-credentials` says so, and aws-vault.
        then = datetime.fromisoformat(os.environ.get("AWS_CREDENTIAL_EXPIRATION", "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=timezone.utc)
