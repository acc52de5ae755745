"""Starts, finds and stops the local AWS, in the background and on loopback only.

It is two processes: MiniStack, with IAM enforced, is everything but the chat's clients' side; that is the front
(`local/front`), one for each region that is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LocalError
from .process import HOST, DidNotStart, Process, free_port, start

USUAL_PORT, USUAL_FRONT_PORT = 4566, 4510
KEYS = ("test", "test")
"""The access key of the local account's root user. It is known everywhere and opens nothing else."""
REGION = "ap-northeast-2"
"""The region of a local run that names none."""


@dataclass
class Local:
    """The processes that were started, as the state file remembers them."""

    aws: Process | None = None
    fronts: dict[str, Process] = field(default_factory=dict)

    @property
    def processes(self) -> list[Process]:
        return [*([self.aws] if self.aws else []), *self.fronts.values()]

    @property
    def is_running(self) -> bool:
        """True when every process runs and answers."""
        return bool(self.processes) and all(one.find() and one.is_healthy for one in self.processes)

    @property
    def crashed(self) -> list[Process]:
        """Those that were started and have ended by themselves."""
        return [one for one in self.processes if one.find() is None]


def remembered() -> Local:
    """What was started; nothing when the state file is missing or damaged."""
    try:
        state = json.loads(_state_file().read_text())
        aws = Process(**state["aws"]) if state["aws"] else None
        return Local(aws, {region: Process(**one) for region, one in state["fronts"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Local()


def ensure(region: str, say: Callable[[str], None]) -> tuple[str, str]:
    """The URLs of the running local AWS and of its front for a region; started where they do not run.

    Raises LocalError when they do not come up.
    """
    with _locked():
        local = remembered()
        if local.aws and local.aws.find() is None:
            say(f"The local AWS that was running (pid {local.aws.pid}) has ended by itself, and its stack with it.")
            say(f"The end of its log:\n{local.aws.log_end()}")
            for other in local.fronts.values():
                other.end()
            local = Local()
        if local.aws is None:
            local.aws = _start_aws(local, say)
        front = local.fronts.get(region)
        if front and front.find() is None:
            say(f"The front of the local AWS (pid {front.pid}) has ended by itself; starting it again.")
            say(f"The end of its log:\n{front.log_end()}")
            # At the same address: functions that run have it in their environment.
            front = _start_front(local, region, front.port, say)
        if front is None:
            front = _start_front(local, region, USUAL_FRONT_PORT, say)
        for one in (local.aws, front):
            if not one.is_healthy:
                raise LocalError(
                    f"The local AWS (pid {one.pid}) does not answer at {one.url}",
                    f"its log is {one.log}",
                    "Run `chatops local stop`, then the same command again.",
                )
        return local.aws.url, front.url


def stop() -> list[Process]:
    """Ends the processes that we started, and gives those that were running."""
    with _locked():
        ended = [one for one in reversed(remembered().processes) if one.end()]
        _state_file().unlink(missing_ok=True)
    return ended


def emulator_environment(port: int) -> dict[str, str]:
    """The settings of MiniStack: IAM enforced, and nothing but this port of the loopback address is opened.

    Its MQTT broker (`IOT_MTLS_ENABLED`) listens on every address, whatever `BIND_HOST` says, so it stays off.
    """
    return {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "AUTH": "true", "IOT_MTLS_ENABLED": "false"}


def _start_aws(local: Local, say: Callable[[str], None]) -> Process:
    def remember(process: Process) -> None:
        local.aws = process
        _remember(local)

    return _start(
        "ministack",
        lambda port: [],
        emulator_environment,
        usual_port=USUAL_PORT,
        health="/_ministack/health",
        log="local.log",
        remember=remember,
        say=say,
    )


def _start_front(local: Local, region: str, usual_port: int, say: Callable[[str], None]) -> Process:
    assert local.aws

    def remember(process: Process) -> None:
        local.fronts[region] = process
        _remember(local)

    snapshots = _folder() / "deployments" / str(local.aws.pid)
    snapshots.mkdir(parents=True, exist_ok=True)
    arguments = ["--aws", local.aws.url, "--region", region, "--state-dir", str(snapshots)]
    return _start(
        "chatops.local.front",
        lambda port: ["--port", str(port), *arguments],
        lambda port: {},
        usual_port=usual_port,
        health="/_chatops/health",
        log=f"front-{region}.log",
        remember=remember,
        say=say,
    )


def _start(
    module: str,
    arguments: Callable[[int], list[str]],
    environment: Callable[[int], dict[str, str]],
    *,
    usual_port: int,
    health: str,
    log: str,
    remember: Callable[[Process], None],
    say: Callable[[str], None],
) -> Process:
    file, home = _folder() / log, _folder() / "home"
    home.mkdir(exist_ok=True)
    end = ""
    # Another program may take the port between the look at it and the start: then another port is tried.
    for wanted in (usual_port, 0, 0):
        port = free_port(wanted)
        url = f"http://{HOST}:{port}"
        if wanted and port != wanted:
            say(f"Port {wanted} is taken by another program; {module} uses {port}.")
        say(f"Starting {module} at {url} (log: {file}) …")
        try:
            return start(
                module,
                arguments(port),
                environment(port),
                url=url,
                health=health,
                log=file,
                home=home,
                remember=remember,
            )
        except DidNotStart as error:
            end = str(error)
    raise LocalError("The local AWS could not be started", end, f"Its log is {file}.")


@contextmanager
def _locked() -> Iterator[None]:
    """Two commands at once start one local AWS, not two."""
    from filelock import FileLock

    with FileLock(str(_folder() / "local.lock"), mode=0o600):
        yield


def _folder() -> Path:
    from ..session import require

    require("local", "ministack", "filelock", "platformdirs", "psutil", "websockets", "h11")
    from platformdirs import user_state_path

    folder = user_state_path("chatops", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _state_file() -> Path:
    return _folder() / "local.json"


def _remember(local: Local) -> None:
    handle = os.open(_state_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(local), file)


def document(local: Local) -> dict[str, Any]:
    """What `local status --json` says."""
    return {
        "running": local.is_running,
        "endpoint_url": local.aws.url if local.aws else None,
        "pid": local.aws.pid if local.aws else None,
        "log": local.aws.log if local.aws else None,
        "fronts": {
            region: {"url": one.url, "pid": one.pid, "log": one.log, "running": one.find() is not None}
            for region, one in local.fronts.items()
        },
    }
