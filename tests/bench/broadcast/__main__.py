"""Measures, prints the table, and judges: exit 1 when a goal is missed."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.bench.broadcast import sink as sinks
from tests.bench.broadcast.sink import Sink
from tests.bench.broadcast.sizing import Model, small_function_lines

TUTORIAL, POOL, OURS = "tests.bench.broadcast.tutorial", "tests.bench.broadcast.thread_pool", "send"
LABELS = {TUTORIAL: "tutorial", POOL: "boto3, 32 threads", OURS: "ours"}
SHORT, LONG = 10, 32 * 1024
"""Bytes of a message: the tutorial's, and the longest that the default config takes and API Gateway counts as one."""


@dataclass(frozen=True)
class Measurement:
    """What one broadcast took."""

    module: str
    connections: int
    latency: int
    """Milliseconds."""
    seconds: float
    cpu: float
    """Seconds, of the sender's process alone."""
    megabytes: float
    """The process's peak, with Python and boto3 in it."""
    sink: float
    """The part of the time for which the sink was busy."""
    size: int = SHORT
    """Bytes of the message."""
    is_scaled: bool = False

    @property
    def cpu_per_post(self) -> float:
        """Microseconds."""
        return self.cpu / self.connections * 1e6

    def scaled(self, connections: int) -> "Measurement":
        """What as many connections would take, if each took as long as these did."""
        by = connections / self.connections
        return replace(self, connections=connections, seconds=self.seconds * by, cpu=self.cpu * by, is_scaled=True)

    def __str__(self) -> str:
        name = LABELS[self.module] + (", scaled" if self.is_scaled else "") + (", 32 KB" if self.size == LONG else "")
        return (
            f"| {name:<17} | {self.connections:>11,} | {self.latency:>2} | {self.seconds:>8.2f} | "
            f"{self.connections / self.seconds:>7,.0f} | {self.cpu_per_post:>8.0f} | {self.megabytes:>6.0f} | "
            f"{self.sink:>5.0%} |"
        )


HEAD = """| handler           | connections | ms |  seconds | posts/s | CPU µs/post | peak MB | sink busy |
|---|---:|---:|---:|---:|---:|---:|---:|"""


