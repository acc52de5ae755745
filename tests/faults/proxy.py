"""A proxy on loopback that makes a local AWS as unreliable, as slow and as strict as the real one.

It stands between a client (by AWS_ENDPOINT_URL) and a MiniStack, knows each call, and can

- break one: `Proxy.plan(Fault(...))` says which call, and how it ends;
- break many at random: `Weather(failures=0.2, seed=7)`;
- be slow where AWS is slow and refuse what AWS refuses: the other fields of `Weather`, all times one `scale`;
- tell afterwards what was asked, when, and how much of it at a time: `Proxy.trace`.

It also tells three truths that MiniStack does not: the Tagging API lists log groups, GetApis shows an API's tags as
they are now, and an API has one route of a key. The Host header goes on as it was signed.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3

from . import calls
from .calls import Request

ROLE_UNKNOWN = "The role defined for the function cannot be assumed by Lambda."
PENDING = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
UPDATING = "The operation cannot be performed at this time. An update is in progress for resource: "
MODIFIED = "Unable to complete operation due to concurrent modification. Please try again later."
THROTTLES = {"iam": (400, "Throttling"), "sts": (400, "Throttling"), "dynamodb": (400, "ThrottlingException")}


class Kind(str, Enum):
    """How a call ends instead of well."""

    LOST_CALL = "the connection ends before the effect"
    LOST_REPLY = "the connection ends after the effect"
    RESET = "the connection is reset before the effect"
    THROTTLED = "refused: too many requests"
    CONCURRENT = "refused: another change of the API is under way"
    ERROR = "500 before the effect"
    ERROR_AFTER = "500 after the effect"
    DENIED = "refused: AccessDenied"
    DELAYED = "late, then as always"
    KILLED_BEFORE = "the client is killed before the effect"
    KILLED_AFTER = "the client is killed after the effect"


AT_RANDOM = (Kind.LOST_CALL, Kind.LOST_REPLY, Kind.RESET, Kind.THROTTLED, Kind.ERROR, Kind.ERROR_AFTER, Kind.DELAYED)


@dataclass(frozen=True)
class Fault:
    """What happens to which call.

    The call is the `number`-th write (from 1), or the `nth` with this `label`; `times` is how many in a row.
    `seconds` is how late a DELAYED one is.
    """

    kind: Kind
    number: int | None = None
    label: str | None = None
    nth: int = 1
    times: int = 1
    seconds: float = 0.3


@dataclass(frozen=True)
class Weather:
    """How AWS is today. All durations are in AWS's seconds, of which each takes `scale` seconds here.

    `failures` is the part of all calls that fail at random. `rates` are requests per second and burst by service;
    one more is refused with 429. `lag` is for how long a read may show what was before the last write of its service.
    """

    scale: float = 1.0
    seed: int = 0
    failures: float = 0.0
    latency: float = 0.0
    role_assumable: float = 0.0
    table_active: float = 0.0
    table_gone: float = 0.0
    function_active: float = 0.0
    function_updated: float = 0.0
    lag: float = 0.0
    api_deletion_every: float = 0.0
    rates: dict[str, tuple[float, float]] = field(default_factory=dict)


CLEAR = Weather()
LIKE_AWS = Weather(
    latency=0.06,
    role_assumable=8,
    table_active=6,
    table_gone=4,
    function_active=3,
    function_updated=1,
    rates={"apigatewayv2": (10, 40), "lambda": (15, 15)},
)
"""As AWS is on an ordinary day, for measuring against."""


@dataclass
class Call:
    """One call, as the trace has it. Times are of the monotonic clock; `fault` is what was done to it, if anything."""

    request: Request
    nth: int
    started: float
    ended: float = 0.0
    status: int = 0
    fault: Kind | None = None
    refused: str = ""
    forwarded: bool = False

    @property
    def point(self) -> tuple[str, int]:
        """Names the call in every run alike."""
        return self.request.label, self.nth


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Dropped(Exception):
    """The connection ends without an answer; abruptly when `reset`."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class Proxy:
    """A running proxy at `url`. `kill` ends the client when a fault asks for it; `after` is told of what was done."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.kill: Callable[[], None] = lambda: None
        self.after: Callable[[Request], None] = lambda _: None
        self.weather = CLEAR
        self.trace: list[Call] = []
        self.broken: list[Call] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._in_flight = 0
        self.peak_in_flight = 0
        self._is_dead = False
        self._clear()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._boto = boto3.session.Session("test", "test", region_name="ap-northeast-2")
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def plan(self, *faults: Fault, weather: Weather = CLEAR) -> None:
        """Forgets the trace, and from now on does this to the calls that come."""
        self.drain()
        with self._lock:
            self._faults, self.weather, self._is_dead = list(faults), weather, False
            self.trace, self.broken, self.peak_in_flight = [], [], 0
            self._counts.clear()
            self._writes = 0
            self._random = random.Random(weather.seed)
            self._buckets.clear()
            self._buckets.update({name: _Bucket(*rate, weather.scale) for name, rate in weather.rates.items()})
            self._last_deletion = -1e9

    def forget(self) -> None:
        """The AWS behind was emptied."""
        self.after = lambda _: None
        self.plan()
        self._clear()

    def drain(self, limit: float = 30.0) -> None:
        """Returns when no call is under way any more."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._in_flight == 0, limit), "calls are still under way"

    @property
    def writes(self) -> list[Call]:
        """The calls that change something, in the order in which they came."""
        return [call for call in self.trace if call.request.is_write]

    def busiest(self, window: float, service: str, *operations: str) -> int:
        """The most calls of a service, or of these of its operations, that began within any `window` seconds."""
        mine = [call for call in self.trace if call.request.service == service]
        starts = sorted(call.started for call in mine if not operations or call.request.operation in operations)
        return max((sum(at <= one < at + window for one in starts) for at in starts), default=0)

    def most_in_flight(self, service: str) -> int:
        """The most calls of a service that were under way at once."""
        now = most = 0
        mine = [call for call in self.trace if call.request.service == service]
        for _, step in sorted([(one.started, 1) for one in mine] + [(one.ended, -1) for one in mine]):
            now += step
            most = max(most, now)
        return most

    def _clear(self) -> None:
        self._roles: dict[str, float] = {}
        self._tables: dict[str, float] = {}
        self._dying: dict[str, tuple[float, Any]] = {}
        self._pending: dict[str, float] = {}
        self._updating: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._cache: dict[tuple[str, str, bytes], tuple[float, Reply]] = {}
        self._counts: Counter[str] = Counter()
        self._writes = 0
        self._random = random.Random(0)
        self._buckets: dict[str, _Bucket] = {}
        self._last_deletion = -1e9

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """The answer to one request. Raises Dropped when it gets none."""
        request = calls.read(method, target, {key.lower(): value for key, value in headers.items()}, body)
        with self._lock:
            if self._is_dead:
                raise Dropped
            self._counts[request.label] += 1
            call = Call(request, self._counts[request.label], time.monotonic())
            self.trace.append(call)
            self._writes += request.is_write
            fault = self._fault(call)
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        try:
            reply = self._broken(call, fault, lambda: self._today(call, method, target, headers, body))
            call.status = reply.status
            return reply
        finally:
            call.ended = time.monotonic()
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def _fault(self, call: Call) -> Fault | None:
        for fault in self._faults:
            if fault.label is not None:
                hit = call.request.label == fault.label and fault.nth <= call.nth < fault.nth + fault.times
            else:
                number = fault.number or 1
                hit = call.request.is_write and number <= self._writes < number + fault.times
            if hit:
                return fault
        if self.weather.failures and self._random.random() < self.weather.failures:
            is_change = call.request.service == "apigatewayv2" and call.request.is_write
            kinds = (*AT_RANDOM, Kind.CONCURRENT) if is_change else AT_RANDOM
            return Fault(self._random.choice(kinds), seconds=0.1)
        return None

    def _broken(self, call: Call, fault: Fault | None, go_on: Callable[[], Reply]) -> Reply:
        if fault is None:
            return go_on()
        kind = call.fault = fault.kind
        self.broken.append(call)
        service = call.request.service
        if kind is Kind.DELAYED:
            time.sleep(fault.seconds)
            return go_on()
        if kind in (Kind.LOST_CALL, Kind.RESET):
            raise Dropped(reset=kind is Kind.RESET)
        if kind is Kind.THROTTLED:
            return _throttle(service)
        if kind is Kind.CONCURRENT:
            return _refusal(service, 409, "ConflictException", MODIFIED)
        if kind is Kind.ERROR:
            return _refusal(service, 500, "InternalFailure", "We encountered an internal error.")
        if kind is Kind.DENIED:
            return _refusal(service, 403, "AccessDeniedException", "not authorized")
        if kind is Kind.KILLED_BEFORE:
            self._die()
            raise Dropped
        reply = go_on()
        if kind is Kind.ERROR_AFTER:
            return _refusal(service, 500, "InternalFailure", "We encountered an internal error.")
        if kind is Kind.KILLED_AFTER:
            self._die()
        del reply
        raise Dropped

    def _die(self) -> None:
        with self._lock:
            self._is_dead = True
        self.kill()

    def _today(self, call: Call, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        weather, request = self.weather, call.request
        if weather.latency:
            time.sleep(weather.latency * weather.scale)
        refused = self._refused(request)
        if refused:
            call.refused = json.dumps(refused.headers) + refused.body.decode()
            return refused
        key = (request.label, target, body)
        if not request.is_write and weather.lag:
            with self._lock:
                seen = self._cache.get(key)
                written = self._written.get(request.service, -1e9)
            if seen and seen[0] < written and time.monotonic() - written < weather.lag * weather.scale:
                return seen[1]
        asked = time.monotonic()
        call.forwarded = True
        reply = self._completed(request, self._forward(method, target, headers, body))
        self.after(request)
        with self._lock:
            if request.is_write and reply.status < 300:
                self._written[request.service] = time.monotonic()
            reply = self._slowed(request, reply)
            if not request.is_write and weather.lag:
                self._cache[key] = (asked, reply)
        return reply

    def _forward(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        connection = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for key, value in headers.items():
                if key.lower() not in ("connection", "content-length"):
                    connection.putheader(key, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        skipped = ("content-length", "transfer-encoding", "connection", "keep-alive", "date", "server")
        return Reply(answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in skipped}, data)

    def _refused(self, request: Request) -> Reply | None:
        """What AWS would not do yet, or not so often."""
        weather, now, given = self.weather, time.monotonic(), request.parameters
        service, operation, name = request.service, request.operation, str(request.parameters.get("FunctionName"))
        if operation == "CreateRoute":
            key = given.get("routeKey")
            if any(one["RouteKey"] == key for one in self._routes(str(given["apiId"]))):
                return _refusal(service, 409, "ConflictException", f"Route with key {key} already exists for this API")
        with self._lock:
            bucket = self._buckets.get(service)
            if bucket and not bucket.take():
                return _throttle(service)
            if operation == "DeleteApi" and weather.api_deletion_every:
                if now - self._last_deletion < weather.api_deletion_every * weather.scale:
                    return _throttle(service)
                self._last_deletion = now
            if service == "lambda" and request.is_write:
                role = str(given.get("Role", "")).rpartition("/")[2]
                if now < self._roles.get(role, 0):
                    return _refusal(service, 400, "InvalidParameterValueException", ROLE_UNKNOWN)
                if operation not in ("CreateFunction", "TagResource"):
                    if now < self._pending.get(name, 0):
                        return _refusal(service, 409, "ResourceConflictException", PENDING)
                    if now < self._updating.get(name, 0):
                        return _refusal(service, 409, "ResourceConflictException", UPDATING + name)
            table = str(given.get("TableName"))
            if operation in ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "CreateTable"):
                dying = now < self._dying.get(table, (0, None))[0]
                if dying or (operation != "CreateTable" and now < self._tables.get(table, 0)):
                    text = f"Attempt to change a resource which is still in use: Table: {table}"
                    return _refusal(service, 400, "ResourceInUseException", text)
            if operation == "DescribeTable" and now < self._dying.get(table, (0, None))[0]:
                body = json.dumps({"Table": {**self._dying[table][1], "TableStatus": "DELETING"}}).encode()
                return Reply(200, {"Content-Type": "application/x-amz-json-1.0"}, body)
        return None

    def _slowed(self, request: Request, reply: Reply) -> Reply:
        """The answer as AWS gives it while a thing gets ready."""
        if reply.status >= 300:
            return reply
        weather, now, given = self.weather, time.monotonic(), request.parameters
        operation, name, table = request.operation, str(given.get("FunctionName")), str(given.get("TableName"))
        if operation == "CreateRole":
            self._roles[str(given["RoleName"])] = now + weather.role_assumable * weather.scale
        elif operation == "CreateTable":
            self._tables[table] = now + weather.table_active * weather.scale
        elif operation == "DeleteTable":
            self._dying[table] = (now + weather.table_gone * weather.scale, json.loads(reply.body)["TableDescription"])
        elif operation == "CreateFunction":
            self._pending[name] = now + weather.function_active * weather.scale
        elif operation in ("UpdateFunctionCode", "UpdateFunctionConfiguration"):
            self._updating[name] = now + weather.function_updated * weather.scale
        elif operation == "DescribeTable" and now < self._tables.get(table, 0):
            document = json.loads(reply.body)
            document["Table"]["TableStatus"] = "CREATING"
            return _changed(reply, document)
        elif operation in ("GetFunction", "GetFunctionConfiguration"):
            document = json.loads(reply.body)
            configuration = document["Configuration"] if operation == "GetFunction" else document
            if now < self._pending.get(name, 0):
                configuration["State"] = "Pending"
            if now < self._updating.get(name, 0):
                configuration["LastUpdateStatus"] = "InProgress"
            return _changed(reply, document)
        return reply

    def _completed(self, request: Request, reply: Reply) -> Reply:
        """The answer with what MiniStack leaves out of it."""
        if reply.status >= 300:
            return reply
        if request.operation == "GetResources":
            document, logs = json.loads(reply.body), self._client("logs")
            wanted = {one["Key"]: one.get("Values") for one in request.parameters.get("TagFilters", ())}
            for group in logs.describe_log_groups()["logGroups"]:
                arn = group["arn"].removesuffix(":*")
                tags = logs.list_tags_for_resource(resourceArn=arn)["tags"]
                if all(tags.get(key) in values for key, values in wanted.items()):
                    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
                    document["ResourceTagMappingList"].append({"ResourceARN": arn, "Tags": pairs})
            return _changed(reply, document)
        if request.service == "apigatewayv2" and request.operation in ("GetApis", "GetApi"):
            document = json.loads(reply.body)
            for api in document["items"] if request.operation == "GetApis" else [document]:
                arn = f"arn:aws:apigateway:ap-northeast-2::/apis/{api['apiId']}"
                api["tags"] = self._client("apigatewayv2").get_tags(ResourceArn=arn)["Tags"]
            return _changed(reply, document)
        return reply

    def _routes(self, api_id: str) -> list[Any]:
        gateway = self._client("apigatewayv2")
        try:
            return [one for page in gateway.get_paginator("get_routes").paginate(ApiId=api_id) for one in page["Items"]]
        except gateway.exceptions.NotFoundException:
            return []

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                url = self.upstream.geturl()
                self._clients[service] = self._boto.client(service, endpoint_url=url)
            return self._clients[service]


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy before `upstream`, for as long as the block lasts."""
    with Proxy(upstream) as proxy:
        yield proxy


class _Bucket:
    def __init__(self, rate: float, burst: float, scale: float) -> None:
        self._rate, self._burst, self._tokens, self._at = rate / scale, burst, burst, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, *_: object) -> None:
        """A client that was killed in the middle of a call is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            reply = self.server.proxy.answer(self.command, self.path, dict(self.headers.items()), body)
        except Dropped as dropped:
            self.close_connection = True
            if dropped.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())
            return
        except (OSError, http.client.HTTPException) as error:
            reply = _refusal("lambda", 502, "BadGateway", repr(error))
        self.send_response_only(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()


def _refusal(service: str, status: int, code: str, message: str) -> Reply:
    headers, body = calls.refusal(service, status, code, message)
    return Reply(status, headers, body)


def _throttle(service: str) -> Reply:
    status, code = THROTTLES.get(service, (429, "TooManyRequestsException"))
    return _refusal(service, status, code, "Rate exceeded")


def _changed(reply: Reply, document: Any) -> Reply:
    headers = {key: value for key, value in reply.headers.items() if key.lower() != "x-amz-crc32"}
    return replace(reply, headers=headers, body=json.dumps(document).encode())
