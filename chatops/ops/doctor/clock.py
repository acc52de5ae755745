"""This machine's clock against AWS's.

A signature is refused when it is five minutes old, or dated as far in the future.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from .finding import Finding, error, info, ok, warning

NOTICEABLE, NEARLY_REFUSED, REFUSED = 30, 240, 300
"""Seconds."""
SET = "timedatectl set-ntp true"


def offset(metadata: Any, began: float) -> float | None:
    """Seconds by which AWS's clock was ahead, by the date of an answer to a request that began then.

    `metadata` is botocore's ResponseMetadata. An HTTP date has whole seconds; half of the request's time is taken off.
    """
    try:
        date = parsedate_to_datetime(metadata["HTTPHeaders"]["date"]).timestamp() + 0.5
    except (KeyError, TypeError, ValueError):
        return None
    return date - (began + time.time()) / 2


def findings(seconds: float | None) -> Iterator[Finding]:
    """What to say of such an offset."""
    if seconds is None:
        yield info("The clock could not be checked", "AWS's answer carried no date")
        return
    what = f"This machine's clock is {abs(seconds):.0f} s {'behind' if seconds > 0 else 'ahead of'} AWS's"
    if abs(seconds) >= NEARLY_REFUSED:
        yield error(what, f"AWS refuses requests whose date is {REFUSED} s off", SET)
    elif abs(seconds) >= NOTICEABLE:
        yield warning(what, "the ages and times that chatops shows are wrong by as much", SET)
    else:
        yield ok("The clock agrees with AWS's")