class Bench:
    """The sink, the table, and broadcasts between them."""

    def __init__(self, sink: Sink, table_url: str) -> None:
        self._sink = sink
        self._table_url = table_url

    def broadcast(self, module: str, connections: int, latency: int, times: int = 1, size: int = SHORT) -> Measurement:
        """The median, by CPU, of some broadcasts; prints it."""
        sinks.Table.rows = connections
        runs = sorted((self._once(module, connections, latency, size) for _ in range(times)), key=lambda run: run.cpu)
        print(runs[times // 2], flush=True)
        return runs[times // 2]

    def _once(self, module: str, connections: int, latency: int, size: int) -> Measurement:
        busy = self._sink.cpu_seconds
        result = self.case(module, latency, size=size)
        assert reached(result) == connections, f"{LABELS[module]}: {result['statuses']} {result['log'][-1000:]}"
        busy = (self._sink.cpu_seconds - busy) / result["seconds"]
        return Measurement(
            module, connections, latency, result["seconds"], result["cpu"], result["megabytes"], min(busy, 1.0), size
        )

    def case(self, module: str, latency: int = 0, later_calls: int = 0, size: int = SHORT) -> dict[str, Any]:
        """What a handler's calls took, in a new process."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "t" * 800,  # about as long as those in Lambda
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CA_BUNDLE": str(self._sink.certificate),
            "AWS_ENDPOINT_URL_DYNAMODB": self._table_url,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": self._sink.url(latency),
            "WEBSOCKET_TABLE": "connections",
            "WEBSOCKET_URL": "wss://abc123.execute-api.eu-west-1.amazonaws.com/demo",
        }
        finished = subprocess.run(
            [sys.executable, "-m", "tests.bench.broadcast.case", module, str(later_calls), str(size)],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
        )
        result: dict[str, Any] = json.loads(finished.stdout)
        return result

    def floor(self, seconds: int) -> tuple[float, float]:
        """CPU seconds of wrk for one unsigned post, and its posts a second: what the sink can take."""
        script = self._sink.certificate.with_name("post.lua")
        script.write_text('wrk.method = "POST"\nwrk.body = "Hello! bs~"\n')
        url = self._sink.url(0).replace("/0/", "/floor/") + "/@connections/L0SM9cOF0000000%3D"
        command = ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", str(script), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
            assert wrk.stdout
            output = wrk.stdout.read()
            _, status, usage = os.wait4(wrk.pid, 0)
            wrk.returncode = os.waitstatus_to_exitcode(status)
        found = re.search(r"(\d+) requests in", output)
        assert found, output
        posts = int(found[1])
        return (usage.ru_utime + usage.ru_stime) / posts, posts / seconds


def reached(result: dict[str, Any]) -> int:
    """How many connections got the message or were gone, to make sure that a broadcast that counts was a whole one."""
    if statuses := result["statuses"]:
        return int(statuses.get("200", 0) + statuses.get("410", 0))
    (line,) = (line for line in map(json.loads, result["log"].splitlines()) if line["event"] == "broadcast")
    return int(line["sent"] + line["gone"])


def ratios(pairs: Iterable[tuple[Measurement, Measurement]]) -> Iterator[str]:
    """A Markdown table: connections and latency → by how much the tutorial's handler takes more than ours."""
    yield "| connections | ms | CPU per post | seconds |"
    yield "|---:|---:|---:|---:|"
    for theirs, ours in pairs:
        cpu, seconds = theirs.cpu_per_post / ours.cpu_per_post, theirs.seconds / ours.seconds
        yield f"| {ours.connections:,} | {ours.latency} | {cpu:.1f} | {seconds:.1f} |"


def judge(goals: Iterable[tuple[str, float, float]]) -> bool:
    """Prints each goal: a text, what was reached, and what has to be reached at least."""
    are_reached = True
    for text, value, least in goals:
        is_reached = value >= least
        are_reached &= is_reached
        print(f"- {text}: {value:.1f} (at least {least:g}): {'reached' if is_reached else 'MISSED'}")
    return are_reached


def main() -> int:
    """Runs all; with --quick, what takes a minute at most."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.broadcast")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller broadcasts")
    quick = parser.parse_args().quick
    print(
        f"{os.cpu_count()} cores, which sender, sink and table share; Python {sys.version.split()[0]}; TLS on loopback"
    )
    print("1 % of the connections gone, 1 % of the posts throttled; each broadcast is the first of its process\n")
    with sinks.nginx() as sink, sinks.table() as table_url:
        bench = Bench(sink, table_url)
        floor, most = bench.floor(seconds=1 if quick else 3)
        print(f"The floor: an unsigned post costs wrk {floor * 1e6:.0f} µs of CPU; it makes {most:,.0f} a second.\n")
        print(HEAD)
        times = 1 if quick else 3
        pairs = []
        sizes = [(0, 100), (0, 1000), (0, 10_000), (15, 100), (15, 1000)]
        for latency, number in sizes[-2:] if quick else sizes:
            tutorial = bench.broadcast(TUTORIAL, number, latency)
            bench.broadcast(POOL, number, latency)
            pairs.append((tutorial, bench.broadcast(OURS, number, latency, times)))
        print(tutorial := tutorial.scaled(10_000))
        bench.broadcast(POOL, 1000 if quick else 10_000, 15)
        small = bench.broadcast(OURS, 10, 15, times)
        ours = bench.broadcast(OURS, 10_000, 15, times)
        pairs.append((tutorial, ours))
        longest = bench.broadcast(OURS, 10_000, 15, times, LONG)
        largest = bench.broadcast(OURS, 20_000 if quick else 100_000, 15)
        small_functions = {
            name: bench.case(name, later_calls=200) for name in ("connect", "disconnect", "page", "user")
        }
    print("\nThe tutorial's / ours; at 10,000 connections and 15 ms the tutorial's is scaled from 1,000:\n")
    print("\n".join(ratios(pairs)))
    print("\nGoals, judged at 10,000 connections and 15 ms:")
    are_reached = judge(
        [
            ("CPU per post, the tutorial's / ours", tutorial.cpu_per_post / ours.cpu_per_post, 10),
            ("seconds, the tutorial's / ours", tutorial.seconds / ours.seconds, 50),
            (f"128 MB / peak at {largest.connections:,} connections", 128 / largest.megabytes, 1),
        ]
    )
    print(f"- CPU per post, ours / the floor: {ours.cpu_per_post / floor / 1e6:.1f}\n")
    print("Computed from these: seconds, and Lambda's price of a thousand broadcasts, by memory and connections")
    models = [Model((small.connections, small.cpu), (large.connections, large.cpu)) for large in (ours, longest)]
    print("\n".join(models[0].lines(longest=models[1])))
    print("\nThe other functions: milliseconds of their first call in a process, and of a later one, by memory;")
    print("Lambda's price of a million later calls")
    print("\n".join(small_function_lines(small_functions)))
    return 0 if are_reached else 1


if __name__ == "__main__":
    sys.exit(main())
