"""What a shell is offered at Tab, by each completer and through the protocol that shells speak."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pexpect
import pytest
from botocore.client import BaseClient

from chatops import completion
from chatops.aws import STACK_TAG

from .sizes import every

SEOUL = "ap-northeast-2"
TABLE = "websocket-connections"
PROGRAM = "import sys; sys.argv = ['chatops']; from chatops.cli import main; main()"
CONFIG = "functions: {echo: {source: handlers/page.py}}\nwebsocket: {routes: {$default: echo}}\nhttp_apis: {}\n"
HOSTILE = ["$(reboot)", "a;b", "a b", "`id`", "--all", "*", "'", '"', "~root", "a\nb", "a\u202eb", "\x1b[2J", "!!"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and none of the local AWS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def typed(**params: Any) -> Any:
    """What the completer is told of the line so far."""
    return SimpleNamespace(params=params)


def asking(*words: str, program: str = PROGRAM, **environment: str) -> subprocess.Popen[str]:
    """Asks as bash does, with the cursor at the end of the last word."""
    protocol = {
        "_CHATOPS_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(("chatops", *words)),
        "COMP_CWORD": str(len(words)),
    }
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **protocol, **environment},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def offered(*words: str, **environment: str) -> list[str]:
    """What bash gets for an answer; nothing may be told of what goes wrong."""
    process = asking(*words, **environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.split()


def test_the_functions_of_the_config_that_is_typed_are_offered() -> None:
    Path("mine.yaml").write_text(CONFIG)
    assert completion.functions(typed(config=Path("mine.yaml"))) == [("echo", "")]


def test_a_home_that_the_shell_has_not_written_out_yet_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    Path("mine.yaml").write_text(CONFIG)
    assert completion.functions(typed(config="~/mine.yaml")) == [("echo", "")]


def test_a_function_that_is_on_the_line_is_not_offered_again() -> None:
    found = [one for one, _ in completion.functions(typed(function=["websocket-send"]))]
    assert "websocket-connect" in found
    assert "websocket-send" not in found


def test_the_http_apis_of_the_config_are_offered() -> None:
    assert [one for one, _ in completion.http_apis(typed())] == ["api-gateway-lambda", "api-gateway-lambda2"]


def test_a_wrong_config_offers_nothing() -> None:
    Path("config.yaml").write_text("stak: x")
    assert completion.functions(typed()) == completion.http_apis(typed()) == []
    assert completion.connection_ids(typed(region=SEOUL), "") == []


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_that_a_shell_would_obey_is_not_offered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatops.session.Session.config", SimpleNamespace(http_apis={name: None, "채팅-1": None}))
    assert completion.http_apis(typed()) == [("채팅-1", "")]


@pytest.fixture
def put(moto: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts rows into the table of connections, each connected so many seconds ago."""
    # A busy machine may take longer than a shell waits.
    monkeypatch.setattr(completion, "LIMIT", 60.0)
    dynamodb = boto3.client("dynamodb", region_name=SEOUL)
    key = "connectionId"
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": STACK_TAG, "Value": "websocket-chat"}],
    )

    def put(connection_id: str, ago: int | None = None, **more: str) -> None:
        at = datetime.now(timezone.utc) - timedelta(seconds=ago or 0)
        fields = {key: connection_id, **({} if ago is None else {"connectedAt": at.isoformat()}), **more}
        dynamodb.put_item(TableName=TABLE, Item={name: {"S": text} for name, text in fields.items()})

    yield put
    moto()


def test_connections_are_offered_with_how_long_they_are_connected(put: Callable[..., None]) -> None:
    put("Young1cIhw=", 3)
    put("Old1cIhw=", 600)
    put("Unknown1cIhw=")
    found = completion.connection_ids(typed(region=SEOUL), "")
    assert [one for one, _ in found] == ["Old1cIhw=", "Young1cIhw=", "Unknown1cIhw="]
    assert re.fullmatch(r"connected 10m0\ds ago", found[0][1])
    assert re.fullmatch(r"connected \ds ago", found[1][1])
    assert found[2][1] == ""


def test_only_connections_that_begin_as_typed_and_are_not_on_the_line_are_offered(put: Callable[..., None]) -> None:
    for one in ("Ab=", "Ac=", "Ad=", "B="):
        put(one)
    found = completion.connection_ids(typed(region=SEOUL, ids=["Ac="]), "A")
    assert [one for one, _ in found] == ["Ab=", "Ad="]


def test_a_connection_that_is_typed_in_full_is_not_offered(put: Callable[..., None]) -> None:
    put("Ab=")
    assert completion.connection_ids(typed(region=SEOUL), "Ab=") == []


def test_nothing_that_a_client_or_a_stranger_wrote_is_offered(put: Callable[..., None]) -> None:
    for one in HOSTILE:
        put(one, 3)
    put("Ab=", connectedAt="$(reboot)", userAgent="$(reboot)")
    assert completion.connection_ids(typed(region=SEOUL), "") == [("Ab=", "")]


