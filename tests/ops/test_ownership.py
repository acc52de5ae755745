"""Ownership: no command reads, deletes, posts or closes anything of a table or an API that is not the stack's."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from chatops import cli
from chatops.aws import STACK_TAG, Aws
from chatops.config import load
from chatops.deploy.resource import Blocked
from chatops.errors import ChatopsError
from chatops.ops import management, ownership
from chatops.ops.chat import run as chat
from chatops.ops.doctor import logs as doctor_logs
from chatops.ops.policy import GROUPS
from chatops.stack import Stack

from ..sizes import every
from ..test_house import ROOT, name_of, sources

SEOUL, OURS = "ap-northeast-2", "websocket-chat"
KEYS = {"userId": "user-17", "connectionId": "L0SM9cOFvHcCIhw="}
COMMANDS = {
    "prune": [["prune"]],
    "kick": [["kick", "--all", "--yes"], ["kick", "--idle", "0s", "--yes"], ["kick", "L0SM9cOFvHcCIhw="]],
    "send": [["send", "hi"], ["send", "hi", "--to", "L0SM9cOFvHcCIhw="]],
    "smoke": [["smoke"]],
}
"""How each command that writes to the table, posts or closes may be run."""
READS_ONLY_THE_API = {"url", "invite"}
FOREIGN = [None, "another-stack"]
ITEMS = 50
BATCH = 25
"""Puts that DynamoDB takes in one request."""


class World:
    """An account with a table and APIs of whatever owner, and the calls that were made to AWS."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.apis: list[dict[str, Any]] = []
        self.dynamodb = boto3.client("dynamodb", region_name=SEOUL)

    def table(self, owner: str | None, name: str = "websocket-connections", key: str = "connectionId") -> None:
        """A table with items that look like stale rows, and some that look like another application's data."""
        tags = {"Tags": [{"Key": STACK_TAG, "Value": owner}]} if owner else {}
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            **tags,
        )
        values = [f"L0SM9cOFvHc{number:04}=" if number % 2 else f"user-{number}" for number in range(ITEMS)]
        for at in range(0, ITEMS, BATCH):
            puts = [{"PutRequest": {"Item": {key: {"S": value}}}} for value in values[at : at + BATCH]]
            self.dynamodb.batch_write_item(RequestItems={name: puts})

    def api(self, owner: str | None, name: str = "websocket-api") -> str:
        """A WebSocket API; its id."""
        made = {
            "ApiId": f"api{len(self.apis)}",
            "Name": name,
            "ProtocolType": "WEBSOCKET",
            "RouteSelectionExpression": "$request.body.action",
            "CreatedDate": f"2025-01-3{len(self.apis)}",
            "Tags": {STACK_TAG: owner} if owner else {},
        }
        self.apis.append(made)
        return str(made["ApiId"])

    def items(self, name: str = "websocket-connections") -> int:
        return int(self.dynamodb.scan(TableName=name, Select="COUNT")["Count"])


