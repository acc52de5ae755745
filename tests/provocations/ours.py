"""The errors of wrong usage, of a config, and of this machine."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chatops import cli
from chatops.config import load
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Live
from chatops.local import server
from chatops.local.process import DidNotStart, Process
from chatops.local.server import Local
from chatops.ops import connections, ownership
from chatops.ops.logs import Logs
from chatops.resources.log_group import LogGroup
from chatops.session import Options, Session
from chatops.stack import Stack

from ..resources.stand import Scripted, ScriptedAws
from .stranger import ACCOUNT, Stranger, Told


def wrong_usage(one: Stranger) -> Told:
    one.patch.setattr("sys.argv", ["chatops", "up", "--nonsense", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli._run()
    return one.read(json.loads(one.capsys.readouterr().out), int(str(ended.value.code)))


def config(one: Stranger) -> Told:
    one.writes("stak: chat\nregion: 1\n")
    return one.types("up")


def handler(one: Stranger) -> Told:
    (one.folder / "handlers").mkdir()
    one.writes("def main(event, context): ...\n", "handlers/connect.py")
    one.writes("import numpy\n\n\ndef lambda_handler(event, context): ...\n", "handlers/user.py")
    one.writes("stack: mine\n")
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("up")


def no_chat_page(one: Stranger) -> Told:
    one.writes("http_apis: {}\n")
    return one.types("open")


def not_deployed(one: Stranger) -> Told:
    one.patch.setattr("chatops.aws.Aws.pages", lambda *_, **__: iter(()))
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("url")


def api_not_ours(one: Stranger) -> Told:
    api = {"ApiId": "a1b2c3", "Name": "websocket-api", "ProtocolType": "WEBSOCKET", "CreatedDate": "2025-01-31"}
    found = {**api, "RouteSelectionExpression": "$request.body.action"}
    one.patch.setattr("chatops.aws.Aws.pages", lambda *_, **__: iter([found]))
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("url")


def table_with(key: str, owner: str) -> Callable[[Stranger], Told]:
    """A stack's table that has another key than its config says, or another owner."""

    def told(one: Stranger) -> Told:
        one.writes("table: {name: users, key: userId}\n")
        table = {
            "TableStatus": "ACTIVE",
            "TableArn": "arn",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        }
        tags = {"Tags": [{"Key": "chatops:stack", "Value": owner}] if owner else []}
        dynamodb = Scripted(describe_table={"Table": table}, list_tags_of_resource=tags)
        stack = Stack(load(one.folder / "config.yaml"), ScriptedAws(dynamodb=dynamodb))
        return one.meets(lambda: ownership.owned_table(stack))

    return told


def wrong_account(one: Stranger) -> Told:
    one.writes("account: '999999999999'\n")
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("status")


def chat_is_open(one: Stranger) -> Told:
    one.writes("websocket: {auth: none}\n")
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("invite")


def no_endpoint(one: Stranger) -> Told:
    one.patch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    return one.types("status")


def extra_missing(one: Stranger) -> Told:
    one.patch.setattr("chatops.extras.find_spec", lambda _: None)
    one.patch.setattr("chatops.extras._direct_url", dict)
    return one.types("chat")


def files_differ(one: Stranger) -> Told:
    one.writes("stack: mine\n")
    return one.types("init", region=False)


def symlink_in_directory(one: Stranger) -> Told:
    (one.folder / "config.yaml").symlink_to("../elsewhere.yaml")
    return one.types("init", region=False)


def file(one: Stranger) -> Told:
    one.writes("", "notes")
    return one.types("init", "notes", region=False)


def unexpected(one: Stranger) -> Told:
    def mistaken(_: object) -> None:
        raise KeyError("routes")

    one.patch.setattr("chatops.session.Session.prepare", mistaken)
    return one.types("status")


def local_did_not_start(one: Stranger) -> Told:
    def fails(*_: object, **__: object) -> Process:
        raise DidNotStart("chatops.local.emulator ended with code 1:\nOSError: no space left on device")

    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    one.patch.setattr("chatops.local.server.start", fails)
    return one.types("local", "start")


def local_not_running(one: Stranger) -> Told:
    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    return one.types("local", "env")


def local_keys_unreadable(one: Stranger) -> Told:
    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    one.writes("[]", "keys.json")
    return one.meets(server.keys)