def test_no_more_than_one_look_at_the_table_is_taken(put: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST", 2)
    for one in ("A=", "B=", "C="):
        put(one)
    assert len(completion.connection_ids(typed(region=SEOUL), "")) == 2


@pytest.mark.parametrize("owner", ["other-stack", None])
def test_ids_of_a_table_that_is_not_the_stacks_are_neither_read_nor_offered(
    put: Callable[..., None], monkeypatch: pytest.MonkeyPatch, owner: str | None
) -> None:
    put("Ab=")
    arn = f"arn:aws:dynamodb:{SEOUL}:123456789012:table/{TABLE}"
    dynamodb = boto3.client("dynamodb", region_name=SEOUL)
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])
    if owner:
        dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": STACK_TAG, "Value": owner}])
    calls = list[str]()
    call = BaseClient._make_api_call

    def record(client: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    assert completion.connection_ids(typed(region=SEOUL), "") == []
    assert "DescribeTable" in calls and "Scan" not in calls


def test_without_a_table_nothing_is_offered(moto: Callable[[], None]) -> None:
    assert completion.connection_ids(typed(region=SEOUL), "") == []


def test_in_another_account_than_the_pinned_one_nothing_is_offered(put: Callable[..., None]) -> None:
    put("Ab=")
    Path("config.yaml").write_text("account: '999999999999'")
    assert completion.connection_ids(typed(region=SEOUL), "") == []
    Path("config.yaml").write_text("account: '123456789012'")
    assert completion.connection_ids(typed(region=SEOUL), "") == [("Ab=", "")]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Something that listens and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def url(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_nobody_waits_longer_than_the_limit(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "LIMIT", 0.1)
    began = time.monotonic()
    assert completion.connection_ids(typed(region=SEOUL, endpoint_url=url(silent)), "") == []
    assert time.monotonic() - began < 10


def test_an_answer_that_never_comes_keeps_no_process(silent: socket.socket) -> None:
    assert offered("kick", "--region", SEOUL, "--endpoint-url", url(silent), "") == []


def test_ctrl_c_ends_it_without_a_word(silent: socket.socket) -> None:
    patient = f"from chatops import completion; completion.LIMIT = 60.0; {PROGRAM}"
    process = asking("kick", "--region", SEOUL, "--endpoint-url", url(silent), "", program=patient)
    with silent.accept()[0]:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_a_local_aws_that_does_not_run_is_not_started(folder: Path) -> None:
    assert offered("kick", "--local", "") == []
    assert offered("send", "--to", "", CHATOPS_LOCAL="1") == []
    assert list((folder / "state").rglob("*.log")) == []


@pytest.mark.parametrize(
    ("cause", "environment"),
    every(
        3,
        [
            ("no region", {}),
            ("no such region", {"AWS_REGION": "moon"}),
            ("no network", {"AWS_REGION": SEOUL}),
            ("no credentials", {"AWS_REGION": SEOUL, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}),
            ("no such profile", {"AWS_REGION": SEOUL, "AWS_PROFILE": "nobody"}),
            ("no config", {"AWS_REGION": SEOUL, "CHATOPS_CONFIG": "absent.yaml"}),
        ],
    ),
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_goes_wrong_is_not_told(cause: str, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = url(closed)
    assert offered("kick", "", **{"AWS_ENDPOINT_URL": nobody, **environment}) == []


def test_nobody_is_asked_for_the_code_of_an_mfa_device(folder: Path) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/x\n"
    keys = "[profile keys]\naws_access_key_id = testing\naws_secret_access_key = testing\n"
    (folder / "aws").write_text(f"[profile role]\n{role}{keys}")
    environment = {
        **{key: text for key, text in os.environ.items() if not key.startswith("AWS_")},
        "AWS_CONFIG_FILE": str(folder / "aws"),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PROFILE": "role",
        "AWS_REGION": SEOUL,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "_CHATOPS_COMPLETE": "complete_bash",
        "COMP_WORDS": "chatops\nkick\n",
        "COMP_CWORD": "2",
    }
    shown = pexpect.run(f'"{sys.executable}" -c "{PROGRAM}"', env=environment, timeout=60)
    assert isinstance(shown, bytes)
    assert shown.strip() == b""


def test_values_are_offered_by_the_shells_protocol() -> None:
    Path("mine.yaml").write_text(CONFIG)
    assert offered("logs", "--config", "mine.yaml", "--function", "") == ["echo"]
    assert offered("logs", "--function", "", CHATOPS_CONFIG="mine.yaml") == ["echo"]
    assert offered("url", "") == offered("open", "") == ["api-gateway-lambda", "api-gateway-lambda2"]
    assert offered("policy", "--for", "") == ["deploy", "observe", "operate", "diagnose"]


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (["kick", "Ab", "=", "C"], ["kick", "Ab=", "C"]),
        (["kick", "Ab", "=", ""], ["kick", "Ab=", ""]),
        (["kick", "Ab", "==", "--local", ""], ["kick", "Ab==", "--local", ""]),
        (["logs", "--config", "=", "a.yaml", "--function", ""], ["logs", "--config=a.yaml", "--function", ""]),
        (["send", "--to", "=", "Ab", "=", "x"], ["send", "--to=Ab=", "x"]),
        (["send", "--to", "="], ["send", "--to="]),
        (
            ["kick", "--endpoint-url", "http", ":", "//127.0.0.1", ":", "4566", ""],
            ["kick", "--endpoint-url", "http://127.0.0.1:4566", ""],
        ),
        (["send", "hello", ":", "--to", ""], ["send", "hello:", "--to", ""]),
    ],
    ids=" ".join,
)
def test_words_that_bash_splits_are_put_together(words: list[str], whole: list[str]) -> None:
    assert completion.rejoined(words) == whole


def test_a_real_bash_completes_a_name_from_the_config_on_its_line(folder: Path) -> None:
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    program = folder / "bin" / "chatops"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom chatops.cli import main\nmain()\n")
    program.chmod(0o755)
    (folder / "mine.yaml").write_text(CONFIG)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[1])}
    shell = pexpect.spawn(
        bash, ["--norc", "--noprofile", "-i"], env={**os.environ, **path}, encoding="utf-8", dimensions=(24, 200)
    )
    try:
        shell.sendline('eval "$(chatops --show-completion bash)"; echo rea""dy')
        shell.expect("ready", timeout=60)
        shell.send("chatops logs --config=mine.yaml --function e\t")
        shell.expect("--function echo ", timeout=60)
    finally:
        shell.close(force=True)
