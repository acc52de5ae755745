"""The errors of wrong usage, of a config, and of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chatops import cli
from chatops.local.process import DidNotStart, Process
from chatops.local.server import Local
from chatops.ops import connections
from chatops.ops.logs import Logs
from chatops.session import Options, Session

from ..resources.stand import ScriptedAws
from .stranger import ACCOUNT, Stranger, Told


def wrong_usage(one: Stranger) -> Told:
    one.patch.setattr("sys.argv", ["chatops", "up", "--nonsense", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli._run()
    return one.read(json.loads(one.capsys.readouterr().out), int(str(ended.value.code)))


def config(one: Stranger) -> Told:
    one.writes("stak: chat\nregion: 1\n")
    return one.types("up")


def no_chat_page(one: Stranger) -> Told:
    one.writes("http_apis: {}\n")
    return one.types("open")


def not_deployed(one: Stranger) -> Told:
    one.patch.setattr("chatops.aws.Aws.pages", lambda *_, **__: iter(()))
    one.patch.setattr("chatops.aws.Aws.account", ACCOUNT)
    return one.types("url")


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


OURS: Mapping[str, Callable[[Stranger], Told]] = {
    "wrong-usage": wrong_usage,
    "config": config,
    "config-unreadable": lambda one: one.types("up", "--config", "chat.yaml"),
    "no-region": lambda one: one.types("up", region=False),
    "no-such-region": lambda one: one.types("up", "--region", "ap-northest-2", region=False),
    "wrong-account": wrong_account,
    "not-beside-local": lambda one: one.types("up", "--local", "--profile", "work"),
    "no-endpoint": no_endpoint,
    "nobody-to-ask": lambda one: one.meets(lambda: Session(Options()).may("Delete it?", yes=False, unattended=False)),
    "extra-missing": extra_missing,
    "files-differ": files_differ,
    "no-duration": lambda one: one.types("logs", "--since", "soon"),
    "metrics-since": lambda one: one.types("metrics", "--since", "31d"),
    "invite-length": lambda one: one.types("invite", "--expires", "8d"),
    "chat-is-open": chat_is_open,
    "not-a-name": lambda one: one.types("chat", "--nick", "<yu>"),
    "no-such-function": lambda one: one.types("logs", "--function", "websocket-sent"),
    "no-such-http-api": lambda one: one.types("url", "api-gateway-lambda3"),
    "no-chat-page": no_chat_page,
    "not-deployed": not_deployed,
    "whom-to-kick": lambda one: one.types("kick"),
    "empty-id": lambda one: one.meets(lambda: connections.named(rows("L0SM9cOFvHcCIhw="), [""])),
    "no-single-connection": lambda one: one.meets(lambda: connections.named(rows("L0SM9cOFvHcCIhw="), ["abc"])),
    "several-connections": several_connections,
    "watch-is-local": lambda one: one.types("up", "--watch"),
    "time-scale": lambda one: one.types("local", "start", "--time-scale", "0"),
    "local-did-not-start": local_did_not_start,
    "local-does-not-answer": local_does_not_answer,
    "file": file,
    "unexpected": unexpected,
}
