"""The life of the local AWS: whatever fails and whatever the state file holds, nothing is left running."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from chatops.errors import LocalError
from chatops.local import process, server
from chatops.local.keys import LocalKeys
from chatops.local.process import HOST, MARK, Process, find_marked, free_port
from chatops.local.server import Local
from tests.sizes import every

REGION = "eu-west-1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of the test's own. What runs for it at the end is ended."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(server, "USUAL_PORT", 0)
    monkeypatch.setattr(server, "USUAL_FRONT_PORT", 0)
    place = tmp_path / "state" / "chatops"
    place.mkdir(parents=True)
    yield place
    monkeypatch.undo()
    process.end_processes(find_marked(place))


@pytest.fixture
def said() -> list[str]:
    """What the person who runs a command is told."""
    return []


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the user that is none of ours, although its words are those of one."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "-m", "chatops.local.emulator", "--port", "4566"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as running:
        yield running
        assert running.stdin
        running.stdin.close()


def run_front(place: Path) -> Process:
    """Start a front for a state folder; nothing records it."""
    port = free_port(0)
    (place / "tmp").mkdir(exist_ok=True)
    keys = place / "keys.json"
    LocalKeys.create().write(keys)
    return process.start(
        "chatops.local.front",
        ["--port", str(port), "--aws", f"http://{HOST}:{free_port(0)}", "--region", REGION, "--keys", str(keys)],
        url=f"http://{HOST}:{port}",
        health="/_chatops/health",
        log=place / "front.log",
        home=place,
        temporary=place / "tmp",
        remember=lambda _: None,
    )


def run_marked(place: Path, code: str) -> subprocess.Popen[bytes]:
    """Start a process as a function would, which inherits the mark, and wait until it says that it runs."""
    running = subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True)\n{code}"],
        env={**os.environ, MARK: str(place)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert running.stdout
    running.stdout.readline()
    return running


def recorded(pid: Any, log: Path, **changes: Any) -> dict[str, Any]:
    """A process as the state file has it."""
    usual = {
        "module": "chatops.local.emulator",
        "arguments": ["--port", "4566"],
        "pid": pid,
        "url": "http://127.0.0.1:4566",
        "health": "/_ministack/health",
        "log": str(log),
    }
    return {**usual, **changes}


DAMAGED: dict[str, Callable[[int, Path], str]] = {
    "pid -1": lambda _, log: state(recorded(-1, log)),
    "pid 0": lambda _, log: state(recorded(0, log)),
    "pid as text": lambda pid, log: state(recorded(str(pid), log)),
    "pid true": lambda _, log: state(recorded(True, log)),
    "pid null": lambda _, log: state(recorded(None, log)),
    "pid with a fraction": lambda pid, log: state(recorded(pid + 0.5, log)),
    "huge pid": lambda _, log: state(recorded(10**30, log)),
    "pid of another process": lambda pid, log: state(recorded(pid, log)),
    "another module": lambda pid, log: state(recorded(pid, log, module="http.server", arguments=[])),
    "no words": lambda pid, log: state(recorded(pid, log, module="", arguments=[])),
    "arguments as text": lambda pid, log: state(recorded(pid, log, arguments="--port")),
    "foreign URL": lambda pid, log: state(recorded(pid, log, url="http://example.com:80")),
    "URL without a port": lambda pid, log: state(recorded(pid, log, url="http://127.0.0.1:x")),
    "foreign log": lambda pid, _: state(recorded(pid, Path("/etc/passwd"))),
    "unknown key": lambda pid, log: state({**recorded(pid, log), "more": 1}),
    "a list": lambda *_: "[]",
    "lists": lambda *_: json.dumps({"aws": [], "fronts": [], "front_options": []}),
    "fronts as a list": lambda pid, log: json.dumps({"aws": recorded(pid, log), "fronts": [1], "front_options": {}}),
    "options as text": lambda pid, log: json.dumps(
        {"aws": recorded(pid, log), "fronts": {}, "front_options": {"x": 1}}
    ),
    "a number": lambda *_: "1",
    "null": lambda *_: "null",
    "truncated": lambda pid, log: state(recorded(pid, log))[:-20],
    "empty": lambda *_: "",
    "no text": lambda *_: "\udcff\udcfe",
    "deep": lambda *_: "[" * 100_000,
    "long number": lambda *_: "1" * 10_000,
    "huge": lambda *_: " " * 2_000_000,
}


def state(aws: dict[str, Any]) -> str:
    return json.dumps({"aws": aws, "fronts": {"x": aws}, "front_options": {}})


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_state_file_is_read_and_stopped_and_foreign_processes_live(
    damage: str, folder: Path, said: list[str], foreign: subprocess.Popen[bytes]
) -> None:
    text = DAMAGED[damage](foreign.pid, folder / "local.log")
    (folder / "local.json").write_bytes(text.encode(errors="surrogateescape"))
    assert not server.remembered().is_running
    assert server.unrecorded() == []
    assert server.stop(said.append) == []
    assert not (folder / "local.json").exists()
    assert foreign.poll() is None
    assert said == []


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_a_state_file_that_is_no_file_is_removed(kind: str, folder: Path, said: list[str]) -> None:
    (folder / "local.json").mkdir() if kind == "folder" else os.mkfifo(folder / "local.json")
    assert server.remembered() == Local()
    assert server.stop(said.append) == []
    assert not (folder / "local.json").exists()


def test_a_whole_state_file_is_read_as_it_was_written(folder: Path) -> None:
    local = Local(Process(**recorded(1234, folder / "local.log")), front_options={REGION: ["--time-scale", "0.1"]})
    server._remember(local)
    assert server.remembered() == local


@pytest.mark.slow
def test_stop_ends_what_no_state_file_names_and_nothing_of_another_state_folder(
    folder: Path, said: list[str], tmp_path: Path, foreign: subprocess.Popen[bytes]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ours, others = run_front(folder), run_front(elsewhere)
    with run_marked(folder, "import time, signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)") as function:
        try:
            assert server.unrecorded() == [ours.pid]
            server.stop(said.append)
            assert function.poll() is not None, "it ignores SIGTERM"
            assert still_running(folder) == []
            assert others.is_healthy and foreign.poll() is None
            assert f"(pid {ours.pid})" in said[0]
        finally:
            function.kill()
            process.end_processes(find_marked(elsewhere))


def test_functions_code_is_deleted_whatever_its_modes_and_symbolic_links_are_not_followed(
    folder: Path, said: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    (kept / "file").parent.chmod(0o700)
    (kept / "file").write_text("mine")
    code = folder / "tmp" / "ministack-lambda-x" / "code" / "package"
    code.mkdir(parents=True)
    (code / "app.py").write_text("")
    (code / "link").symlink_to(kept)
    kept.chmod(0o500)
    for one in (code, code.parent):
        one.chmod(0o500)
    (folder / "deployments" / "1").mkdir(parents=True)
    server.stop(said.append)
    assert not (folder / "tmp").exists() and not (folder / "deployments").exists()
    assert (kept / "file").read_text() == "mine" and kept.stat().st_mode & 0o777 == 0o500


def full(*_: Any, **__: Any) -> Any:
    """What a system call on a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fails_for(
    monkeypatch: pytest.MonkeyPatch, owner: Any, call: str, name: str, *, skip: int = 0, within: str | None = None
) -> None:
    """Make a call raise ENOSPC for a path of that name (or in that folder), the first `skip` times excepted."""
    real, seen = getattr(owner, call), 0

    def perhaps(path: Any, *rest: Any, **named: Any) -> Any:
        nonlocal seen
        if Path(path).name == name or within in Path(path).parts:
            seen += 1
            if seen > skip:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(owner, call, perhaps)


