"""What `up` deletes: never another project's resources, and on AWS nothing that it did not ask about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..faults.bench import HANDLERS
from ..forked import Finished
from .conftest import REGION, Boto, Chatops

PROJECT = """
table: {{name: {0}-connections}}
functions:
  {0}-connect: {{source: {1}/connect.py, allow: [dynamodb:PutItem]}}
  {0}-send: {{source: {1}/send.py, allow: [dynamodb:Scan, execute-api:ManageConnections]}}
websocket:
  name: {0}-api
  routes: {{$connect: {0}-connect, sendMessage: {0}-send}}
http_apis: {{}}
"""


def project(name: str) -> str:
    """The config of a project whose resources all have names of their own, in the default stack."""
    return PROJECT.format(name, HANDLERS)


@pytest.fixture
def aws(ministack: str, reset_ministack: Callable[[], None]) -> Iterator[Boto]:
    """Something that is AWS for chatops: no --local leads there."""
    reset_ministack()
    yield Boto({"AWS_ENDPOINT_URL": ministack, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    reset_ministack()


@pytest.fixture
def remote(tmp_path: Path, state: Path, aws: Boto) -> Callable[..., Finished]:
    """Runs a command on that AWS, without a terminal."""
    command = Chatops(tmp_path, state, {**aws.keys, "AWS_REGION": REGION})

    def run(*arguments: str, config: str | None = None) -> Finished:
        (tmp_path / "config.yaml").unlink(missing_ok=True)
        if config is not None:
            command.write_config(config)
        return command.run(*arguments, "--endpoint-url", aws.endpoint_url)

    return run


def code_of(refused: Finished) -> Any:
    """The code of the error that a command ended with."""
    assert refused.code == 2, refused
    return json.loads(refused.out.splitlines()[-1])["code"]


@pytest.mark.slow
def test_two_projects_of_one_stack_stop_before_any_change(remote: Callable[..., Finished], aws: Boto) -> None:
    assert remote("up", config=project("one")).code == 0
    before = aws.everything()
    for more in ((), ("--yes",), ("--adopt", "--yes")):
        assert code_of(remote("up", *more, "--json", config=project("two"))) == "stack-of-another-config"
        assert code_of(remote("up", *more, "--json")) == "defaults-would-delete"
    assert aws.everything() == before
    assert remote("plan", "--check", config=project("one")).code == 0


@pytest.mark.slow
def test_the_same_holds_on_the_local_aws(chatops: Chatops, boto: Boto) -> None:
    chatops.write_config(project("one"))
    chatops.local("up")
    before = boto.everything()
    chatops.write_config(project("two"))
    assert code_of(chatops.run("up", "--local", "--json")) == "stack-of-another-config"
    (chatops.folder / "config.yaml").unlink()
    assert code_of(chatops.run("up", "--local", "--json", "--yes")) == "defaults-would-delete"
    assert boto.everything() == before


def test_a_route_and_a_function_are_deleted_only_after_a_yes(remote: Callable[..., Finished], aws: Boto) -> None:
    assert remote("up", config=project("one")).code == 0
    before = aws.everything()
    fewer = project("one").replace(", sendMessage: one-send", "")
    refused = remote("up", config=fewer)
    assert refused.code == 2
    assert "stage.one-api: the route sendMessage" in refused.err
    without = "\n".join(line for line in fewer.splitlines() if not line.startswith("  one-send"))
    refused = remote("up", config=without)
    assert refused.code == 2
    assert "  - function.one-send\n" in refused.err
    assert aws.everything() == before
    assert remote("up", "--yes", config=without).code == 0
    assert not [one for one in aws.everything() if "send" in one]


@pytest.mark.slow
def test_a_prefix_and_a_stack_that_spell_the_same_are_two_stacks(chatops: Chatops, boto: Boto) -> None:
    chatops.write_config("prefix: dev-\nstack: chat\n")
    chatops.local("up", "--smoke")
    with_prefix = boto.everything()
    chatops.write_config("stack: dev-chat\n")
    chatops.local("up", "--smoke")
    chatops.local("down")
    assert sorted(boto.clear()) == sorted(with_prefix)
    chatops.write_config("prefix: dev-\nstack: chat\n")
    assert chatops.must("plan", "--local", "--check").code == 0


@pytest.mark.slow
def test_a_watch_refuses_another_stacks_config_and_waits_for_a_missing_one(chatops: Chatops, boto: Boto) -> None:
    chatops.write_config(project("one"))
    watching, told = chatops.start("up", "--local", "--watch", "--json"), ""
    try:
        assert watching.stdout and watching.stderr
        documents = map(json.loads, watching.stdout)
        assert next(one for one in documents if one["event"] == "summary")
        before = boto.everything()
        chatops.write_config(project("two"))
        assert next(one for one in documents if "another-config" in one.get("code", ""))
        (chatops.folder / "config.yaml").unlink()
        while "waiting until it is back" not in (line := watching.stderr.readline()):
            assert line, "it has ended"
            told += line
        assert boto.everything() == before
        chatops.write_config(project("one").replace("one-send: {", "one-send: {memory: 256, "))
        summary = next(one for one in documents if one.get("event") == "summary")
        assert (summary["updated"], summary["deleted"]) == (["function.one-send"], [])
    finally:
        watching.terminate()
        told += watching.stderr.read() if watching.stderr else ""
        watching.wait(60)
    assert "config config.yaml" in told
    assert "built-in defaults" not in told and "Traceback" not in told
