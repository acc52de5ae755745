"""Starts, finds and stops the local AWS: MiniStack, in the background, on loopback only, with IAM enforced."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import LocalError, UsageError

HOST, USUAL_PORT = "127.0.0.1", 4566
KEYS = ("test", "test")
"""The access key of the local account's root user. It is known everywhere and opens nothing else."""
REGION = "ap-northeast-2"
"""The region of a local run that names none."""
START_LIMIT = 30.0
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SSL_CERT_FILE", "VIRTUAL_ENV")
"""What of the user's environment the emulator gets, and with it the functions that it runs: no credentials."""


@dataclass(frozen=True)
class Server:
    """The process that was started, as the state file remembers it. `born` tells it from a later one with its pid."""

    pid: int
    born: float
    endpoint_url: str
    log: str


@dataclass(frozen=True)
class Status:
    """Whether the local AWS runs. `crashed` is one that was started and is gone."""

    running: bool
    server: Server | None = None
    crashed: Server | None = None


def status() -> Status:
    """What the state file and the process say."""
    server = _remembered()
    if server is None:
        return Status(False)
    if _process(server) is None:
        return Status(False, crashed=server)
    return Status(_is_healthy(server.endpoint_url), server)


def ensure(say: Callable[[str], None]) -> Server:
    """The running local AWS; started when there is none. Raises LocalError when it does not come up."""
    _require_extra()
    from filelock import FileLock

    with FileLock(str(_folder() / "local.lock")):
        now = status()
        if now.running and now.server:
            return now.server
        if now.server:
            raise LocalError(
                f"The local AWS (pid {now.server.pid}) does not answer at {now.server.endpoint_url}",
                f"its log is {now.server.log}",
                "Run `chatops local stop`, then the same command again.",
            )
        if now.crashed:
            say(f"The local AWS that was running (pid {now.crashed.pid}) has ended by itself, and its stack with it.")
            say(f"The end of its log:\n{_tail(Path(now.crashed.log))}")
        return _start(say)


def stop() -> Server | None:
    """Ends the local AWS that we started, and gives it; nothing when none was running."""
    server = _remembered()
    if server is None:
        return None
    process = _process(server)
    if process is not None:
        family = [process, *process.children(recursive=True)]
        for one in family:
            _quietly(one.terminate)
        import psutil

        _, alive = psutil.wait_procs(family, timeout=5)
        for one in alive:
            _quietly(one.kill)
    _state_file().unlink(missing_ok=True)
    return server if process is not None else None


def _start(say: Callable[[str], None]) -> Server:
    import psutil

    port = USUAL_PORT if _is_free(USUAL_PORT) else _free_port()
    if port != USUAL_PORT:
        say(f"Port {USUAL_PORT} is taken by another program; the local AWS uses {port}.")
    log = _folder() / "local.log"
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    home = _folder() / "home"
    home.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "ministack"],
        env={
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            "HOME": str(home),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": HOST,
            "AUTH": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONUNBUFFERED": "1",
        },
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(handle)
    try:
        born = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        born = 0.0
    server = Server(process.pid, born, f"http://{HOST}:{port}", str(log))
    _remember(server)
    say(f"Starting the local AWS at {server.endpoint_url} (log: {log}) …")
    deadline = time.monotonic() + START_LIMIT
    while not _is_healthy(server.endpoint_url):
        if process.poll() is not None or time.monotonic() > deadline:
            end = f"ended with code {process.returncode}" if process.returncode is not None else "does not answer"
            stop()
            raise LocalError("The local AWS could not be started", f"it {end}:\n{_tail(log)}", f"Its log is {log}.")
        time.sleep(0.05)
    return server


def _require_extra() -> None:
    missing = [name for name in ("ministack", "filelock", "platformdirs", "psutil") if find_spec(name) is None]
    if missing:
        raise UsageError(
            "The local AWS is not installed",
            f"{', '.join(missing)} cannot be found",
            "Install it with: pip install 'chatops[local]'",
        )


def _folder() -> Path:
    _require_extra()
    from platformdirs import user_state_path

    folder = user_state_path("chatops", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state_file() -> Path:
    return _folder() / "local.json"


def _remember(server: Server) -> None:
    handle = os.open(_state_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(server), file)


def _remembered() -> Server | None:
    try:
        return Server(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _process(server: Server) -> Any:
    """The process that we started, if it still runs; not another one that got its pid since."""
    import psutil

    try:
        process = psutil.Process(server.pid)
        same = abs(process.create_time() - server.born) < 1 and "ministack" in process.cmdline()
        ours = same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if ours else None


def _is_healthy(endpoint_url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint_url}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _tail(log: Path, lines: int = 8) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def _quietly(call: Callable[[], Any]) -> None:
    import psutil

    with suppress(psutil.Error):
        call()
