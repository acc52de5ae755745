"""MiniStack and the front as processes of a test: on free ports, on loopback, ended with the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chatops.local import emulator
from chatops.local.keys import LocalKeys

ROOT = Path(__file__).parents[3]
REGION = "ap-northeast-2"
KEYS = LocalKeys("AKIACHATOPSTESTS2345", "the secret key of the tests")
"""The root key of every local AWS here, MiniStack alone among them."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], health: str, log: Path, cwd: Path | None = None, /, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that answers at `health`, until the block ends. It gets none of the user's AWS settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "COV_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**clean, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_healthy(process, health, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while True:
        try:
            opener.open(health, timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{health} does not answer:\n{log.read_text()[-2000:]}") from None
        time.sleep(0.05)


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """MiniStack as it comes, with IAM enforced; gives its endpoint."""
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": KEYS.access_key, "AWS_SECRET_ACCESS_KEY": KEYS.secret_key}
    settings = {**emulator.environment(port), **keys}
    command = [sys.executable, "-m", "ministack"]
    with _emulator(command, port, "/_ministack/health", folder, **settings) as url:
        yield url


@contextmanager
def local_aws(folder: Path) -> Iterator[str]:
    """MiniStack as chatops starts it; gives its endpoint."""
    port = free_port()
    command = [sys.executable, "-m", "chatops.local.emulator", "--port", str(port), "--keys", keys_file(folder)]
    with _emulator(command, port, emulator.HEALTH, folder) as url:
        yield url


def keys_file(folder: Path) -> str:
    """A file with the root key, as the local AWS and the front read it."""
    KEYS.write(folder / "keys.json")
    return str(folder / "keys.json")


@contextmanager
def _emulator(command: Sequence[str], port: int, health: str, folder: Path, **environment: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}{health}", folder / f"ministack-{port}.log", ROOT, **environment):
        yield url


@contextmanager
def front(aws: str, folder: Path, *options: str, port: int | None = None) -> Iterator[str]:
    """The front before a local AWS; gives its address, http://127.0.0.1:PORT."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = front_command(port, aws, folder, *options)
    with running(command, f"{url}/_chatops/health", folder / f"front-{port}.log", ROOT):
        yield url


def front_command(port: int, aws: str, folder: Path, *options: str) -> list[str]:
    where = ["--port", str(port), "--aws", aws, "--region", REGION, "--keys", keys_file(folder)]
    return [sys.executable, "-m", "chatops.local.front", *where, *options]
