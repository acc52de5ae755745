"""The access keys that functions run with.

MiniStack makes a function's keys of its ARN and its role's, so the front can make the same and check a function's
signatures itself: a broadcast to two thousand clients is two thousand of them, each a round trip less. Nothing but
speed depends on it: a key that is not found here is asked about.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from botocore.credentials import Credentials

from .aws import LocalAws

OFTEN = 1.0
"""Seconds between two readings of the list of functions, whatever unknown keys come meanwhile."""


@dataclass(frozen=True)
class FunctionKey:
    """The credentials of one function's role session, and who that is."""

    credentials: Credentials
    arn: str
    user_id: str


class FunctionKeys:
    """Every function's keys, by access key."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._keys: dict[str, FunctionKey] = {}
        self._read = 0.0

    async def find(self, access_key: str) -> FunctionKey | None:
        """The function's key with this access key, if it is one of a function."""
        if access_key not in self._keys and time.monotonic() - self._read > OFTEN:
            self._read = time.monotonic()
            self._keys = await self._aws.ask(self._all)
        return self._keys.get(access_key)

    def _all(self) -> dict[str, FunctionKey]:
        pages = self._aws.functions.get_paginator("list_functions").paginate()
        keys = [of_function(one) for page in pages for one in page["Functions"]]
        return {str(key.credentials.access_key): key for key in keys}


def of_function(function: Any) -> FunctionKey:
    """What MiniStack's `execution_credentials` gives a function with this configuration."""
    function_arn, role_arn = function["FunctionArn"], function["Role"]
    digest = sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()
    secret, token = (sha256(f"{kind}:{digest}".encode()).hexdigest() for kind in ("secret", "token"))
    credentials = Credentials(f"ASIA{digest[:16].upper()}", secret, token)
    account, session = function_arn.split(":")[4], f"{role_arn.rpartition('/')[2]}/{function['FunctionName'][:64]}"
    return FunctionKey(credentials, f"arn:aws:sts::{account}:assumed-role/{session}", session.replace("/", ":"))