def is_log_writer(process: psutil.Process) -> bool:
    """Whether a process writes a log, or has ended."""
    try:
        return "chatops.local.log_writer" in process.cmdline()
    except psutil.NoSuchProcess:
        return True


def still_running(folder: Path) -> list[psutil.Process]:
    """What runs for a state folder. The writer of a log ends a moment after the process whose output it writes."""
    found = find_marked(folder)
    writers = [one for one in found if is_log_writer(one)]
    # One that ended meanwhile is no writer any more, and does not run.
    others = [one for one in found if one not in writers and is_alive(one)]
    return others + list(psutil.wait_procs(writers, timeout=10)[1])


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def write_fails(monkeypatch: pytest.MonkeyPatch, skip: int = 0) -> None:
    """Make writing the state file fail, the first `skip` times excepted, when it is open already."""
    real, seen = json.dump, 0

    def perhaps(document: Any, file: Any) -> None:
        nonlocal seen
        seen += 1
        real(document, file)
        if seen > skip:
            file.flush()
            full()

    monkeypatch.setattr("chatops.local.server.json.dump", perhaps)


FULL: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the lock": lambda patch: fails_for(patch, os, "open", "local.lock"),
    "the home folder": lambda patch: fails_for(patch, Path, "mkdir", "home"),
    "the temporary folder": lambda patch: fails_for(patch, Path, "mkdir", "tmp"),
    "the previous log": lambda patch: fails_for(patch, Path, "replace", "local.log"),
    "the log": lambda patch: fails_for(patch, Path, "touch", "local.log"),
    "the state file": lambda patch: fails_for(patch, os, "open", "local.new"),
    "the state": write_fails,
    "its name": lambda patch: fails_for(patch, Path, "replace", "local.new"),
    "the snapshots": lambda patch: fails_for(patch, Path, "mkdir", "", within="deployments"),
    "the log of the front": lambda patch: fails_for(patch, Path, "touch", f"front-{REGION}.log"),
    "the state file with the front": lambda patch: fails_for(patch, os, "open", "local.new", skip=1),
    "the state with the front": lambda patch: write_fails(patch, skip=1),
    "its name with the front": lambda patch: fails_for(patch, Path, "replace", "local.new", skip=1),
}


