"""What the contenders play on: a local AWS, the proxy that makes it as slow as AWS, and what a run of theirs took."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import boto3

from tests.faults.proxy import LIKE_AWS, Call, Proxy, Weather, proxied
from tests.local.front.processes import REGION, ROOT, ministack

LIMIT = 600


@dataclass(frozen=True)
class Run:
    """What one command took."""

    seconds: float
    calls: int
    writes: int
    depth: int
    refused: int
    services: Mapping[str, int]


@dataclass
class Stage:
    """An AWS of its own."""

    upstream: str
    proxy: Proxy
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a tool that is to find this AWS and no other."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "HOME", "TMPDIR") if key in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def empty(self) -> None:
        """Empties the AWS."""
        self.proxy.drain()
        request = urllib.request.Request(f"{self.upstream}/_ministack/reset", method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
            pass
        self.proxy.forget()

    def warm(self) -> None:
        """Lets the proxy make what it needs for itself when it is first asked: not while a contender waits."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        gateway = boto3.client("apigatewayv2", REGION, endpoint_url=self.proxy.url, **keys)
        gateway.create_api(Name="warm", ProtocolType="HTTP")
        gateway.get_apis()
        boto3.client("resourcegroupstaggingapi", REGION, endpoint_url=self.proxy.url, **keys).get_resources()

    def run(self, commands: Sequence[Sequence[str]], folder: Path, weather: Weather = LIKE_AWS) -> Run:
        """Runs commands to their end, one after the other. Raises when one fails."""
        self.proxy.plan(weather=weather)
        began = time.monotonic()
        for command in commands:
            ended = subprocess.run(
                command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=LIMIT, check=False
            )
            if ended.returncode:
                told = f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
                raise RuntimeError(f"{command}: exit {ended.returncode}\n{told}")
        seconds = time.monotonic() - began
        self.proxy.drain()
        return taken(self.proxy.trace, seconds)

    def round_trips(self, command: Sequence[str], folder: Path) -> int:
        """How many calls a command makes one after another: its time, where only a latency of a second takes any."""
        latency = 1.0
        self.run([command], folder, replace(LIKE_AWS, latency=latency, rates={}))
        trace = self.proxy.trace
        return int((max(call.ended for call in trace) - min(call.started for call in trace)) / latency)


def taken(trace: Sequence[Call], seconds: float) -> Run:
    """The figures of a trace."""
    return Run(
        seconds,
        len(trace),
        sum(call.request.is_write for call in trace),
        depth(trace),
        sum(call.status == 429 for call in trace),
        Counter(call.request.service for call in trace),
    )


def depth(trace: Sequence[Call]) -> int:
    """The most calls each of which began after the one before it had ended."""
    most, free = 0, 0.0
    for call in sorted(trace, key=lambda one: one.ended):
        if call.started >= free:
            most, free = most + 1, call.ended
    return most


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A stage for as long as the block lasts."""
    with ministack(folder) as upstream, proxied(upstream) as proxy:
        one = Stage(upstream, proxy, folder)
        one.warm()
        yield one
