"""Starts, finds and stops the local AWS, in the background and on loopback only.

It is two processes: MiniStack (`local/emulator.py`), with IAM enforced, is everything but the chat's clients' side;
that is the front (`local/front`), one for each region that is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import LocalError
from ..extras import require
from .process import HOST, DidNotStart, Process, free_port, start

USUAL_PORT, USUAL_FRONT_PORT = 4566, 4510
PATIENCE = 10.0
"""Seconds for which a process may not answer, on a machine that is busy or was asleep, before something is done."""
KEYS = ("test", "test")
"""The access key of the local account's root user. It is known everywhere and opens nothing else."""


@dataclass
class Local:
    """The processes that were started, as the state file remembers them."""

    aws: Process | None = None
    fronts: dict[str, Process] = field(default_factory=dict)
    front_options: dict[str, list[str]] = field(default_factory=dict)
    """What `local start` asked of a region's front, which it keeps whichever command starts it again."""

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
        fronts = {region: Process(**one) for region, one in state["fronts"].items()}
        return Local(aws, fronts, state["front_options"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Local()


def front_options(time_scale: float, drop_disconnects: bool) -> list[str]:
    """How these are asked of the front; nothing where they are the usual ones."""
    scale = ["--time-scale", str(time_scale)] if time_scale != 1 else []
    return [*scale, *(["--drop-disconnects"] if drop_disconnects else [])]


def ensure(region: str, say: Callable[[str], None], options: list[str] | None = None) -> tuple[str, str]:
    """The URLs of the running local AWS and of its front for a region; started where they do not run.

    `options` are the front's: it is started again where it has others. Without them it keeps those that it has.
    Raises LocalError when they do not come up.
    """
    with _locked():
        local = remembered()
        if local.aws in local.crashed:
            assert local.aws
            say(f"The local AWS that was running (pid {local.aws.pid}) has ended by itself, and its stacks with it.")
            say(f"The end of its log:\n{local.aws.log_end()}")
            say(f"Starting it anew; the whole of that log is kept in {local.aws.log}.1. `chatops up --local` deploys.")
            for other in local.fronts.values():
                other.end()
            local = Local(front_options=local.front_options)
        if local.aws is None:
            local.aws = _start_aws(local, say)
        if not local.aws.answers(PATIENCE):
            raise LocalError(
                "local-does-not-answer",
                f"The local AWS (pid {local.aws.pid}) does not answer at {local.aws.url}",
                f"it was waited for {PATIENCE:.0f} seconds; its log is {local.aws.log}",
                "Try again when this machine is less busy; or `chatops local stop` ends it, and its stacks with it.",
            )
        front = local.fronts.get(region)
        before = local.front_options.get(region, [])
        local.front_options[region] = before if options is None else options
        if front and before != local.front_options[region] and front.end():
            say("The front of the local AWS is started again, as its options have changed: its clients are cut off.")
            front = _start_front(local, region, front.port, say)
        elif front is None:
            front = _start_front(local, region, USUAL_FRONT_PORT, say)
        elif not front.answers(PATIENCE):
            how = "does not answer" if front.find() else "has ended by itself"
            say(f"The front of the local AWS (pid {front.pid}) {how}; starting it again, its stacks are kept.")
            say(f"The end of its log, which is kept in {front.log}.1:\n{front.log_end()}")
            front.end()
            # At the same address: functions that run have it in their environment.
            front = _start_front(local, region, front.port, say)
        return local.aws.url, front.url


def stop() -> list[Process]:
    """Ends the processes that we started, and gives those that were running."""
    with _locked():
        ended = [one for one in reversed(remembered().processes) if one.end()]
        _state_file().unlink(missing_ok=True)
    return ended


def _start_aws(local: Local, say: Callable[[str], None]) -> Process:
    def remember(process: Process) -> None:
        local.aws = process
        _remember(local)

    return _start(
        "chatops.local.emulator",
        lambda port: ["--port", str(port)],
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
    arguments += local.front_options.get(region, [])
    return _start(
        "chatops.local.front",
        lambda port: ["--port", str(port), *arguments],
        usual_port=usual_port,
        health="/_chatops/health",
        log=f"front-{region}.log",
        remember=remember,
        say=say,
    )


def _start(
    module: str,
    arguments: Callable[[int], list[str]],
    *,
    usual_port: int,
    health: str,
    log: str,
    remember: Callable[[Process], None],
    say: Callable[[str], None],
) -> Process:
    file, home = _folder() / log, _folder() / "home"
    home.mkdir(exist_ok=True)
    # The log of the one before it is kept: why that one ended stands there.
    with suppress(FileNotFoundError):
        file.replace(f"{file}.1")
    end = ""
    # Another program may take the port between the look at it and the start: then another port is tried.
    for wanted in (usual_port, 0, 0):
        try:
            port = free_port(wanted)
            url = f"http://{HOST}:{port}"
            if wanted and port != wanted:
                say(f"Port {wanted} is taken by another program; {module} uses {port}.")
            say(f"Starting {module} at {url} (log: {file}) …")
            return start(
                module,
                arguments(port),
                url=url,
                health=health,
                log=file,
                home=home,
                remember=remember,
            )
        except DidNotStart as error:
            end = str(error)
    raise LocalError(
        "local-did-not-start",
        "The local AWS could not be started",
        end,
        f"Its whole log is {file}. Mend what it tells, then run the same command again.",
    )


@contextmanager
def _locked() -> Iterator[None]:
    """Two commands at once start one local AWS, not two."""
    lock = _folder() / "local.lock"
    from filelock import FileLock

    with FileLock(str(lock), mode=0o600):
        yield


def _folder() -> Path:
    require("local")
    from platformdirs import user_state_path

    folder = user_state_path("chatops", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _state_file() -> Path:
    return _folder() / "local.json"


def _remember(local: Local) -> None:
    # Those who only read it take no lock: they find the old one or the new one, whole.
    fresh = _state_file().with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(local), file)
    fresh.replace(_state_file())
