"""The local AWS as the front calls it: clients without a rate limit, in threads, never the user's credentials."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..emulator import CREDENTIALS, FORWARDED, Credential
from ..keys import LocalKeys
from .errors import Refused
from .turns import Turns

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

ONCE = {"total_max_attempts": 1}
LONGEST = 900 + 10
"""Seconds. A function may run for fifteen minutes, whether or not API Gateway still waits for it."""

LOG_STREAM = "api-gateway"
"""The log stream for what API Gateway says of a function."""
READERS = 8
INVOCATIONS = 64
"""How many functions run at the same time at most."""


class LocalAws:
    """One region of the local AWS, called as the account's root user."""

    def __init__(self, endpoint_url: str, region: str, keys: LocalKeys) -> None:
        session = botocore.session.Session()
        session.set_credentials(*keys.pair)
        self.endpoint_url = endpoint_url.rstrip("/")
        self.region = region
        self.partition = str(session.get_partition_for_region(region))
        self.forward_header = {FORWARDED: keys.forward_token}

        def client(service: str, **options: Any) -> Any:
            options = {"connect_timeout": 5, "read_timeout": 10, "proxies": {}, "retries": ONCE, **options}
            return session.create_client(service, region, endpoint_url=self.endpoint_url, config=Config(**options))

        self.gateway = client("apigatewayv2", max_pool_connections=READERS)
        self.iam = client("iam", max_pool_connections=READERS)
        self.sts = client("sts")
        self.logs = client("logs")
        self.functions = client("lambda", max_pool_connections=READERS)
        self.runtime = client("lambda", max_pool_connections=INVOCATIONS, read_timeout=LONGEST)
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._invocations = ThreadPoolExecutor(INVOCATIONS, "invocation")
        self._turns = Turns(INVOCATIONS)

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a short call, outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: call(*args, **kwargs))

    async def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for what a client's request hangs on. Refused when there is no answer."""
        try:
            return await self.read(call, *args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            raise Refused(500, "Internal server error", f"the local AWS says: {error}") from error

    def credential(self, access_key: str) -> Credential | None:
        """Return whose an access key is; None for an unknown one. Raise OSError or HTTPException."""
        where = urlsplit(self.endpoint_url)
        local = HTTPConnection(where.hostname or "", where.port or 80, timeout=10)
        try:
            local.request("GET", CREDENTIALS + quote(access_key, safe=""), headers=self.forward_header)
            answer = local.getresponse()
            found = json.loads(answer.read())
            if answer.status not in (200, 404):
                raise HTTPException(f"{answer.status} {found}")
            return Credential(**found) if answer.status == 200 else None
        finally:
            local.close()

    async def invoke(self, function: str, payload: bytes) -> Any:
        """Lambda's Invoke, with its answer's payload read."""

        def call() -> Any:
            answer = self.runtime.invoke(FunctionName=function, Payload=payload)
            return {**answer, "Payload": answer["Payload"].read()}

        async with self._turns:
            return await asyncio.get_running_loop().run_in_executor(self._invocations, call)

    async def log(self, function: str, message: str) -> None:
        """Writes an event to the log of a function, given by its ARN, if it has a log group."""
        where = {"logGroupName": f"/aws/lambda/{function.split(':')[6]}", "logStreamName": LOG_STREAM}

        def write() -> None:
            with suppress(self.logs.exceptions.ResourceAlreadyExistsException):
                self.logs.create_log_stream(**where)
            self.logs.put_log_events(logEvents=[{"timestamp": int(time.time() * 1000), "message": message}], **where)

        try:
            await self.read(write)
        except (BotoCoreError, ClientError) as error:
            log.warning("the log of %s cannot be written: %s", function, error)

    def pages(self, operation: str, **arguments: Any) -> Iterator[Any]:
        """Every item that an operation of API Gateway lists."""
        for page in self.gateway.get_paginator(operation).paginate(**arguments):
            yield from page.get("Items", ())

    def close(self) -> None:
        """Starts nothing that has not started."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._invocations.shutdown(wait=False, cancel_futures=True)
