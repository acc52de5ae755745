"""How soon the command line answers, beside the smallest program that could: ratios of medians, in one run.

    python -m tests.bench.startup [--times 15]

The programs take turns, so that a slow moment of the machine meets all of them. Exit 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

OURS = "from chatops.cli import main\nmain()\n"
SMALLEST = "import typer\napp = typer.Typer()\n@app.command()\ndef main() -> None: 'Help.'\napp()\n"
SERVICES = ("sts", "resourcegroupstaggingapi", "dynamodb", "logs", "apigatewayv2", "iam", "lambda")
BARE = f"""
import sys, boto3
clients = {{one: boto3.client(one) for one in {SERVICES}}}
print(clients['sts'].get_caller_identity()['Account'], file=sys.stderr, flush=True)
print(clients['apigatewayv2'].get_apis()['Items'], file=sys.stderr, flush=True)
"""
WHO = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:root</Arn>"
    "<UserId>1</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class _Sts(BaseHTTPRequestHandler):
    """Says who one is, and that there is nothing else."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(WHO if b"GetCallerIdentity" in body else "{}")

    def do_GET(self) -> None:
        self._answer('{"items": []}')

    def _answer(self, text: str) -> None:
        time.sleep(0.06)
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@contextmanager
def aws() -> Iterator[str]:
    """Something that answers as slowly as AWS, and is empty."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sts) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ended(command: list[str], environment: Mapping[str, str]) -> float:
    """Seconds until a program has ended."""
    began = time.monotonic()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def answered(command: list[str], environment: Mapping[str, str], lines: int = 1) -> float:
    """Seconds until a program has written so many lines to its standard error."""
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        for _ in range(lines):
            assert process.stderr.readline(), command
        seconds = time.monotonic() - began
        process.kill()
        process.stderr.read()
    return seconds


def main() -> int:
    """Measures all, prints the table, and judges."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.startup")
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as name, aws() as url:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHATOPS_", "_"))}
        clean |= {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": url,
        }
        ours, smallest = program(folder, "chatops", OURS), program(folder, "smallest", SMALLEST)
        bare = [sys.executable, str(folder / "bare.py")]
        status = [*ours, "status", "--endpoint-url", url]
        completing = {**clean, "COMP_WORDS": "program st", "COMP_CWORD": "1"}
        programs: dict[str, Callable[[], float]] = {
            "smallest --help": lambda: ended([*smallest, "--help"], clean),
            "--help": lambda: ended([*ours, "--help"], clean),
            "--version": lambda: ended([*ours, "--version"], clean),
            "smallest completion": lambda: ended(smallest, {**completing, "_SMALLEST_COMPLETE": "complete_bash"}),
            "completion": lambda: ended(ours, {**completing, "_CHATOPS_COMPLETE": "complete_bash"}),
            "bare": lambda: answered(bare, clean, 2),
            "status": lambda: answered(status, clean),
        }
        taken: dict[str, list[float]] = {key: [] for key in programs}
        for turn in range(times + 1):
            for key, run in programs.items():
                seconds = run()
                if turn:  # the first turn warms the disk's cache
                    taken[key].append(seconds)
    rows = [
        ("chatops --help", "--help", "smallest --help", 1.3),
        ("chatops --version", "--version", "smallest --help", 1.3),
        ("completion of a word", "completion", "smallest completion", 1.5),
        ("the first line of status", "status", "bare", 1.5),
    ]
    print("| what | ms | beside | ms | ratio | at most | |\n|---|---:|---|---:|---:|---:|---|")
    is_reached = True
    for what, key, beside, most in rows:
        mine, other = median(taken[key]) * 1e3, median(taken[beside]) * 1e3
        is_good = mine / other <= most
        is_reached &= is_good
        verdict = "reached" if is_good else "MISSED"
        print(f"| {what} | {mine:.0f} | {beside} | {other:.0f} | {mine / other:.2f} | {most} | {verdict} |")
    return 0 if is_reached else 1


def program(folder: Path, name: str, text: str) -> list[str]:
    """A program under a name of its own, by which a shell asks it to complete."""
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{text}")
    file.chmod(0o755)
    return [str(file)]


if __name__ == "__main__":
    sys.exit(main())
