"""The local AWS: started when needed, told from strangers, stopped without harm to others."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import websockets.sync.client as websockets
from websockets.exceptions import ConnectionClosed

from chatops.local.emulator import HEALTH

from .conftest import Chatops

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Chatops]:
    """The command line with a state directory of its own, so that no local AWS runs yet."""
    command = Chatops(tmp_path, tmp_path / "state")
    yield command
    command.must("local", "stop")


@pytest.mark.slow
def test_it_starts_on_loopback_and_stops(fresh: Chatops) -> None:
    assert fresh.must("local", "status", "--json").last["running"] is False
    fresh.must("local", "start")
    status = fresh.must("local", "status", "--json").last
    assert status["running"] is True
    assert status["endpoint_url"].startswith("http://127.0.0.1:")
    listening = {one.laddr.ip for one in psutil.Process(status["pid"]).net_connections() if one.status == "LISTEN"}
    listening |= {
        one.laddr.ip
        for front in status["fronts"].values()
        for one in psutil.Process(front["pid"]).net_connections()
        if one.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}
    assert Path(status["log"]).is_file()
    again = fresh.must("local", "start", "--json").last
    assert again["pid"] == status["pid"], "a second start finds the first"
    fresh.must("local", "stop")
    assert not psutil.pid_exists(status["pid"])
    assert fresh.must("local", "status", "--json").last["running"] is False


@pytest.mark.slow
def test_a_port_that_is_taken_is_left_to_its_owner(fresh: Chatops) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # then it is taken already, by whoever
            stranger.bind(("127.0.0.1", 4566))
            stranger.listen()
        told = fresh.must("local", "start")
        assert "4566 is taken" in told.err
        status = fresh.must("local", "status", "--json").last
        assert not status["endpoint_url"].endswith(":4566")


@pytest.mark.slow
def test_a_crash_is_told_and_the_next_command_starts_anew(fresh: Chatops) -> None:
    fresh.must("local", "start")
    pid = fresh.must("local", "status", "--json").last["pid"]
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    process.wait(10)
    seen = fresh.must("local", "status")
    assert "ended by itself" in seen.out and "chatops up --local" in seen.out
    assert fresh.must("local", "status", "--json").last["crashed"] == [pid]
    told = fresh.must("plan", "--local")
    assert f"pid {pid}) has ended by itself" in told.err and "`chatops up --local` deploys" in told.err
    after = fresh.must("local", "status", "--json").last
    assert after["pid"] != pid and after["crashed"] == []
    assert "Running on http://127.0.0.1" in Path(f"{after['log']}.1").read_text(), "the log of the one that crashed"
    again = psutil.Process(after["pid"])
    again.kill()
    again.wait(10)
    assert f"(pid {after['pid']}) had ended by itself" in fresh.must("local", "stop").err


@pytest.mark.slow
def test_a_crash_of_the_front_is_told_and_the_stack_is_still_there(fresh: Chatops) -> None:
    fresh.local("up")
    front = fresh.must("local", "status", "--json").last["fronts"]["ap-northeast-2"]
    process = psutil.Process(front["pid"])
    process.kill()
    process.wait(10)
    assert fresh.must("local", "status", "--json").last["running"] is False
    told = fresh.must("smoke", "--local")
    assert f"front of the local AWS (pid {front['pid']}) has ended by itself" in told.err
    assert fresh.must("plan", "--local", "--check").code == 0


@pytest.mark.slow
def test_a_front_that_hangs_is_started_again_at_its_port_and_the_stack_is_still_there(fresh: Chatops) -> None:
    fresh.local("up")
    before = fresh.must("local", "status", "--json").last
    hung = before["fronts"]["ap-northeast-2"]
    os.kill(hung["pid"], signal.SIGSTOP)
    told = fresh.must("plan", "--local", "--check")
    assert f"front of the local AWS (pid {hung['pid']}) does not answer; starting it again" in told.err
    after = fresh.must("local", "status", "--json").last
    assert after["pid"] == before["pid"]
    assert after["fronts"]["ap-northeast-2"]["url"] == hung["url"]
    assert not psutil.pid_exists(hung["pid"])


@pytest.mark.slow
def test_a_local_aws_that_pauses_for_a_moment_is_waited_for(fresh: Chatops) -> None:
    fresh.must("local", "start")
    pid = fresh.must("local", "status", "--json").last["pid"]
    os.kill(pid, signal.SIGSTOP)
    waking = threading.Timer(4, os.kill, (pid, signal.SIGCONT))
    waking.start()
    try:
        fresh.must("plan", "--local")
    finally:
        waking.join()
    assert fresh.must("local", "status", "--json").last["pid"] == pid


@pytest.mark.slow
def test_options_of_the_front_are_kept_until_it_is_started_with_others(fresh: Chatops) -> None:
    options = ["--time-scale", "0.01", "--drop-disconnects"]
    fresh.must("local", "start", *options)
    started = fresh.must("local", "status", "--json").last["fronts"]["ap-northeast-2"]
    assert started["options"] == options
    url = fresh.local("up").last["outputs"]["websocket_url"]
    assert fresh.must("local", "status", "--json").last["fronts"]["ap-northeast-2"] == started
    with websockets.connect(url, proxy=None) as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd and closed.value.rcvd.code == 1001, "ten idle minutes have passed"
    assert fresh.local("status").last["stale"] == 1, "nobody told the disconnect function"
    psutil.Process(started["pid"]).kill()
    fresh.must("plan", "--local", "--check")
    crashed = fresh.must("local", "status", "--json").last["fronts"]["ap-northeast-2"]
    assert crashed["options"] == options and crashed["pid"] != started["pid"]
    told = fresh.must("local", "start")
    assert "started again, as its options have changed" in told.err
    usual = fresh.must("local", "status", "--json").last["fronts"]["ap-northeast-2"]
    assert usual["options"] == [] and usual["url"] == started["url"]
    assert fresh.must("smoke", "--local", "--json").last["ok"]


def test_a_scale_that_is_none_is_refused(fresh: Chatops) -> None:
    for scale in ("0", "-1", "nan", "inf"):
        assert fresh.run("local", "start", "--time-scale", scale).code == 2
    assert fresh.must("local", "status", "--json").last["running"] is False


def wait_for_pong(url: str, wanted: str) -> None:
    """Wait until `ping` is answered with what is wanted."""
    began = time.monotonic()
    with websockets.connect(url, proxy=None) as client:
        while time.monotonic() < began + 30:
            client.send("ping")
            if client.recv(timeout=20) == wanted:
                return
    raise AssertionError(f"nobody said {wanted}")


@pytest.mark.parametrize("command", [("up", "--local"), ("local", "start")], ids=" ".join)
@pytest.mark.slow
def test_both_commands_deploy_and_what_is_saved_meanwhile_is_live_too(fresh: Chatops, command: tuple[str, ...]) -> None:
    shutil.copytree(ROOT / "handlers", fresh.folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.yaml", fresh.folder)
    send = fresh.folder / "handlers" / "send.py"
    whole = send.read_text()
    watching = fresh.start(*command, "--watch", "--json")
    try:
        assert watching.stdout
        documents = (json.loads(line) for line in watching.stdout)
        sent = ("finished", "function.websocket-send")
        next(one for one in documents if (one.get("event"), one.get("resource")) == sent)
        send.write_text(whole.replace('b"pong"', 'b"pong, saved meanwhile"'))
        url = next(one for one in documents if one.get("event") == "summary")["outputs"]["websocket_url"]
        wait_for_pong(url, "pong, saved meanwhile")
        assert next(one for one in documents if one.get("event") == "summary")["updated"]
        send.write_text(whole.replace('b"pong"', 'b"pong, saved later"'))
        wait_for_pong(url, "pong, saved later")
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)
    assert watching.returncode == 130


@pytest.mark.slow
def test_a_saved_handler_is_live_in_a_moment_and_connections_are_kept(fresh: Chatops) -> None:
    shutil.copytree(ROOT / "handlers", fresh.folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "config.yaml", fresh.folder)
    send = fresh.folder / "handlers" / "send.py"
    watching = fresh.start("up", "--local", "--watch", "--json")
    try:
        assert watching.stdout
        url = next(json.loads(line) for line in watching.stdout if '"summary"' in line)["outputs"]["websocket_url"]
        with websockets.connect(url, proxy=None) as client:
            client.send("ping")
            assert client.recv(timeout=20) == "pong"
            whole = send.read_text()
            send.write_text("def nothing:")
            problem = next(json.loads(line) for line in watching.stdout)
            assert "send.py:1" in problem.get("why", ""), problem
            send.write_text(whole.replace('b"pong"', 'b"pong, as saved"'))
            summary = next(json.loads(line) for line in watching.stdout if '"summary"' in line)
            assert summary["updated"] == ["function.websocket-send"]
            client.send("ping")
            assert client.recv(timeout=20) == "pong, as saved"
    finally:
        watching.send_signal(signal.SIGINT)
        _, told = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_process_that_got_the_pid_later_is_not_stopped(fresh: Chatops) -> None:
    fresh.must("local", "start")
    state = fresh.state / "chatops" / "local.json"
    remembered = state.read_text()
    pid = fresh.must("local", "status", "--json").last["pid"]
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state.write_text(remembered.replace(f'"pid": {pid}', f'"pid": {stranger.pid}'))
        fresh.must("local", "stop")
        assert stranger.poll() is None
    finally:
        assert stranger.stdin
        stranger.stdin.close()
        stranger.wait(10)
        state.write_text(remembered)


@pytest.mark.slow
def test_stop_deletes_functions_code_and_ends_functions_that_outlived_their_local_aws(fresh: Chatops) -> None:
    fresh.local("up")
    fresh.must("smoke", "--local")
    pid, temporary = fresh.must("local", "status", "--json").last["pid"], fresh.state / "chatops" / "tmp"
    functions = psutil.Process(pid).children(recursive=True)
    assert functions
    assert any(temporary.glob("ministack-lambda-*/code/*.py"))
    assert temporary.stat().st_mode & 0o777 == 0o700
    functions[0].suspend()  # as one that hangs: it does not see that its input has ended
    os.kill(pid, signal.SIGKILL)
    assert functions[0].is_running()
    fresh.must("local", "stop")
    assert not [one for one in functions if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not temporary.exists()


@pytest.mark.parametrize("damage", ['{"aws": ', "[]", '"pid": -1', '"pid": "1"'])
@pytest.mark.slow
def test_a_damaged_state_file_is_told_by_status_and_stop_ends_what_runs(fresh: Chatops, damage: str) -> None:
    fresh.must("local", "start")
    status = fresh.must("local", "status", "--json").last
    pids = [status["pid"], *(one["pid"] for one in status["fronts"].values())]
    state = fresh.state / "chatops" / "local.json"
    text = re.sub(r'"pid": \d+', damage, state.read_text()) if "pid" in damage else damage
    state.write_text(text)
    told = fresh.must("local", "status")
    assert all(str(pid) in told.err for pid in pids) and "`chatops local stop`" in told.err
    fresh.must("local", "stop")
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert fresh.must("local", "status").err == ""


@pytest.mark.slow
def test_the_users_own_credentials_go_nowhere_near_the_local_aws(fresh: Chatops) -> None:
    fresh.environment = {
        "AWS_PROFILE": "does-not-exist",
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "a-real-secret",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    assert fresh.must("plan", "--local", "--json").last["account"] == "000000000000"
    pid = fresh.must("local", "status", "--json").last["pid"]
    environment = psutil.Process(pid).environ()
    assert {key: value for key, value in environment.items() if key.startswith("AWS_")} == {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert "a-real-secret" not in environment.values()


def test_without_the_extra_the_error_says_what_to_install(fresh: Chatops, tmp_path: Path) -> None:
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text("import sys\nsys.modules['ministack'] = None\n")
    fresh.environment = {"PYTHONPATH": str(hide)}
    refused = fresh.run("up", "--local")
    fresh.environment = {}
    assert refused.code == 2
    assert "[local,chat]'" in refused.err


@pytest.mark.slow
def test_installed_from_a_wheel_it_works_in_an_empty_directory(fresh: Chatops, tmp_path: Path) -> None:
    built = tmp_path / "built"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(built), str(ROOT)], check=True)
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"chatops/config.yaml", "chatops/handlers/send.py", "chatops/py.typed"} <= set(names)
    assert not [name for name in names if name.startswith("tests/") or "node_modules" in name]
    installed = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(installed), str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    fresh.folder, fresh.environment = empty, {"PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-c", "import chatops; print(chatops.__file__)"],
        cwd=empty,
        env={**os.environ, **fresh.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    summary = fresh.local("up").last
    assert summary["failed"] == []
    assert summary["outputs"]["websocket_url"].startswith("ws://127.0.0.1:")
    with urllib.request.urlopen(fresh.must("local", "status", "--json").last["endpoint_url"] + HEALTH):
        fresh.local("down", "--yes")
