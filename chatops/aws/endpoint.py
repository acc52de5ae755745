"""The endpoints that a person configures in AWS's place, looked at before botocore meets them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..errors import UsageError

VARIABLE = "AWS_ENDPOINT_URL"
"""The variable for every service; one that goes on with `_` and a service's name is for that one.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

SERVICES = (
    "ACCOUNT",
    "APIGATEWAYV2",
    "API_GATEWAY",
    "CLOUDWATCH",
    "CLOUDWATCH_LOGS",
    "DYNAMODB",
    "IAM",
    "LAMBDA",
    "RESOURCE_GROUPS_TAGGING_API",
    "SERVICE_QUOTAS",
    "STS",
)
"""The services that chatops calls, as their variables name them."""


def check(option: str | None, profile: str | None) -> None:
    """Raises UsageError where an endpoint is no URL: the option's, or else any that is configured."""
    for place, url in _configured(profile) if option is None else (("--endpoint-url", option),):
        if not _is_url(url):
            raise UsageError(
                "no-endpoint",
                f"{url!r} is no endpoint",
                f"{place} must be the URL of something that answers as AWS does",
                f"Give {place} for example http://127.0.0.1:4566, or leave it out to use AWS.",
            )


def configured(profile: str | None) -> str | None:
    """Return the endpoint of every service that the environment or the profile configures, as botocore finds it.

    A service may have another one, which botocore finds by itself.
    """
    import botocore.session

    session = botocore.session.Session(profile=profile)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    return os.environ.get(VARIABLE) or session.get_scoped_config().get("endpoint_url") or None


def of_services(profile: str | None) -> dict[str, list[str]]:
    """Return the services that chatops calls and that have an endpoint of their own, by its URL.

    As botocore does: a service's variable wins over that for all, and this one over the AWS config file.
    """
    import botocore.session

    session = botocore.session.Session(profile=profile)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return {}
    written = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(written.get("services"), {})
    found: dict[str, list[str]] = {}
    for name in SERVICES:
        in_file = services.get(name.lower(), {})
        url = os.environ.get(f"{VARIABLE}_{name}")
        if not url and not os.environ.get(VARIABLE) and isinstance(in_file, dict):
            url = in_file.get("endpoint_url")
        if url:
            found.setdefault(url, []).append(name.lower())
    return found


def _configured(profile: str | None) -> Iterator[tuple[str, str]]:
    import botocore.session

    session = botocore.session.Session(profile=profile)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return
    for name, value in os.environ.items():
        if value and (name == VARIABLE or name.startswith(f"{VARIABLE}_")):
            yield name, value
    written = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(written.get("services"), {})
    for name, one in {"": written, **services}.items():
        if isinstance(one, dict) and one.get("endpoint_url"):
            yield f"endpoint_url {f'of {name} ' if name else ''}in the AWS config file", one["endpoint_url"]


def _is_url(text: str) -> bool:
    from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and parts.port != 0
        return is_url and (is_valid_endpoint_url(text) or is_valid_ipv6_endpoint_url(text))
    except ValueError:
        return False