@pytest.mark.parametrize("place", every(4, FULL))
def test_a_full_disk_is_an_error_and_leaves_nothing_running(
    place: str, folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "local.log").touch()
    with monkeypatch.context() as patch:
        FULL[place](patch)
        with pytest.raises(LocalError) as raised:
            server.ensure(REGION, said.append)
        assert raised.value.code == "local-folder-not-writable"
        assert "No space left on device" in raised.value.why
        assert still_running(folder) == []
        assert server.stop(said.append) == []
    assert still_running(folder) == []
    assert server.remembered() == Local()
    assert not (folder / "local.new").exists()


def test_what_ran_before_goes_on_when_a_front_cannot_be_started(
    folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ensure(REGION, said.append)
    before = server.remembered()
    with monkeypatch.context() as patch:
        write_fails(patch)
        with pytest.raises(LocalError):
            server.ensure("us-east-1", said.append)
    assert server.remembered() == before and before.is_running
    assert server.unrecorded() == []
    assert [one.pid for one in server.stop(said.append)] == [before.fronts[REGION].pid, before.aws and before.aws.pid]
    assert still_running(folder) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, LocalError("x", "x", "x", "x")])
def test_whatever_ends_a_start_ends_the_process(
    error: Any, folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> bool:
        raise error

    monkeypatch.setattr(Process, "is_healthy", property(interrupted))
    with pytest.raises(error if isinstance(error, type) else LocalError):
        server.ensure(REGION, said.append)
    assert still_running(folder) == []
    assert server.remembered() == Local()


@pytest.mark.slow
def test_a_local_aws_that_is_not_recorded_gives_way_to_the_next_one(folder: Path, said: list[str]) -> None:
    server.ensure(REGION, said.append)
    before = server.remembered()
    assert before.aws
    (folder / "local.json").write_text('{"aws": ')
    server.ensure(REGION, said.append)
    after = server.remembered()
    assert after.is_running and after.aws and after.aws.pid != before.aws.pid
    assert not psutil.pid_exists(before.aws.pid)
    assert any(str(before.aws.pid) in one and "did not name" in one for one in said)
    server.stop(said.append)


HOLDS = (
    "import sys, filelock\n"
    "with filelock.FileLock(sys.argv[1]):\n"
    "    open(sys.argv[1] + '.pid', 'w').write('4321')\n"
    "    print(flush=True)\n"
    "    input()\n"
)


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another command that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLDS, str(folder / "local.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout and running.stdin
        running.stdout.readline()
        yield running
        running.stdin.close()


def test_waiting_for_another_command_says_so_and_ends_with_it(
    folder: Path, said: list[str], holder: subprocess.Popen[bytes]
) -> None:
    def say(text: str) -> None:
        said.append(text)
        assert holder.stdin
        holder.stdin.close()

    assert server.stop(say) == []
    assert said == [said[0]] and "another chatops command (pid 4321)" in said[0]
    assert server.LOCK_NOTICE_SECONDS < 2


def test_waiting_for_a_command_that_never_ends_is_an_error(
    folder: Path, said: list[str], holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOCK_NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(server, "LOCK_REPEAT_SECONDS", 0.1)
    monkeypatch.setattr(server, "MAX_LOCK_SECONDS", 0.5)
    with pytest.raises(LocalError) as raised:
        server.ensure(REGION, said.append)
    assert raised.value.code == "local-locked"
    assert "(pid 4321)" in raised.value.why and str(folder / "local.lock") in raised.value.why
    assert len(said) > 1
    assert still_running(folder) == []


def test_ctrl_c_ends_the_waiting(folder: Path, holder: subprocess.Popen[bytes]) -> None:
    command = [sys.executable, "-m", "chatops", "local", "stop"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr
        assert "Waiting for another chatops command" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(60) == 130


def test_stop_needs_no_lock_file_that_cannot_be_created(
    folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = run_front(folder)
    fails_for(monkeypatch, os, "open", "local.lock")
    server.stop(said.append)
    assert not front.find()
    assert still_running(folder) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, most of which the bundle of certificates takes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode and os.environ.get("CI") and os.getuid() == 0:
        pytest.fail(f"a file system of 1 MiB cannot be mounted: {mounted.stderr.decode()}")
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("pages", [0, 1, 2, 3, 5, 8])
@pytest.mark.slow
def test_on_a_disk_that_is_really_full_it_starts_or_leaves_nothing_running(
    pages: int, small_disk: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    monkeypatch.setattr(server, "USUAL_PORT", 0)
    monkeypatch.setattr(server, "USUAL_FRONT_PORT", 0)
    place = small_disk / "chatops"
    place.mkdir(mode=0o700)
    filler = os.open(small_disk / "filler", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError):
        while os.write(filler, b"x" * 4096):
            pass
    os.ftruncate(filler, os.fstat(filler).st_size - 4096 * pages)
    os.close(filler)
    try:
        server.ensure(REGION, said.append)
    except LocalError as error:
        assert error.code in ("local-folder-not-writable", "local-did-not-start")
        assert "No space left on device" in error.why or "bytes are free on the disk" in error.why
        assert still_running(place) == []
    else:
        assert pages and server.remembered().is_running
    finally:
        server.stop(said.append)
    assert still_running(place) == []
    (small_disk / "filler").unlink()
    server.ensure(REGION, said.append)
    assert server.remembered().is_running
    server.stop(said.append)
