"""A process in the background: started, remembered, told from others, ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
START_LIMIT = 30.0
"""Seconds that a process has to answer after it was started."""
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH")
"""What of the user's environment it gets, and with it the functions that the emulator runs: no credentials."""


class DidNotStart(Exception):
    """A process ended, or did not answer, when it was started. Carries how."""


@dataclass(frozen=True)
class Process:
    """A process that we started: `python -m module` with arguments, its port among them, which tell it from others."""

    module: str
    arguments: Sequence[str]
    pid: int
    url: str
    health: str
    log: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def find(self) -> Any:
        """The running process, or nothing when it has ended.

        A later one may have got its pid. When a process began would not tell: that changes with the machine's clock.
        """
        import psutil

        command = ["-m", self.module, *self.arguments]
        try:
            process = psutil.Process(self.pid)
            same = process.cmdline()[-len(command) :] == command
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    @property
    def listens(self) -> bool:
        """True when it is this process that listens at its port."""
        import psutil

        process = self.find()
        try:
            connections = process.net_connections(kind="tcp") if process else []
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in connections)

    def answers(self, within: float) -> bool:
        """True as soon as it answers; False when it has ended, or did not for so many seconds."""
        deadline = time.monotonic() + within
        while not self.is_healthy:
            if self.find() is None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    @property
    def is_healthy(self) -> bool:
        """True when it answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + self.health, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self) -> bool:
        """Ends it and its children; False when it had ended already."""
        import psutil

        process = self.find()
        if process is None:
            return False
        family = [process, *process.children(recursive=True)]
        for one in family:
            with suppress(psutil.Error):
                one.terminate()
        _, alive = psutil.wait_procs(family, timeout=5)
        for one in alive:
            with suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(alive, timeout=5)
        return True

    def log_end(self, lines: int = 8) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(Path(self.log).read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"


def start(
    module: str,
    arguments: Sequence[str],
    *,
    url: str,
    health: str,
    log: Path,
    home: Path,
    remember: Callable[[Process], None],
) -> Process:
    """Starts `python -m module`, remembers it at once, and waits until it answers. Raises DidNotStart."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    running = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PYTHONUNBUFFERED": "1",
        },
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o077,
    )
    os.close(handle)
    process = Process(module, list(arguments), running.pid, url, health, str(log))
    remember(process)
    deadline = time.monotonic() + START_LIMIT
    # That something answers is not enough: somebody else may have taken the port in the same moment.
    while not (process.is_healthy and process.listens):
        if running.poll() is not None or time.monotonic() > deadline:
            how = "does not answer" if running.returncode is None else f"ended with code {running.returncode}"
            process.end()
            raise DidNotStart(f"{module} {how}:\n{process.log_end()}")
        time.sleep(0.05)
    return process


def free_port(usual: int) -> int:
    """The usual port when nobody listens there, else one that is free."""
    for port in (usual, 0):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                one.bind((HOST, port))
                return int(one.getsockname()[1])
    raise DidNotStart("no port is free")
