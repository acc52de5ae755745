"""AWS as seen from one account and region: clients, names of things, addresses, rates and waiting."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.utils import get_environ_proxies

from ..deploy.resource import current_listener
from ..deploy.threads import result_of, thread_pool
from . import attempts, credential_process
from .http import HttpSession
from .in_flight import CallsInFlight
from .patience import LIMIT, Patience, countdown, pause_after
from .rate import RateLimit
from .refusal import passes_by_itself

STACK_TAG = "chatops:stack"
"""Everything that chatops creates carries this tag; its value is the stack's name."""

RATES = {"apigatewayv2": (10.0, 40.0), "lambda": (15.0, 15.0), "iam": (15.0, 30.0)}
"""Requests per second and burst that each control plane takes from one account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

T = TypeVar("T")


class Interrupted(Exception):
    """The run was stopped while it waited."""


class TimedOut(Exception):
    """AWS did not get ready within the time that it usually needs."""


class Aws:
    """One account and region. Clients are made once each, when they are first needed; safe to share by threads.

    `endpoint_url` replaces AWS by something that speaks like it; `keys` replace the user's own credentials.
    With `endpoint_from_settings` botocore reads that URL by itself, and may find another one for a single service.
    After `stop` is set every wait ends with `Interrupted`. `deleting_api` is held by who deletes an API.
    """

    def __init__(
        self,
        region: str,
        *,
        profile: str | None = None,
        endpoint_url: str | None = None,
        endpoint_from_settings: bool = False,
        keys: tuple[str, str] | None = None,
        front_url: str | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        self.front_url = front_url
        self.stop = stop or threading.Event()
        self.deleting_api = threading.Lock()
        self._keys = keys
        self._profile = profile
        self._clients_endpoint = None if endpoint_from_settings else endpoint_url
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock, self._asking, self._paging = threading.Lock(), threading.Lock(), threading.Lock()
        self._account: Future[str] | None = None
        self._calls = CallsInFlight(current_listener())

    @cached_property
    def _session(self) -> Any:
        if self._keys:
            session = botocore.session.Session()
            session.set_credentials(*self._keys)
        else:
            credential_process.limit()
            session = botocore.session.Session(profile=self._profile)
        # The clients that fetch credentials are made by botocore, and bound by this alone.
        session.set_default_client_config(
            Config(
                retries={"mode": "standard", "total_max_attempts": 8},
                connect_timeout=attempts.CONNECT_SECONDS,
                read_timeout=attempts.READ_SECONDS,
            )
        )
        self._calls.watch(session)
        attempts.limit_all(session, lambda: self._calls.has_answer)
        return session

    def _load_credentials(self) -> Any:
        """Return the credentials of the session. Raise NoCredentialsError when there are none."""
        profile = f"profile {self._profile}" if self._profile else "environment, profile, instance"
        with self._calls.waiting(f"Looking for AWS credentials ({profile})"):
            credentials = self._session.get_credentials()
        if credentials is None:
            # Else each client would look again, and where there is no instance metadata that takes seconds.
            raise NoCredentialsError
        return credentials

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        """The client of one service, shared by all callers."""
        key = service, endpoint_url or self._clients_endpoint
        # Who wants one that is there does not wait for another that is being made, which takes long.
        if key not in self._clients:
            with self._lock:
                if key not in self._clients:
                    self._clients[key] = self._make_client(*key)
        return self._clients[key]

    def _make_client(self, service: str, endpoint_url: str | None) -> Any:
        config = Config(
            max_pool_connections=64,
            user_agent_extra="chatops",
            proxies={} if self._keys else None,
        )
        self._load_credentials()
        client = self._session.create_client(service, region_name=self.region, endpoint_url=endpoint_url, config=config)
        is_local = self.front_url is not None and client.meta.endpoint_url == self.endpoint_url
        if service in RATES and not is_local:  # the local AWS has no quotas
            limit = RateLimit(*RATES[service], stop=self.stop)
            client.meta.events.register(f"before-send.{service}", lambda **_: limit.wait())
        service_id = client.meta.service_model.service_id.hyphenize()
        patience = Patience(service, passes_by_itself, self.pause, self._calls)
        client.meta.events.register_first(f"needs-retry.{service_id}", patience)
        attempts.limit(client, lambda: self.pause(0))
        return client

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Every item that a paginated operation lists under `key`."""
        for page in self.paginator(service, operation).paginate(**arguments):
            yield from page.get(key, ())

    def paginator(self, service: str, operation: str) -> Any:
        """The paginator of an operation.

        botocore searches its folder of every service for paginators, once; without the lock, each thread would.
        """
        client = self.client(service)
        with self._paging:
            return client.get_paginator(operation)

    @property
    def credentials(self) -> Any:
        """The credentials that sign, fresh at every call. Raises NoCredentialsError when there are none."""
        with self._lock:
            credentials = self._load_credentials()
        return credentials.get_frozen_credentials()

    @property
    def credentials_end(self) -> datetime | None:
        """When the credentials that sign end by themselves, where that is known."""
        with self._lock:
            ends = getattr(self._session.get_credentials(), "_expiry_time", None)
        return ends if isinstance(ends, datetime) else None

    def http(self, url: str, in_flight: int) -> HttpSession:
        """A pool of kept-alive connections, set up as botocore's clients set theirs up."""
        bundle = self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return HttpSession(
            self._calls,
            f"execute-api, {self.region}",
            verify=(not self._keys and bundle) or True,
            proxies={} if self._keys else get_environ_proxies(url),
            max_pool_connections=in_flight,
        )

    @property
    def account(self) -> str:
        """The id of the account that the credentials belong to. Who asks meanwhile gets the same answer or error."""
        if "account" in self.__dict__:
            return str(self.__dict__["account"])
        with self._asking:
            asked = self._account
            is_first = asked is None or (asked.done() and asked.exception() is not None)
            if asked is None or is_first:
                asked = self._account = Future()
        if is_first:
            try:
                asked.set_result(str(self.client("sts").get_caller_identity()["Account"]))
            except BaseException as error:
                # A Ctrl-C is for the thread that got it.
                asked.set_exception(error if isinstance(error, Exception) else Interrupted())
                raise
        return str(self.__dict__.setdefault("account", asked.result()))

    def elsewhere(self, region: str) -> Aws:
        """The same credentials in another region. Clients share the lock: botocore's session makes one at a time."""
        other = copy(self)
        other.region, other._clients = region, {}
        return other

    def regions(self, service: str) -> list[str]:
        """The regions of this partition that botocore knows for a service."""
        return list(self._session.get_available_regions(service, self.partition))

    @cached_property
    def partition(self) -> str:
        return str(self._session.get_partition_for_region(self.region))

    @cached_property
    def dns_suffix(self) -> str:
        """The domain under which this region's endpoints are, such as amazonaws.com or amazonaws.com.cn."""
        data = self._session.get_component("data_loader").load_data("partitions")
        found = next(one for one in data["partitions"] if one["id"] == self.partition)
        return str(found["outputs"]["dnsSuffix"])

    def arn(self, service: str, resource: str, *, account: bool = True, region: bool = True) -> str:
        """The ARN of a resource of this account and region, or of a global or account-less one."""
        where = self.region if region else ""
        return f"arn:{self.partition}:{service}:{where}:{self.account if account else ''}:{resource}"

    def websocket_url(self, api_id: str, stage: str) -> str:
        """The address that chat clients connect to."""
        return "ws" + self.connections_url(api_id, stage)[len("http") :]

    def connections_url(self, api_id: str, stage: str) -> str:
        """The @connections endpoint of a WebSocket API's stage.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
        """
        if self.front_url:
            return f"{self.front_url}/{api_id}/{stage}"
        if self.endpoint_url:
            return f"{self.endpoint_url.rstrip('/')}/_aws/execute-api/{api_id}/{stage}"
        return f"https://{api_id}.execute-api.{self.region}.{self.dns_suffix}/{stage}"

    def http_url(self, api_id: str) -> str:
        """The default endpoint of an HTTP API, without a slash at its end."""
        if self.front_url:
            return f"{self.front_url}/{api_id}"
        if self.endpoint_url:
            return f"{self.endpoint_url.rstrip('/')}/_aws/execute-api/{api_id}"
        return f"https://{api_id}.execute-api.{self.region}.{self.dns_suffix}"

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Makes several calls at the same time and gives their answers in order. The first error is raised."""
        with thread_pool(min(16, len(calls) or 1), "together") as pool:
            futures = [pool.submit(copy_context().run, call) for call in calls]
            return [result_of(future) for future in futures]

    def pause(self, seconds: float) -> None:
        """Waits. Raises Interrupted when the run is stopped meanwhile."""
        if self.stop.wait(seconds):
            raise Interrupted

    def wait_until(self, ready: Callable[[], T | None], *, what: str, limit: float = 120.0, every: float = 0.2) -> T:
        """Asks until `ready` gives something, ever less often, for at most `limit` seconds; else raises TimedOut.

        A pause lasts `every` seconds at least, and a fortieth of the time that has passed: prompt, and ever cheaper.
        """
        began = time.monotonic()
        while not (answer := ready()):
            waited = time.monotonic() - began
            if waited >= limit:
                raise TimedOut(f"{what} took more than {limit:.0f} seconds")
            self.pause(min(max(every, waited / 40), 1.5))
        return answer

    def retry(
        self,
        call: Callable[[], T],
        *,
        when: Callable[[ClientError], bool],
        say: Callable[[str], None],
        text: str,
        limit: float = LIMIT,
    ) -> T:
        """Makes a call again while AWS refuses it for a reason that passes by itself, for at most `limit` seconds."""
        began = time.monotonic()
        while True:
            try:
                return call()
            except ClientError as error:
                waited = time.monotonic() - began
                if not when(error) or waited >= limit:
                    raise
            say(f"{text} {countdown(waited, limit)}")
            self.pause(pause_after(waited))
