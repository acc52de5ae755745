"""Starts, finds and stops the local AWS, in the background and on loopback only.

It is two processes: MiniStack (`local/emulator.py`), with IAM enforced, is everything but the chat's clients' side;
that is the front (`local/front`), one for each region that is used.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import LocalError, UsageError
from ..extras import require
from .emulator import HEALTH
from .keys import CERTIFICATE, LocalKeys
from .process import HOST, SERVICES, DidNotStart, Process, end_processes, find_marked, free_port, is_service, start

USUAL_PORT, USUAL_FRONT_PORT = 4566, 4510
PATIENCE = 10.0
"""Seconds for which a process may not answer, on a machine that is busy or was asleep, before something is done."""
LOCK_NOTICE_SECONDS, LOCK_REPEAT_SECONDS, MAX_LOCK_SECONDS = 1.0, 15.0, 120.0
"""When a command that waits for another one says so, how often it says it again, and when it gives up."""
MAX_STATE_BYTES = 1_000_000
LOW_DISK_BYTES = 1_000_000
TEMPORARY = ("keys.json", CERTIFICATE, "tmp", "deployments")
"""What is deleted with the stacks: temporary files (functions' code among them), deployments' snapshots, the keys."""


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
        file = _state_file()
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_STATE_BYTES:
            return Local()
        state = json.loads(file.read_text())
        aws = _process(state["aws"], SERVICES[0]) if state["aws"] else None
        fronts = {region: _process(one, SERVICES[1]) for region, one in state["fronts"].items()}
        if fronts and not aws:
            return Local()
        options = state["front_options"]
        if not all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in options.values()):
            return Local()
        return Local(aws, fronts, options)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, LocalError):
        return Local()


def _process(state: dict[str, Any], module: str) -> Process:
    """Return a process of the state file. Raises an error when it is none that chatops wrote there."""
    process = Process(**state)
    url = urlsplit(process.url)
    is_valid = (
        process.module == module
        and isinstance(process.arguments, list)
        and all(isinstance(word, str) for word in process.arguments)
        and type(process.pid) is int
        and 1 < process.pid < 2**31
        and url.scheme == "http"
        and url.netloc == f"{HOST}:{url.port}"
        and process.health.startswith("/")
        and Path(process.log).parent == _folder()
    )
    if not is_valid:
        raise ValueError("a process of the state file is damaged")
    return process


def unrecorded() -> list[int]:
    """Return the pids of processes that were started for this state folder and that the state file does not name."""
    recorded = {one.pid for one in remembered().processes}
    try:
        marked = find_marked(_folder())
    except LocalError:
        return []
    return [one.pid for one in marked if one.pid not in recorded and is_service(one)]


def front_options(time_scale: float, drop_disconnects: bool) -> list[str]:
    """How these are asked of the front; nothing where they are the usual ones."""
    scale = ["--time-scale", str(time_scale)] if time_scale != 1 else []
    return [*scale, *(["--drop-disconnects"] if drop_disconnects else [])]


def ensure(region: str, say: Callable[[str], None], options: list[str] | None = None) -> tuple[str, str]:
    """The URLs of the running local AWS and of its front for a region; started where they do not run.

    `options` are the front's: it is started again where it has others. Without them it keeps those that it has.
    Raises LocalError when they do not come up.
    """
    with _locked(say), _undone_on_failure():
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


def gateway_of(endpoint_url: str, region: str, say: Callable[[str], None]) -> str | None:
    """Return the local API Gateway's address when an endpoint is this user's local AWS; None for any other endpoint."""
    try:
        running = remembered().aws
    except (UsageError, LocalError):  # the extra [local] is not installed or has no folder, so it is another program's
        return None
    if running is None or endpoint_url.rstrip("/") != running.url or running.find() is None:
        return None
    return ensure(region, say)[1]


def stop(say: Callable[[str], None]) -> list[Process]:
    """End every process that was started for this state folder, and delete what they wrote outside of their logs.

    Returns the processes that the state file named and that were running. Without the lock where no lock file can be
    created (a read-only or full disk): what runs is ended anyway.
    """
    with _locked(say, is_required=False):
        ended = [one for one in reversed(remembered().processes) if one.end()]
        _end_unrecorded(Local(), say)
        for name in TEMPORARY:
            _delete(_folder() / name)
        _delete(_state_file())
    return ended


def keys() -> LocalKeys:
    """Return the root access key of the local AWS that was started last. Raise LocalError when it cannot be read."""
    try:
        return LocalKeys.read(_keys_file())
    except (OSError, ValueError) as error:
        raise LocalError(
            "local-keys-unreadable",
            "The access key of the local AWS cannot be read",
            f"{_keys_file()}: {error}",
            "Run `chatops local stop`, then the same command again: a new local AWS gets a new key.",
        ) from error


CONFLICTING_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
"""What an SDK would use beside, or instead of, the key in the environment."""


def variables(region: str) -> dict[str, str]:
    """Return the environment in which an SDK uses the local AWS. Raise LocalError when it is not running."""
    running = remembered().aws
    if running is None or running.find() is None:
        raise LocalError(
            "local-not-running",
            "The local AWS is not running",
            "it has an address and a key only while it runs",
            "Run `chatops local start` first.",
        )
    access_key, secret_key = keys().pair
    return {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,  # what boto3 reads
    }


def _start_aws(local: Local, say: Callable[[str], None]) -> Process:
    def remember(process: Process) -> None:
        local.aws = process
        _remember(local)

    _end_unrecorded(local, say)
    # Code of functions of the one before it, and its deployments.
    for name in TEMPORARY:
        _delete(_folder() / name)
    with _writing(_keys_file()):
        LocalKeys.create().write(_keys_file())
    return _start(
        SERVICES[0],
        lambda port: ["--port", str(port), "--keys", str(_keys_file())],
        usual_port=USUAL_PORT,
        health=HEALTH,
        log="local.log",
        remember=remember,
        say=say,
    )


def _start_front(local: Local, region: str, usual_port: int, say: Callable[[str], None]) -> Process:
    assert local.aws

    def remember(process: Process) -> None:
        local.fronts[region] = process
        _remember(local)

    _end_unrecorded(local, say)
    snapshots = _folder() / "deployments" / str(local.aws.pid)
    with _writing(snapshots):
        snapshots.mkdir(parents=True, exist_ok=True)
    arguments = ["--aws", local.aws.url, "--region", region, "--keys", str(_keys_file())]
    arguments += ["--state-dir", str(snapshots)]
    arguments += local.front_options.get(region, [])
    return _start(
        SERVICES[1],
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
    folder = _folder()
    file, home, temporary = folder / log, folder / "home", folder / "tmp"
    with _writing(folder):
        for one in (home, temporary):
            one.mkdir(mode=0o700, exist_ok=True)
        # The log of the one before it is kept: why that one ended stands there.
        with suppress(FileNotFoundError):
            file.replace(f"{file}.1")
        file.touch(mode=0o600)
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
                temporary=temporary,
                remember=remember,
                environment={
                    # Where MiniStack would use fixed folders in /tmp, which others may have created.
                    "STATE_DIR": str(temporary / "ministack-state"),
                    "S3_DATA_DIR": str(temporary / "ministack-s3"),
                },
            )
        except DidNotStart as error:
            end = str(error)
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        end += f"\nOnly {free:,} bytes are free on the disk of {folder}."
    raise LocalError(
        "local-did-not-start",
        "The local AWS could not be started",
        end,
        f"Its whole log is {file}. Mend what it tells, then run the same command again.",
    )


def _end_unrecorded(local: Local, say: Callable[[str], None]) -> None:
    """End what runs for this state folder and is not recorded; where no AWS is recorded, functions' processes too."""
    recorded = {one.pid for one in local.processes}
    services: set[int] = set()
    # A process may start another one while it is looked for.
    for _ in range(3):
        marked = [one for one in find_marked(_folder()) if one.pid not in recorded]
        found = [one for one in marked if is_service(one)]
        ending = found if local.aws else marked
        if not ending:
            break
        services |= {one.pid for one in found}
        end_processes(ending)
    if services:
        pids = ", ".join(map(str, sorted(services)))
        say(f"Ended processes of a local AWS that the state file did not name (pid {pids}).")


@contextmanager
def _undone_on_failure() -> Iterator[None]:
    """End what was started in the block when it fails, and restore the state file."""
    before = remembered()
    try:
        yield
    except BaseException:
        for process in remembered().processes:
            if process not in before.processes:
                process.end()
        with suppress(LocalError):
            if before.processes or before.front_options:
                _remember(before)
            else:
                _delete(_state_file())
        raise


@contextmanager
def _locked(say: Callable[[str], None], *, is_required: bool = True) -> Iterator[None]:
    """Two commands at once start one local AWS, not two. Without `is_required`, go on where no lock can be had."""
    file, holder = _folder() / "local.lock", _folder() / "local.lock.pid"
    from filelock import FileLock, Timeout

    lock = FileLock(str(file), mode=0o600)
    began, patience = time.monotonic(), LOCK_NOTICE_SECONDS
    while not lock.is_locked:
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            waited, patience = time.monotonic() - began, LOCK_REPEAT_SECONDS
            command = f"another chatops command{_pid_in(holder)}"
            if waited > MAX_LOCK_SECONDS:
                raise LocalError(
                    "local-locked",
                    "Timed out waiting for the lock of the local AWS",
                    f"{command} has held {file} for more than {MAX_LOCK_SECONDS:.0f} s",
                    "Wait until that command ends, or end it, then retry.",
                ) from None
            say(f"Waiting for {command} that is starting or stopping the local AWS … ({waited:.0f} s)")
            patience = min(patience, max(0.0, MAX_LOCK_SECONDS - waited) + 0.1)
        except OSError as error:
            if is_required:
                raise _not_writable(file, error) from error
            break
    try:
        with suppress(OSError):
            holder.write_text(str(os.getpid()))
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _pid_in(file: Path) -> str:
    try:
        return f" (pid {int(file.read_text())})"
    except (OSError, ValueError):
        return ""


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_writable(path, error) from error


def _not_writable(path: Path, error: OSError) -> LocalError:
    return LocalError(
        "local-folder-not-writable",
        "Cannot write to the state folder of the local AWS",
        f"{error.filename or path}: {error.strerror or error}",
        "Free disk space or fix the folder's permissions, then retry. `chatops local stop` ends what is running.",
    )


def _folder() -> Path:
    require("local")
    from platformdirs import user_state_path

    folder = user_state_path("chatops", appauthor=False)
    with _writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        now = folder.stat()
        if hasattr(os, "getuid") and now.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "the folder belongs to another user", str(folder))
        if stat.S_IMODE(now.st_mode) != 0o700:
            folder.chmod(0o700)
        return folder


def _keys_file() -> Path:
    return _folder() / "keys.json"


def _state_file() -> Path:
    return _folder() / "local.json"


def _remember(local: Local) -> None:
    # Those who only read it take no lock: they find the old one or the new one, whole.
    fresh = _state_file().with_suffix(".new")
    try:
        with _writing(fresh):
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(asdict(local), file)
            fresh.replace(_state_file())
    except LocalError:
        with suppress(OSError):
            fresh.unlink()
        raise


def _delete(path: Path) -> None:
    """Delete a file or a folder with all that is in it, folders included that are not writable: code has such modes."""
    with _writing(path):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        path.chmod(0o700)
        for place, folders, _ in os.walk(path):
            for name in folders:
                folder = Path(place, name)
                if not folder.is_symlink():
                    folder.chmod(0o700)
        shutil.rmtree(path)