def local_locked(one: Stranger) -> Told:
    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    one.patch.setattr("chatops.local.server.LOCK_NOTICE_SECONDS", 0.0)
    one.patch.setattr("chatops.local.server.MAX_LOCK_SECONDS", 0.0)
    holds = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]): print(flush=True), sys.stdin.read()"
    command = [sys.executable, "-c", holds, str(one.folder / "local.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin and holder.stdout
        holder.stdout.readline()
        (one.folder / "local.lock.pid").write_text("1234")
        told = one.types("local", "start")
        holder.stdin.close()
    return told


def local_folder_not_writable(one: Stranger) -> Told:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(one.folder / "local.new"))

    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    one.patch.setattr("chatops.local.server.Path.touch", full)
    return one.types("local", "start")


def local_does_not_answer(one: Stranger) -> Told:
    class Mute(Process):
        def find(self) -> Any:
            return self

        def answers(self, patience: float) -> bool:
            return False

    mute = Mute("chatops.local.emulator", (), 1234, "http://127.0.0.1:4566", "/", "local.log")
    one.patch.setattr("chatops.local.server._folder", lambda: one.folder)
    one.patch.setattr("chatops.local.server.remembered", lambda: Local(mute))
    one.patch.setattr("chatops.session.forget_credentials", lambda: None)
    return one.types("status", "--local")


def several_connections(one: Stranger) -> Told:
    story = Logs(ScriptedAws(), (), 60, connection="L0SM")._story
    assert story
    return one.meets(lambda: story._only({"L0SM9cOFvHcCIhw=", "L0SMAdd9vHcCJTA="}))


def rows(*ids: str) -> list[connections.Connection]:
    return [connections.Connection(one) for one in ids]


def refused(one: Stranger, made: Plan, text: str | None) -> Told:
    """What `up` tells of a plan that it refuses whatever the answer; without a text there is no config file."""
    if text is not None:
        one.writes(text)
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    one.patch.setattr("chatops.session.Session.prepare", lambda _: None)
    one.patch.setattr("chatops.plans.up", lambda *_, **__: made)
    return one.types("up", "--yes")


def defaults_would_delete(one: Stranger) -> Told:
    mine = LogGroup("websocket-chat", "mine", 14)
    return refused(one, Plan((Step(mine, Action.DELETE),)), None)


def stack_of_another_config(one: Stranger) -> Told:
    live = {"table.scores": Live({}, owner="chat"), "function.score": Live({}, owner="chat")}
    return refused(one, Plan((), live), "stack: chat\n")


OURS: Mapping[str, Callable[[Stranger], Told]] = {
    "wrong-usage": wrong_usage,
    "config": config,
    "handler": handler,
    "config-unreadable": lambda one: one.types("up", "--config", "chat.yaml"),
    "no-region": lambda one: one.types("up", region=False),
    "no-such-region": lambda one: one.types("up", "--region", "ap-northest-2", region=False),
    "wrong-account": wrong_account,
    "not-beside-local": lambda one: one.types("up", "--local", "--profile", "work"),
    "no-endpoint": no_endpoint,
    "nobody-to-ask": lambda one: one.meets(lambda: Session(Options()).may("Delete it?", yes=False, unattended=False)),
    "defaults-would-delete": defaults_would_delete,
    "stack-of-another-config": stack_of_another_config,
    "extra-missing": extra_missing,
    "files-differ": files_differ,
    "symlink-in-directory": symlink_in_directory,
    "no-duration": lambda one: one.types("logs", "--since", "soon"),
    "metrics-since": lambda one: one.types("metrics", "--since", "31d"),
    "invite-length": lambda one: one.types("invite", "--expires", "8d"),
    "chat-is-open": chat_is_open,
    "not-a-name": lambda one: one.types("chat", "--nick", "<yu>"),
    "no-such-function": lambda one: one.types("logs", "--function", "websocket-sent"),
    "no-such-http-api": lambda one: one.types("url", "api-gateway-lambda3"),
    "no-chat-page": no_chat_page,
    "not-deployed": not_deployed,
    "api-not-ours": api_not_ours,
    "table-not-ours": table_with("userId", owner=""),
    "table-key-differs": table_with("id", owner="websocket-chat"),
    "whom-to-kick": lambda one: one.types("kick"),
    "empty-id": lambda one: one.meets(lambda: connections.named(rows("L0SM9cOFvHcCIhw="), [""])),
    "no-single-connection": lambda one: one.meets(lambda: connections.named(rows("L0SM9cOFvHcCIhw="), ["abc"])),
    "several-connections": several_connections,
    "watch-is-local": lambda one: one.types("up", "--watch"),
    "time-scale": lambda one: one.types("local", "start", "--time-scale", "0"),
    "local-did-not-start": local_did_not_start,
    "local-does-not-answer": local_does_not_answer,
    "local-not-running": local_not_running,
    "local-keys-unreadable": local_keys_unreadable,
    "local-locked": local_locked,
    "local-folder-not-writable": local_folder_not_writable,
    "file": file,
    "unexpected": unexpected,
}
