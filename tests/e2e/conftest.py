"""A local AWS of the tests' own, and the real command line against it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import websockets.sync.client as websockets

from chatops.aws import STACK_TAG
from chatops.local.keys import LocalKeys

from ..admin import reset
from ..forked import Finished, run

REGION = "ap-northeast-2"
READ_AT_START = {"PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "LANG", "TZ"}
"""Variables that have an effect only on a process that starts with them."""
WSCAT = Path(__file__).parent / "node_modules" / ".bin" / "wscat"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@dataclass
class Chatops:
    """The command line in a process of its own, in a folder of its own."""

    folder: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    """What replaces constants of chatops in commands that run to their end."""

    python = sys.executable

    @property
    def full_environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHATOPS_"))}
        return {**kept, "XDG_STATE_HOME": str(self.state), "COLUMNS": "200", **self.environment}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command as a user does, and gives the process."""
        return subprocess.Popen(
            [sys.executable, "-m", "chatops", *arguments],
            cwd=self.folder,
            env=self.full_environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> Finished:
        """Runs a command to its end."""
        if READ_AT_START & self.environment.keys():
            process = self.start(*arguments)
            out, err = process.communicate(timeout=180)
            return Finished(process.returncode, out, err)
        return run(arguments, self.folder, self.full_environment, constants=self.constants)

    def must(self, *arguments: str) -> Finished:
        """Runs a command that must end well."""
        finished = self.run(*arguments)
        assert finished.code == 0, f"{arguments}: {finished.code}\n{finished.out}\n{finished.err}"
        return finished

    def local(self, *arguments: str) -> Finished:
        """Runs a command against the local AWS, which must end well."""
        return self.must(*arguments, "--local", "--json")

    def write_config(self, text: str) -> None:
        """The config that the commands find in their folder."""
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def url(self) -> str:
        """The WebSocket URL."""
        return self.must("url", "--local").out.strip()


@dataclass
class Boto:
    """boto3 against the local AWS, as its root: what the tests believe, not what chatops says."""

    variables: dict[str, str]
    """What `chatops local env` prints."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def endpoint_url(self) -> str:
        return self.variables["AWS_ENDPOINT_URL"]

    @property
    def keys(self) -> dict[str, str]:
        """The root key, as variables of the environment."""
        return {name: self.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}

    def client(self, service: str) -> Any:
        if service not in self._clients:  # making one takes longer than any call
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]

    def everything(self) -> list[str]:
        """The name of every table, role, function, log group and API that there is."""
        return [
            *self.client("dynamodb").list_tables()["TableNames"],
            *(one["RoleName"] for one in self.client("iam").list_roles()["Roles"]),
            *(one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]),
            *(one["logGroupName"] for one in self.client("logs").describe_log_groups()["logGroups"]),
            *(one["Name"] for one in self.client("apigatewayv2").get_apis()["Items"]),
        ]

    def wait_for_runs(self, function: str, times: int) -> None:
        """Waits until a function has run so often, the last line of its log included: MiniStack writes it after the
        answer, and makes the log group anew where that was deleted meanwhile, whatever the function's role may do.
        """
        deadline = time.monotonic() + 60
        while True:
            runs = sum(one.startswith("REPORT") for one in self.events(function))
            if runs >= times:
                return
            assert time.monotonic() < deadline, f"{function} ran {runs} times, not {times}"
            time.sleep(0.05)

    def events(self, function: str) -> list[str]:
        """The events in the log of a function."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        return [event["message"] for page in pages for event in page["events"]]

    def clear(self) -> list[str]:
        """Deletes the log groups that a last run brought back, which carry no tag, and gives what else is left."""
        logs = self.client("logs")
        for one in logs.describe_log_groups()["logGroups"]:
            if STACK_TAG not in logs.list_tags_for_resource(resourceArn=one["arn"].removesuffix(":*"))["tags"]:
                logs.delete_log_group(logGroupName=one["logGroupName"])
        return self.everything()


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory, with a local AWS that is stopped at the end."""
    folder = tmp_path_factory.mktemp("state")
    yield folder
    Chatops(folder, folder).must("local", "stop")


@pytest.fixture(scope="session")
def boto(state: Path) -> Boto:
    chatops = Chatops(state, state)
    chatops.must("local", "start")
    return Boto(chatops.must("local", "env", "--json").last)


class Kept:
    """The default stack, which stays deployed for the next test as long as tests leave it unchanged.

    Unchanged means that `plan` finds no difference and that no other resource exists; rows are deleted. Log events,
    metrics and what others may add, such as tags, are not compared: a test that adds them removes them, or deploys a
    stack of its own (`chatops` without `deployed`).
    """

    def __init__(self, folder: Path, state: Path, boto: Boto) -> None:
        self._chatops, self._boto, self._is_up = Chatops(folder, state), boto, False
        self._names: list[str] = []

    def up(self) -> None:
        """Deploys it where it is not up."""
        if not self._is_up:
            self.down()
            self._chatops.local("up")
            self._names, self._is_up = sorted(self._boto.everything()), True

    def down(self, chatops: Chatops | None = None) -> None:
        """Takes down what is up, which this command's config names. Fails when that leaves anything."""
        self._is_up = False
        if not self._boto.everything():
            return
        (chatops or self._chatops).run("down", "--local", "--yes")
        left = self._boto.clear()
        if left:
            reset(self._boto.endpoint_url, LocalKeys(*self._boto.keys.values()))
        assert left == []

    def leave(self, chatops: Chatops) -> None:
        """Takes down what a test has left, unless it is the default stack as it was."""
        if not (self._is_up and self._is_as_it_was()):
            self.down(chatops)

    def _is_as_it_was(self) -> bool:
        if self._chatops.run("plan", "--local", "--check", "--json").code:
            return False
        if sorted(self._boto.everything()) != self._names:
            return False
        table = {"TableName": "websocket-connections"}
        for row in self._boto.client("dynamodb").scan(**table, ConsistentRead=True)["Items"]:
            self._boto.client("dynamodb").delete_item(**table, Key={"connectionId": row["connectionId"]})
        return True


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, state: Path, boto: Boto) -> Iterator[Kept]:
    one = Kept(tmp_path_factory.mktemp("kept"), state, boto)
    yield one
    one.down()


@pytest.fixture
def chatops(tmp_path: Path, state: Path, kept: Kept, request: pytest.FixtureRequest) -> Iterator[Chatops]:
    """The command line in an empty folder; what a test left on the local AWS is taken down after it, and a test that
    left what `down` does not take is the one that fails.
    """
    if "deployed" not in request.fixturenames:
        kept.down()
    command = Chatops(tmp_path, state)
    yield command
    kept.leave(command)


@pytest.fixture
def deployed(chatops: Chatops, kept: Kept) -> Chatops:
    """The default stack, up."""
    kept.up()
    return chatops


@pytest.fixture
def connect(deployed: Chatops) -> Iterator[Callable[[], Any]]:
    """Opens connections to the chat of the default stack; they are closed at the end."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(websockets.connect(deployed.url(), open_timeout=20, proxy=None))


@pytest.fixture(scope="session")
def wscat() -> str:
    """The tutorial's client. Without it the test is skipped; in CI that is a failure."""
    if not WSCAT.exists() or not shutil.which("node"):
        text = "wscat is not installed: run `make wscat` (it needs Node)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return str(WSCAT)
