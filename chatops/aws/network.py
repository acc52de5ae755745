"""Why a connection to AWS failed, in words: the proxy, the host name, the certificate or the silence that caused it."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.utils import get_environ_proxies

from ..text import without_user
from .attempts import causes

BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""The variables that name a CA bundle, in botocore's order; `ca_bundle` of a profile comes between them."""


def reason(error: ConnectionError | HTTPClientError) -> tuple[str, str]:
    """Return why the connection failed, and what to do about it."""
    values: dict[str, Any] = getattr(error, "kwargs", {})
    url = str(values.get("endpoint_url") or "")
    if isinstance(error, ProxyConnectionError):
        return _proxy_reason(error, str(values.get("proxy_url") or ""))
    if isinstance(error, SSLError):
        return _tls_reason(error, url)
    place = _place(url)
    if _find(error, socket.gaierror):
        why = f"the host name {urlsplit(url).hostname} does not resolve"
        return why, f"Check the network connection and the DNS server{_or_address(url)}."
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        verb = (
            "accepted the connection, but did not answer" if isinstance(error, ReadTimeoutError) else "did not answer"
        )
        proxy = _proxy_of(url)
        suspect = f"the proxy {proxy}" if proxy else "a firewall or proxy in between"
        return (
            f"{place} {verb} in time",
            f"Check the network connection and {suspect}, then run the same command again.",
        )
    code = next((one.errno for one in causes(error) if isinstance(one, OSError) and one.errno), None)
    if code == errno.ECONNREFUSED:
        hint = f"Check that a server listens there{_or_address(url)}; `chatops local status` shows a local AWS."
        return f"{place} refused the connection", hint
    if code is not None and url:
        return f"{place} cannot be reached: {os.strerror(code)}", "Check the network connection, VPN and firewall."
    if type(error) is HTTPClientError and (proxy := _proxy_of(url) or _any_proxy()):
        # Its own text quotes what a parser took for the host, which may be a password.
        return f"the request could not be sent through the proxy {proxy}", (
            f"Check the proxy {proxy}: its URL begins with http:// or https://, "
            "and its password has special characters percent-encoded."
        )
    return _first_line(error), "Check the network connection, then run the same command again."


def _proxy_reason(error: ProxyConnectionError, url: str) -> tuple[str, str]:
    proxy = without_user(url)
    variable = _variable_of(url)
    named = f"the proxy {proxy}" + (f" ({variable})" if variable else "")
    fix = f"Correct or unset {variable}" if variable else "Correct the proxy settings of this machine"
    hint = f"{fix}; NO_PROXY lists hosts to reach without a proxy."
    found = list(causes(error))
    if proxy.count("://") > 1:
        setting = variable or "the proxy setting"
        return f"{setting} is {proxy.removeprefix('http://')}, which is not an HTTP proxy", hint
    if any(isinstance(one, socket.gaierror) for one in found):
        return f"the host name of {named} does not resolve", hint
    tunnel = next(
        (str(one) for one in found if isinstance(one, OSError) and "Tunnel connection failed" in str(one)), None
    )
    if tunnel:
        answer = tunnel.partition("Tunnel connection failed: ")[2]
        return f"{named} answered: {answer[:80]}", hint
    if any(isinstance(one, ssl.SSLError) for one in found):
        return f"{named} does not speak TLS, or its certificate is not trusted", hint
    code = next((one.errno for one in found if isinstance(one, OSError) and one.errno), None)
    if code == errno.ECONNREFUSED:
        return f"{named} refused the connection", hint
    return f"{named} cannot be reached" + (f": {os.strerror(code)}" if code else ""), hint


def _tls_reason(error: SSLError, url: str) -> tuple[str, str]:
    place = _place(url)
    variable = next((one for one in BUNDLES if os.environ.get(one)), "")
    bundle = os.environ.get(variable, "")
    named = f"{variable} ({bundle})" if variable else "ca_bundle of the profile in the AWS config file"
    verification = _find(error, ssl.SSLCertVerificationError)
    if verification:
        message = str(getattr(verification, "verify_message", "") or verification)
        why = f"the certificate of {place} is not trusted: {message.rstrip('.')}"
        if "expired" in message or "not yet valid" in message:
            return why, "Check this machine's clock, and the certificate of the server or of a proxy in between."
        if variable:
            return why, f"{named} must contain the CA that signed it; correct or unset {variable}."
        return why, "If a proxy inspects TLS, set AWS_CA_BUNDLE to the PEM file of its CA certificate."
    if not _find(error, ssl.SSLError) or any(_is_bundle_error(one) for one in causes(error)):
        missing = "does not exist" if variable and not Path(bundle).exists() else "cannot be read as PEM certificates"
        return f"the CA bundle in {named} {missing}", f"Correct or unset {variable or 'ca_bundle'}."
    message = next((str(one.reason) for one in causes(error) if isinstance(one, ssl.SSLError) and one.reason), "")
    if "WRONG_VERSION_NUMBER" in message or "HTTP_REQUEST" in message:
        return f"{place} does not speak TLS", "Use http:// in the endpoint URL, or correct the proxy."
    return (
        f"the TLS handshake with {place} failed" + (f": {message}" if message else ""),
        "Check the network connection and any proxy in between, then run the same command again.",
    )


def _is_bundle_error(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and (error.reason or "") in ("NO_CERTIFICATE_OR_CRL_FOUND", "PEM_LIB")


def _find(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    return next((one for one in causes(error) if isinstance(one, kind)), None)


def _place(url: str) -> str:
    return without_user(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}") if url else "AWS"


def _or_address(url: str) -> str:
    """Return which settings may hold a wrong address, for a server that is not one of AWS's."""
    is_aws = (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
    return "" if is_aws else ", and --endpoint-url or AWS_ENDPOINT_URL"


def _proxy_of(url: str) -> str:
    """Return the proxy that requests to a URL go through, with the variable that names it; "" for none."""
    proxy = get_environ_proxies(url).get(urlsplit(url).scheme, "") if url else ""
    variable = _variable_of(proxy) if proxy else ""
    return without_user(proxy) + (f" ({variable})" if variable else "")


def _any_proxy() -> str:
    return _proxy_of("https://sts.amazonaws.com") or _proxy_of("http://sts.amazonaws.com")


def _variable_of(url: str) -> str:
    """Return the environment variable that names a proxy; botocore puts a scheme before a URL without http or https."""
    # As Python reads them: for one protocol, the variable in lower case wins.
    names = sorted((one for one in os.environ if one.lower().endswith("_proxy")), key=lambda one: not one.islower())
    values = {one: without_user(os.environ[one]) for one in names if one.lower() != "no_proxy"}
    shown = without_user(url)
    return next((one for one, value in values.items() if value and shown in (value, f"http://{value}")), "")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
