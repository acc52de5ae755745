"""No credential, token or signed URL in anything that a run writes, but in the invite that was asked for."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from chatops.ops import smoke
from chatops.ops.chat import run
from chatops.text import redacted

from ..forked import Finished
from .conftest import REGION, Boto, Chatops

PROFILE = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0001",
    "AWS_SECRET_ACCESS_KEY": "canary/secret+of+the+real+profile/000001",
    "AWS_SESSION_TOKEN": "canary-session-token-of-the-real-profile",
}
CANARY = re.compile("canary", re.IGNORECASE)
SIGNED = re.compile(r"X-Amz-(Signature|Credential|Security-Token)=|AWS4-HMAC-SHA256 Credential", re.IGNORECASE)


@pytest.fixture
def debugged(chatops: Chatops) -> Chatops:
    """The command line of somebody who has real credentials."""
    chatops.write_config("websocket: {auth: iam}\n")
    return Chatops(chatops.folder, chatops.state, {**PROFILE, "BROWSER": "true %s"})


def files(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from (one for one in folder.rglob("*") if one.is_file())


@pytest.mark.slow
def test_a_whole_debug_run_writes_no_secret_but_the_invite(debugged: Chatops) -> None:
    runs: list[Finished] = []

    def run(*arguments: str) -> Finished:
        runs.append(debugged.run(*arguments, "--local", "--debug"))
        return runs[-1]

    assert run("up").code == 0
    invite = run("invite")
    assert SIGNED.search(invite.out)
    runs.remove(invite)
    query = invite.out.strip().partition("?")[2]
    signature = query.rpartition("=")[2]
    for arguments in (
        *(["status"], ["smoke"], ["plan"], ["send", "hi"], ["url"], ["prune"], ["up", "--json"]),
        *(["chat"], ["logs"], ["metrics"], ["doctor"], ["find"], ["policy"]),
    ):
        told = run(*arguments)
        # A diagnosis ends with 1 where it found something, and has looked all the same.
        assert told.code == 0 or (arguments == ["doctor"] and told.code == 1 and told.out), (arguments, told)
    assert (run("kick", "nobody").code, run("status", "--config", "missing.yaml").code) == (2, 2)
    assert run("down", "--yes").code == 0
    written = {f"{number}": one.out + one.err for number, one in enumerate(runs)}
    written |= {str(one): one.read_bytes().decode(errors="replace") for one in files(debugged.folder, debugged.state)}
    assert any("front-" in name for name in written), "the logs are read too"
    found = {
        name: text for name, text in written.items() if CANARY.search(text) or SIGNED.search(text) or signature in text
    }
    assert {name: [line for line in text.splitlines() if SIGNED.search(line)][:3] for name, text in found.items()} == {}
    assert not CANARY.search(invite.out + invite.err)


@pytest.mark.slow
def test_a_run_with_the_keys_of_a_user_writes_neither(debugged: Chatops, boto: Boto) -> None:
    iam = boto.client("iam")
    iam.create_user(UserName="secretive")
    key = iam.create_access_key(UserName="secretive")["AccessKey"]
    try:
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        mine = Chatops(debugged.folder, debugged.state, keys)
        wrong = Chatops(
            debugged.folder, debugged.state, {**keys, "AWS_SECRET_ACCESS_KEY": "another-secret-that-is-wrong"}
        )
        for command in (mine, wrong):
            told = command.run("up", "--debug", "--region", REGION, "--endpoint-url", boto.endpoint_url)
            assert told.code == 1 and "AWS refused" in told.err
            for secret in (key["SecretAccessKey"], "another-secret", key["AccessKeyId"]):
                assert secret not in told.out + told.err
    finally:
        iam.delete_access_key(UserName="secretive", AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName="secretive")


@pytest.mark.slow
def test_nobody_else_of_this_machine_can_read_the_state(debugged: Chatops) -> None:
    assert debugged.run("up", "--local").code == 0
    folder = debugged.state / "chatops"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # A link has no mode of its own; those to the AWS SDK's packages lead out of the folder.
    everything = {one: stat.S_IMODE(one.stat().st_mode) for one in files(folder) if not one.is_symlink()}
    assert {"local.json", "local.log"} <= {one.name for one in everything}
    assert {str(one): oct(mode) for one, mode in everything.items() if mode & 0o077} == {}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_the_local_aws_and_what_it_runs_never_see_the_users_credentials(debugged: Chatops) -> None:
    import psutil

    assert debugged.run("up", "--local").code == 0
    debugged.run("smoke", "--local")
    told = debugged.must("local", "status", "--json").last
    pids = [told["pid"], *(one["pid"] for one in told["fronts"].values())]
    family = [one for pid in pids for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    assert len(family) > len(pids), "functions run"
    assert not [one for one in family if CANARY.search(str(one.environ()) + str(one.cmdline()))]


@pytest.mark.parametrize(
    "text",
    [
        "wss://x/demo?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=CANARY%2F1&X-Amz-Signature=canary0",
        "'X-Amz-Security-Token': 'canary'",
        "Authorization: AWS4-HMAC-SHA256 Credential=CANARY/2025, SignedHeaders=host, Signature=canary",
        "{'Authorization': b'AWS4-HMAC-SHA256 Credential=CANARY/2025, Signature=canary'}",
        "aws_secret_access_key = canary",
        '{"SecretAccessKey": "canary", "SessionToken": "canary"}',
        "The key AKIACANARYCANARY0001 is unknown",
        "<Credentials><SecretAccessKey>canary</SecretAccessKey><SessionToken>canary</SessionToken></Credentials>",
        "{'aws_secret_access_key': b'canary', 'aws_session_token': b\"canary\"}",
        "[(b'x-amz-security-token', b'canary'), ('Authorization', 'AWS4-HMAC-SHA256 Credential=CANARY/2025')]",
        "aws-secret-access-key: canary",
        "X-Amz-Signature%3Dcanary",
    ],
)
def test_what_signs_is_taken_out_of_every_text(text: str) -> None:
    assert not CANARY.search(redacted(text)) and redacted(text) != text


def test_what_smoke_and_chat_tell_of_an_error_has_nothing_that_signs() -> None:
    error = OSError("no route to wss://x/demo?X-Amz-Signature=canary")

    def address() -> str:
        raise error

    (check,) = smoke.run(address, mock.Mock(), 1).checks
    for told in (check.detail, run._told(error)):
        assert "no route" in told and not CANARY.search(told)


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_what_smoke_tells_of_a_proxy_has_no_password(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://anna:canary/canary2@127.0.0.1:9")
    (check,) = smoke.run(lambda: "wss://chat.example/demo", mock.Mock(), 1).checks
    assert not check.ok
    assert not re.search("canary|anna", check.detail), check.detail


def test_an_unexpected_error_is_told_and_traced_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import chatops.config\n"
        "def load(file=None):\n"
        "    password = 'canary-local'\n"
        "    raise RuntimeError('\\x1b[2Jwss://x/demo?X-Amz-Signature=canary')\n"
        "chatops.config.load = load\n"
    )
    command = Chatops(tmp_path, tmp_path, {"PYTHONPATH": os.pathsep.join([str(tmp_path), *_path()])})
    told = command.run("plan", "--debug", "--region", REGION)
    assert told.code == 1 and "Traceback" in told.err and "RuntimeError" in told.err
    assert "X-Amz-Signature=canary" not in told.err and "canary-local" not in told.err
    assert "\x1b" not in told.err


def _path() -> list[str]:
    return [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