@pytest.fixture
def world(moto: Callable[[], None], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    moto()
    world = World()
    call = BaseClient._make_api_call

    def record(client: Any, operation: str, arguments: Any) -> Any:
        world.calls.append(operation)
        if operation == "GetApis":  # moto's API Gateway needs packages that nothing else here does
            return {"Items": world.apis}
        return call(client, operation, arguments)

    def refuse(*_: Any) -> None:
        pytest.fail("a connection was asked about, posted to or closed")

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    monkeypatch.setattr(management.Management, "_call", refuse)
    yield world
    moto()


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """How a command ended, and its last document."""
    ended = CliRunner().invoke(cli.app, [*arguments, "--region", SEOUL, "--json"])
    assert ended.stdout, f"{ended.stderr} {ended.exception!r}"
    return ended.exit_code, json.loads(ended.stdout.splitlines()[-1])


every_command = pytest.mark.parametrize("words", every(2, (one for several in COMMANDS.values() for one in several)))


@pytest.mark.parametrize("owner", FOREIGN)
@every_command
def test_a_foreign_table_keeps_every_item_and_none_is_read(world: World, words: list[str], owner: str | None) -> None:
    world.api(OURS)
    world.table(owner)
    world.calls.clear()
    code, told = run(*words)
    assert (code, told["code"]) == (1, "table-not-ours")
    assert {"Scan", "DeleteItem"}.isdisjoint(world.calls)
    assert world.items() == ITEMS


@pytest.mark.parametrize("owner", FOREIGN)
@every_command
def test_a_foreign_api_is_not_asked_posted_to_or_closed(world: World, words: list[str], owner: str | None) -> None:
    world.api(owner)
    world.table(OURS)
    world.calls.clear()
    code, told = run(*words)
    assert (code, told["code"]) == (1, "api-not-ours")
    assert {"Scan", "DeleteItem"}.isdisjoint(world.calls)


@every_command
def test_of_several_foreign_apis_none_is_chosen(world: World, words: list[str]) -> None:
    for owner in (*FOREIGN, None):
        world.api(owner)
    world.table(OURS)
    code, told = run(*words)
    assert (code, told["code"]) == (1, "several-apis")


@every_command
def test_a_table_that_the_config_names_by_mistake_keeps_every_item(
    world: World, words: list[str], folder: Path
) -> None:
    (folder / "config.yaml").write_text("table: {name: users, key: userId}\n")
    world.api(OURS)
    world.table(None, "users", "userId")
    assert run(*words)[1]["code"] == "table-not-ours"
    assert world.items("users") == ITEMS


def test_another_stacks_table_with_the_same_full_name_is_not_ours(world: World, folder: Path) -> None:
    (folder / "config.yaml").write_text("prefix: dev-\n")
    world.api(OURS, "dev-websocket-api")
    world.table("another-stack", "dev-websocket-connections")
    assert run("prune")[0] == 1
    assert world.items("dev-websocket-connections") == ITEMS


@every_command
def test_without_a_table_the_error_says_so(world: World, words: list[str]) -> None:
    world.api(OURS)
    code, told = run(*words)
    assert (code, told["code"]) == (1, "not-deployed")
    assert "table.websocket-connections" in told["what"]


@every_command
def test_a_table_of_the_stacks_with_another_key_is_refused(world: World, words: list[str], folder: Path) -> None:
    (folder / "config.yaml").write_text("table: {key: id}\n")
    world.api(OURS)
    world.table(OURS)
    code, told = run(*words)
    assert (code, told["code"]) == (1, "table-key-differs")
    assert world.items() == ITEMS


@pytest.mark.parametrize(("table", "api"), [(None, OURS), (OURS, None)])
def test_who_in_the_chat_asks_nothing_foreign(world: World, table: str | None, api: str | None) -> None:
    world.api(api)
    world.table(table)
    world.calls.clear()
    aws = Aws(SEOUL, keys=("test", "test"))
    session: Any = SimpleNamespace(stack=Stack(load(), aws), aws=aws)
    with pytest.raises((ChatopsError, Blocked)):
        chat._who(session)
    assert "Scan" not in world.calls


def test_the_stacks_own_table_and_api_are_returned(world: World) -> None:
    api_id = world.api(OURS)
    world.api(None)
    world.table(OURS)
    stack = Stack(load(), Aws(SEOUL, keys=("test", "test")))
    found = ownership.owned_chat(stack)
    assert (found.table.name, found.table.key) == ("websocket-connections", "connectionId")
    assert found.management._url == f"https://{api_id}.execute-api.{SEOUL}.amazonaws.com/demo"


def test_every_command_that_operates_on_connections_is_tried_here() -> None:
    assert set(GROUPS["operate"].split(", ")) == {*COMMANDS, *READS_ONLY_THE_API, "chat"}


def made_in(name: str) -> set[str]:
    """The modules that call something by this name, whatever it is an attribute of."""
    return {
        name_of(path)
        for path in sources("chatops")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    }


@pytest.mark.slow
def test_items_are_read_and_deleted_in_one_module_which_takes_owned_tables_only() -> None:
    assert made_in("OwnedTable") == {"chatops.resources.table"}
    assert made_in("delete_item") == {"chatops.ops.connections"}
    assert made_in("scan") == {"chatops.ops.connections", "chatops.resources.table"}
    for name in ("put_item", "update_item", "batch_write_item", "transact_write_items", "execute_statement"):
        assert made_in(name) == set()
    text = (ROOT / "chatops" / "ops" / "connections.py").read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and "TableName" in ast.unparse(node):
            assert "table: OwnedTable" in ast.unparse(node.args), node.name


def test_connections_are_reached_only_by_what_sees_the_apis_owner() -> None:
    makers = made_in("Management") - {"chatops.local.front.server"}
    # Two take the address from `addresses.connections_among`, which returns none of a foreign API.
    assert makers == {"chatops.ops.ownership", "chatops.ops.roster", "chatops.ops.watch"}


class LogWorld:
    """Functions and log groups of whatever owner, each of which has said who it is."""

    def __init__(self) -> None:
        self.functions: dict[str, str | None] = {}
        self.groups: dict[str, str | None] = {}
        self.read: list[str] = []

    def answer(self, operation: str, given: dict[str, Any]) -> Any:
        """What AWS answers to one call about them; nothing for any other call."""
        if operation == "GetFunction":
            name = given["FunctionName"]
            self._require(name in self.functions, operation)
            configuration = {"MemorySize": 128, "Timeout": 3, "Role": "r", "CodeSha256": "x", "FunctionArn": "arn"}
            return {"Configuration": configuration, "Tags": self._tags(self.functions[name])}
        if operation == "ListTagsForResource":
            name = given["resourceArn"].rpartition("/")[2]
            self._require(name in self.groups, operation)
            return {"tags": self._tags(self.groups[name])}
        if operation == "DescribeLogGroups":
            return {"logGroups": [{"logGroupName": f"/aws/lambda/{name}"} for name in self.groups]}
        if operation == "FilterLogEvents":
            name = given["logGroupName"].rpartition("/")[2]
            self.read.append(name)
            self._require(name in self.groups, operation)
            now = int(time.time() * 1000)
            return {"events": [{"timestamp": now, "message": f"of {name}", "logStreamName": "s", "eventId": name}]}
        return None

    def _tags(self, owner: str | None) -> dict[str, str]:
        return {STACK_TAG: owner} if owner else {}

    def _require(self, exists: bool, operation: str) -> None:
        if not exists:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, operation)


