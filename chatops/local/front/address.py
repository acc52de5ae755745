"""Which API, stage and connection a URL means, and who may ask at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

HEALTH = "/_chatops/health"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Address:
    """`/{stage}` or `/{apiId}/{stage}`, each with or without `/@connections/{connectionId}` behind it."""

    api_id: str | None
    stage: str
    connection_id: str | None = None


def parse(target: str) -> Address | None:
    """The address that a request's target means, or nothing for any other path."""
    parts = [unquote(part) for part in target.partition("?")[0].strip("/").split("/")]
    connection_id = None
    if len(parts) > 2 and parts[-2] == "@connections":
        connection_id = parts.pop()
        parts.pop()
    if not all(parts) or len(parts) > 2:
        return None
    return Address(parts[0] if len(parts) == 2 else None, parts[-1], connection_id)


def is_local_host(host: str | None) -> bool:
    """Whether a Host header names this machine.

    A web page anywhere can make a name of its own resolve to 127.0.0.1 and then read what the page's own origin
    may read; its requests carry that name here.
    """
    return bool(host) and not re.search(r"[/?#]", host or "") and _hostname(f"//{host}") in LOOPBACK


def is_local_origin(origin: str | None) -> bool:
    """Whether a request comes from a page of this machine, or from no page: only browsers send an Origin."""
    return origin is None or (origin.startswith(("http://", "https://")) and _hostname(origin) in LOOPBACK)


def _hostname(url: str) -> str | None:
    if re.search(r"[\s\\@]", url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname
