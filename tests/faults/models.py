"""Imported where processes are forked from: reads AWS's models once for all of them."""

from __future__ import annotations

import functools
from typing import Any

import botocore.loaders
import botocore.session

SERVICES = ("dynamodb", "iam", "sts", "lambda", "logs", "apigatewayv2", "resourcegroupstaggingapi")

_loader = botocore.loaders.JSONFileLoader
_load = functools.cache(lambda path, read=_loader.load_file: read(_loader(), path))


def _cached(self: Any, path: str) -> Any:
    return _load(path)


_loader.load_file = _cached
_session = botocore.session.Session()
_session.set_credentials("test", "test")
for _service in SERVICES:
    _session.create_client(_service, region_name="us-east-1")
