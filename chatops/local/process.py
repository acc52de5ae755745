"""A process in the background: started, remembered, told from others, ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from .log import tail

HOST = "127.0.0.1"
START_LIMIT = 30.0
"""Seconds that a process has to answer after it was started."""
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH")
"""What of the user's environment it gets, and with it the functions that the emulator runs: no credentials."""
SERVICES = ("chatops.local.emulator", "chatops.local.front")
MARK = "CHATOPS_LOCAL_FOLDER"
"""The environment variable that names the state folder for which a process was started. Functions inherit it."""
END_SECONDS = 5.0
"""How long a process has to end by itself after SIGTERM, and after SIGKILL."""


class DidNotStart(Exception):
    """A process ended, or did not answer, when it was started. Carries how."""


@dataclass(frozen=True)
class Process:
    """A process that we started: `python -m module` with arguments, its port among them, which tell it from others.

    Its log is in the state folder for which it was started.
    """

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

        command = _options(Path(self.log).parent, self.module, self.arguments)
        try:
            process = psutil.Process(self.pid)
            same = process.cmdline()[-len(command) :] == command
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, ValueError, TypeError, OverflowError):
            # No pid at all, in a state file that somebody edited.
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
        process = self.find()
        if process is None:
            return False
        _end_family(process)
        return True

    def log_end(self, lines: int = 8) -> str:
        """The last lines of its log, sanitized."""
        return tail(Path(self.log), lines)


def start(
    module: str,
    arguments: Sequence[str],
    *,
    url: str,
    health: str,
    log: Path,
    home: Path,
    temporary: Path,
    remember: Callable[[Process], None],
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Starts `python -m module`, remembers it at once, and waits until it answers.

    What it prints goes to the log by way of a log writer. Its temporary files are in the folder `temporary`.
    Raises DidNotStart. However this fails, nothing that it started is left running.
    """
    folder = log.parent
    settings: dict[str, Any] = {
        "env": {
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            "HOME": str(home),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
            MARK: str(folder),
        },
        "cwd": home,
        "start_new_session": True,
        "umask": 0o077,
    }
    try:
        writer = subprocess.Popen(
            [sys.executable, *_options(folder, "chatops.local.log_writer", [str(log)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **settings,
        )
        assert writer.stdin
        # Closing the pipe ends the writer, also where the process itself cannot be started.
        with writer.stdin:
            running = subprocess.Popen(
                [sys.executable, *_options(folder, module, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=writer.stdin,
                stderr=subprocess.STDOUT,
                **settings,
            )
    except OSError as error:
        raise DidNotStart(f"{module} could not be started: {error}") from error
    process = Process(module, list(arguments), running.pid, url, health, str(log))
    try:
        remember(process)
        _wait_until_it_answers(process, running)
    except BaseException as error:
        _end_child(running)
        with suppress(subprocess.TimeoutExpired):
            writer.wait(END_SECONDS)
        if isinstance(error, DidNotStart):
            raise DidNotStart(f"{error}:\n{process.log_end()}") from None
        raise
    return process


def _wait_until_it_answers(process: Process, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT
    # That something answers is not enough: somebody else may have taken the port in the same moment.
    while not (process.is_healthy and process.listens):
        if running.poll() is not None or time.monotonic() > deadline:
            how = "does not answer" if running.returncode is None else f"ended with code {running.returncode}"
            raise DidNotStart(f"{process.module} {how}")
        time.sleep(0.05)


def find_marked(folder: Path) -> list[Any]:
    """Return every running process of this user that was started for a state folder, those of functions included.

    The state file does not name all of them: it may be damaged, the disk may have been full when it was written, and
    the functions of a process that was killed go on.
    """
    import psutil

    own = psutil.Process()
    excluded = {own.pid, *(parent.pid for parent in own.parents())}
    return [one for one in psutil.process_iter() if one.pid not in excluded and _is_marked(one, folder)]


def is_service(process: Any) -> bool:
    """Whether a marked process is one that the state file names: no function's and no log writer."""
    import psutil

    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any(first == "-m" and second in SERVICES for first, second in pairwise(words))


def end_processes(processes: Iterable[Any]) -> None:
    """End processes with SIGTERM, and with SIGKILL those that do not end."""
    import psutil

    remaining = list(processes)
    for one in remaining:
        with suppress(psutil.Error):
            one.terminate()
    _, remaining = psutil.wait_procs(remaining, timeout=END_SECONDS)
    for one in remaining:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(remaining, timeout=END_SECONDS)


def _options(folder: Path, module: str, arguments: Sequence[str]) -> list[str]:
    # Python passes over an -X that it does not know: it shows, in a list of processes, whose this one is.
    return ["-X", f"chatops_folder={folder}", "-m", module, *arguments]


def _is_marked(process: Any, folder: Path) -> bool:
    import psutil

    try:
        if hasattr(os, "getuid") and process.uids().real != os.getuid():
            return False
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = process.cmdline()
        if ("-X", f"chatops_folder={folder}") in pairwise(words):
            return True
        if process.environ().get(MARK) == str(folder):
            return True
        # A function's child that has cleared its environment: its code lies in the folder for temporary files.
        return Path(process.cwd()).is_relative_to(folder / "tmp")
    except (psutil.Error, OSError):
        return False


def _end_family(process: Any) -> None:
    import psutil

    try:
        children = process.children(recursive=True)
    except psutil.Error:
        children = []
    end_processes([process, *children])


def _end_child(running: subprocess.Popen[bytes]) -> None:
    # Until it is waited for, the pid of a child can be no other process's.
    import psutil

    if running.poll() is None:
        _end_family(psutil.Process(running.pid))
    with suppress(subprocess.TimeoutExpired):
        running.wait(END_SECONDS)


def free_port(usual: int) -> int:
    """The usual port when nobody listens there, else one that is free."""
    for port in (usual, 0):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                one.bind((HOST, port))
                return int(one.getsockname()[1])
    raise DidNotStart("no port is free")
