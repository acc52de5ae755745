"""What every test runs in: nobody's credentials, nobody's config, and no address but loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
START_LIMIT = 30.0

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

for _key in [key for key in os.environ if key.startswith(("AWS_", "CHATOPS_"))]:
    del os.environ[_key]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nightly tests run only where `-m` names them."""
    if "nightly" in str(config.option.markexpr):
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=nightly)
    items[:] = [item for item in items if item not in nightly]


@pytest.fixture(autouse=True, scope="session")
def _offline() -> Iterator[None]:
    """A test that asks for a name that is not this machine's fails at once."""
    ask = socket.getaddrinfo

    def answer(host: Any, *more: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in (None, "", "localhost", "0.0.0.0", "::", "::1") or name.startswith("127."):
            return ask(host, *more, **options)
        pytest.fail(f"no test may ask for {name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield


@pytest.fixture(autouse=True, scope="session")
def _botocore_reads_once() -> None:
    if "botocore" in sys.modules:
        from . import botocore_cache

        botocore_cache.install()


def _open(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The address of a local AWS that enforces IAM, on a free loopback port; ended with all that it started."""
    import psutil

    from chatops.local import emulator

    from .admin import TEST_KEYS

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        TEST_KEYS.write(Path(home) / "keys.json")
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        arguments = ["--port", str(port), "--keys", "keys.json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "chatops.local.emulator", *arguments],
            env={**kept, "HOME": home, "PYTHONPATH": str(ROOT)},
            cwd=home,
            stdout=log,
            stderr=log,
        )
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_LIMIT
            while not _open(f"{url}{emulator.HEALTH}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    pytest.fail(f"MiniStack did not start:\n{log.read().decode(errors='replace')}")
                time.sleep(0.05)
            yield url
        finally:
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            for left in psutil.wait_procs(family, timeout=5)[1]:
                left.kill()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def reset_ministack(ministack: str) -> Callable[[], None]:
    """Empties the local AWS."""
    from .admin import reset

    return partial(reset, ministack)


@pytest.fixture(scope="module")
def moto() -> Iterator[Callable[[], None]]:
    """AWS in this process, and what empties it. Once per module: starting it takes longer than most tests."""
    from moto import mock_aws

    with mock_aws(config={"lambda": {"use_docker": False}}) as mock:
        yield mock.reset


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
