"""What the process imports that commands are forked from: all of chatops, and AWS's models, read once."""

from __future__ import annotations

import importlib
import pkgutil
import resource
from contextlib import suppress

import botocore.retries.standard
import botocore.session

import chatops.aws
from chatops.cli import main

from . import botocore_cache

__all__ = ["hurry", "limit_memory", "main"]

SERVICES = ("dynamodb", "iam", "sts", "lambda", "logs", "apigatewayv2", "resourcegroupstaggingapi", "cloudwatch")
LATE = (
    "typer._adapters",
    "rich.live",
    "concurrent.futures.thread",
    "urllib3.contrib",
    "http.cookiejar",
    "filelock",
    "platformdirs.unix",
    "psutil",
    "encodings.idna",
    "glob",
)
"""What others import only when it is needed, where they have it."""
SERVERS = ("chatops.local.emulator", "chatops.local.front", "chatops.__main__")
"""What runs in processes of its own."""

for _module in pkgutil.walk_packages(chatops.__path__, "chatops."):
    if not _module.name.startswith(SERVERS):
        importlib.import_module(_module.name)
for _name in LATE:
    with suppress(ImportError):
        importlib.import_module(_name)


botocore_cache.install()
_session = botocore.session.Session()
_session.set_credentials("test", "test")
for _service in SERVICES:
    _session.create_client(_service, region_name="us-east-1")
    _loader = _session.get_component("data_loader")
    if _service in _loader.list_available_services("paginators-1"):
        _loader.load_service_model(_service, "paginators-1")


def limit_memory(count: int) -> None:
    """Limits the address space of this process to so many bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (count, count))


def hurry(pace: float) -> None:
    """Takes away chatops's rate limits, and makes its pauses last this part of what they say."""
    pause, delay = chatops.aws.Aws.pause, botocore.retries.standard.ExponentialBackoff.delay_amount
    chatops.aws.RATES.clear()
    chatops.aws.Aws.pause = lambda self, seconds: pause(self, seconds * pace)  # type: ignore[method-assign]
    botocore.retries.standard.ExponentialBackoff.delay_amount = lambda self, context: delay(self, context) * pace
