"""What a request to AWS is: its service, its operation and what it is about, read by botocore's models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session

READS = ("Get", "List", "Describe", "Lookup", "Scan", "Query", "BatchGet", "Search", "Head")
TARGETS = {
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "ResourceGroupsTaggingAPI_20170126": "resourcegroupstaggingapi",
}
SCOPES = {"apigateway": "apigatewayv2", "tagging": "resourcegroupstaggingapi"}
SUBJECTS = (
    "tablename",
    "loggroupname",
    "rolename",
    "policyname",
    "functionname",
    "routekey",
    "integrationuri",
    "stagename",
    "name",
)
"""What names the thing that a request is about. Ids are left out: they are others in every run."""


@dataclass(frozen=True)
class Request:
    """One request: `subject` tells calls of the same operation apart by names that every run has alike."""

    service: str
    operation: str
    subject: str
    parameters: Mapping[str, Any]

    @property
    def is_write(self) -> bool:
        return not self.operation.startswith(READS)

    @property
    def label(self) -> str:
        return " ".join(part for part in (f"{self.service}.{self.operation}", self.subject) if part)


def read(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """The request that these bytes make. What no model knows has its method and path as its operation."""
    scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/aws4_request", headers.get("authorization", ""))
    service = SCOPES.get(scope[1], scope[1]) if scope else ""
    address = urlsplit(target)
    parameters: dict[str, Any] = {}
    if "x-amz-target" in headers:
        prefix, _, operation = headers["x-amz-target"].partition(".")
        service = TARGETS.get(prefix, prefix)
        parameters = json.loads(body or b"{}")
    elif service in ("iam", "sts"):
        parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        operation = str(parameters.get("Action", ""))
    elif service in ("lambda", "apigatewayv2"):
        operation, names = _operation(service, method, address.path)
        parameters = {**(json.loads(body) if body[:1] == b"{" else {}), **names}
    else:
        service, operation = service or "data", f"{method} {address.path}"
    named = {key.lower(): str(value) for key, value in parameters.items()}
    subject = " ".join(named[key].rpartition("/functions/")[2] for key in SUBJECTS if key in named)
    return Request(service, operation, subject, parameters)


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    model = botocore.session.Session().get_service_model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].split("?")[0].rstrip("/")
        parts = re.split(r"(\{\w+\+?\})", path)
        pattern = "".join(f"(?P<{p.strip('{+}')}>.+?)" if p.startswith("{") else re.escape(p) for p in parts)
        found.append((http["method"], re.compile(pattern + "/?$"), name))
    # The longest path first: /functions/{name} would also match the beginning of others.
    return sorted(found, key=lambda one: -one[1].pattern.count("/"))


def _operation(service: str, method: str, path: str) -> tuple[str, dict[str, str]]:
    for verb, pattern, name in _routes(service):
        match = pattern.match(path) if verb == method else None
        if match:
            return name, {key: unquote(value) for key, value in match.groupdict().items()}
    return f"{method} {path}", {}


def refusal(service: str, status: int, code: str, message: str) -> tuple[dict[str, str], bytes]:
    """An error in the protocol of a service: its headers and its body."""
    if service in ("iam", "sts"):
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        text = f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"
        return {"Content-Type": "text/xml"}, text.encode()
    if service in ("lambda", "apigatewayv2"):
        kind = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
        return kind, json.dumps({"message": message, "Message": message}).encode()
    document = {"__type": f"com.amazonaws.{service}#{code}", "message": message}
    return {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(document).encode()
