"""Calls to an AWS that nobody is."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from chatops.aws import Aws

SEOUL = "ap-northeast-2"


def refused(name: str) -> ClientError:
    return ClientError({"Error": {"Code": name}}, "Operation")


def local(url: str = "http://127.0.0.1:4566", **more: Any) -> Aws:
    return Aws(SEOUL, endpoint_url=url, keys=("test", "test"), **more)
