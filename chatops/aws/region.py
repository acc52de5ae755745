"""The region that a run works in. On AWS there is no default: who means no region in particular is asked for one."""

from __future__ import annotations

import difflib
import os

import botocore.session

from ..errors import NoRegion, UsageError

LOCAL = "ap-northeast-2"
"""The region of a local run that names none."""


def chosen(
    flag: str | None, written: str | None, *, profile: str | None, local: bool, written_at: str = "the config"
) -> str:
    """The region that `--region`, the config, the environment and the profile lead to, in this order.

    `written_at` says where the config names it. A local run has no profile. Raises UsageError when none of them names a
    region, or one that AWS has not.
    """
    region = flag or written or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        region = LOCAL if local else botocore.session.Session(profile=profile).get_config_variable("region")
    if not region:
        raise NoRegion
    return _known(region, written_at if written and not flag else "")


def _known(region: str, written_at: str) -> str:
    # Without the variables that name a profile, which may not exist: the list of regions is the same for all.
    session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    partitions = session.get_available_partitions()
    known = [one for name in partitions for one in session.get_available_regions("lambda", name)]
    if region in known:
        return region
    named = f"{written_at} names it, and " if written_at else ""
    near = difflib.get_close_matches(region, known, 1)
    raise UsageError(
        "no-such-region",
        f"There is no region {region!r}",
        f"{named}it is not in the list of AWS's regions that this botocore has",
        f"Did you mean {near[0]}?" if near else "A new region may need a newer boto3: pip install -U boto3",
    )