@pytest.fixture
def logs(world: World, monkeypatch: pytest.MonkeyPatch) -> LogWorld:
    """Log groups to be filled; the account has nothing else."""
    found, call = LogWorld(), BaseClient._make_api_call
    monkeypatch.setattr(
        BaseClient,
        "_make_api_call",
        lambda client, operation, given: found.answer(operation, given) or call(client, operation, given),
    )
    return found


def show_logs(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """How `logs` ended, its documents, and what it said to the person."""
    ended = CliRunner().invoke(cli.app, ["logs", "--region", SEOUL, "--json", *arguments])
    return ended.exit_code, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr


@pytest.mark.parametrize("owner", FOREIGN)
def test_logs_of_foreign_functions_alone_are_not_read_and_the_stack_is_not_deployed(
    logs: LogWorld, owner: str | None
) -> None:
    logs.functions = logs.groups = dict.fromkeys(["websocket-send", "websocket-connect"], owner)
    code, (told,), _ = show_logs()
    assert (code, told["code"]) == (1, "not-deployed")
    assert "exist there without its tag" in told["why"]
    assert logs.read == []


def test_logs_with_a_broken_handler_and_no_stack_are_not_deployed_all_the_same(logs: LogWorld, folder: Path) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "send.py").write_text("def")
    (folder / "config.yaml").write_text("stack: mine\n")
    code, (told,), _ = show_logs()
    assert (code, told["code"]) == (1, "not-deployed")


@pytest.mark.parametrize("owner", FOREIGN)
def test_a_foreign_log_group_is_named_and_left_out(logs: LogWorld, owner: str | None) -> None:
    logs.functions = {"websocket-send": OURS, "websocket-connect": owner}
    logs.groups = {"websocket-send": None, "websocket-connect": owner, "websocket-disconnect": owner}
    code, lines, said = show_logs()
    assert code == 0
    assert [one["message"] for one in lines] == ["of websocket-send"]
    assert logs.read == ["websocket-send"]
    said = " ".join(said.split())
    for name in ("websocket-connect", "websocket-disconnect"):
        assert f"The log group /aws/lambda/{name} does not belong to this stack" in said
    assert "aws-gateway-lambda" not in said, "which does not exist"


def test_a_tag_on_the_log_group_or_on_the_function_is_enough(logs: LogWorld) -> None:
    logs.functions = {"websocket-send": OURS, "websocket-connect": OURS}
    logs.groups = {"websocket-send": None, "websocket-disconnect": OURS}
    code, lines, said = show_logs()
    assert code == 0 and "does not belong" not in said
    assert {one["message"] for one in lines} == {"of websocket-send", "of websocket-disconnect"}
    assert set(logs.read) == {"websocket-send", "websocket-disconnect", "websocket-connect"}


def test_one_foreign_function_of_a_stack_that_exists_is_no_missing_stack(world: World, logs: LogWorld) -> None:
    world.table(OURS)
    logs.functions = logs.groups = {"websocket-send": None}
    code, lines, said = show_logs("--function", "websocket-send")
    assert (code, lines, logs.read) == (0, [], [])
    assert "does not belong to this stack" in " ".join(said.split())


def test_the_doctor_quotes_no_line_of_a_foreign_log_group(logs: LogWorld, folder: Path) -> None:
    logs.functions = {"websocket-send": OURS, "websocket-connect": None}
    logs.groups = {"websocket-send": None, "websocket-connect": None}
    patient: Any = SimpleNamespace(aws=Aws(SEOUL), config=load(), is_local=False, now=time.time(), since=60)
    patient.stack = Stack(patient.config, patient.aws)
    (found,) = doctor_logs.check(patient)
    assert found.what == "The log group /aws/lambda/websocket-connect was not read"
    assert "does not belong to this stack" in found.why
    assert "websocket-send" in logs.read and "websocket-connect" not in logs.read
