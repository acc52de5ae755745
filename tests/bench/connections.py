"""How long `status` takes for many connections, beside boto3's own client.

    python -m tests.bench.connections

@connections is nginx over TLS, which answers after 15 ms: 1 % of the connections are gone, 1 % of the
questions throttled. Each case is a process of its own. Exit 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.broadcast import sink as sinks

REGION = "eu-west-1"
HEAD = """| what | connections | seconds | a second | CPU µs each | peak MB |
|---|---:|---:|---:|---:|---:|"""
SECONDS_ALLOWED = 10
"""For 10,000 connections: "seconds", by the goal."""


def ours(url: str, expected: int) -> None:
    """What `status --limit 0` does."""
    from chatops.aws import Aws
    from chatops.ops import roster
    from chatops.ops.management import Management
    from chatops.resources.table import OwnedTable

    aws = Aws(REGION)
    found = roster.read(aws, OwnedTable("connections", "connectionId"), Management(aws, url))
    assert found.total == expected
    assert abs(found.stale - expected / 100) < expected / 100, found.stale


def listed(url: str, expected: int) -> None:
    """What `status --no-probe` does."""
    from chatops.aws import Aws
    from chatops.ops import roster
    from chatops.resources.table import OwnedTable

    assert (
        len(roster.read(Aws(REGION), OwnedTable("connections", "connectionId"), None, probe=False).listed) == expected
    )


def counted(url: str, expected: int) -> None:
    """What `status --no-probe --limit 0` does."""
    from chatops.aws import Aws
    from chatops.ops import roster
    from chatops.resources.table import OwnedTable

    found = roster.read(Aws(REGION), OwnedTable("connections", "connectionId"), None, probe=False, limit=0)
    assert found.total == expected


def threads(url: str, expected: int) -> None:
    """boto3's client, shared by as many threads."""
    client, ids = _boto(url)
    with ThreadPoolExecutor(32) as pool:
        assert len(list(pool.map(lambda one: _asked(client, one), ids))) == expected


def one_by_one(url: str, expected: int) -> None:
    """boto3's client, one question after another."""
    client, ids = _boto(url)
    assert len([_asked(client, one) for one in ids]) == expected


def _boto(url: str) -> tuple[Any, list[str]]:
    import boto3
    from botocore.config import Config

    pages = boto3.client("dynamodb", region_name=REGION).get_paginator("scan").paginate(TableName="connections")
    config = Config(max_pool_connections=32)
    client = boto3.client("apigatewaymanagementapi", region_name=REGION, endpoint_url=url, config=config)
    return client, [item["connectionId"]["S"] for page in pages for item in page["Items"]]


def _asked(client: Any, connection_id: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.get_connection(ConnectionId=connection_id)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 410:
            raise
        return False
    return True


CASES: dict[str, Callable[[str, int], None]] = {
    "boto3, one by one": one_by_one,
    "boto3, 32 threads": threads,
    "status": ours,
    "status --no-probe": listed,
    "status --no-probe --limit 0": counted,
}


def run(name: str, sink: sinks.Sink, table_url: str, connections: int) -> float:
    """Runs a case in a process of its own, prints its line, and gives the seconds for one connection."""
    sinks.Table.rows = connections
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CA_BUNDLE": str(sink.certificate),
        "AWS_ENDPOINT_URL_DYNAMODB": table_url,
    }
    command = [sys.executable, "-m", "tests.bench.connections", "--case", name, sink.asked_url, str(connections)]
    told = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    seconds, cpu, peak = told["seconds"], told["cpu"], told["megabytes"]
    rate, each = connections / seconds, cpu / connections * 1e6
    print(f"| {name} | {connections:,} | {seconds:.2f} | {rate:,.0f} | {each:.0f} | {peak:.0f} |", flush=True)
    return float(seconds) / connections


def measure(name: str, url: str, connections: int) -> None:
    """Runs one case here, and prints what it took as JSON."""
    import boto3  # noqa: F401, not counted: each case needs it

    began, before = time.monotonic(), time.process_time()
    CASES[name](url, connections)
    told = {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - before,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))


def main() -> int:
    """Measures every case, prints the table, and judges."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.connections")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    if case := parser.parse_args().case:
        measure(case[0], case[1], int(case[2]))
        return 0
    print(HEAD)
    with sinks.nginx() as sink, sinks.table() as table_url:
        slowest = run("boto3, one by one", sink, table_url, 500)
        pooled = run("boto3, 32 threads", sink, table_url, 10_000)
        probed = run("status", sink, table_url, 10_000)
        run("status --no-probe", sink, table_url, 100_000)
        count = run("status --no-probe --limit 0", sink, table_url, 100_000)
    print(
        f"\nstatus asks {slowest / probed:.0f} times as fast as one by one, {pooled / probed:.1f} times as the threads."
    )
    goals = {
        f"10,000 connections within {SECONDS_ALLOWED} seconds": probed * 10_000 <= SECONDS_ALLOWED,
        "no more than 1,400 questions a second, about half of the smallest quota of a region": 1 / probed <= 1_400,
        "faster than the threads": probed < pooled,
        f"100,000 counted within {SECONDS_ALLOWED} seconds": count * 100_000 <= SECONDS_ALLOWED,
    }
    for goal, is_reached in goals.items():
        print(f"- {goal}: {'reached' if is_reached else 'MISSED'}")
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
