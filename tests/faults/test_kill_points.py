"""The process is killed before and after the effect of every single write; the same command again ends right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from chatops.aws import STACK_TAG
from chatops.config import Allow, Config, load

from .bench import HANDLERS, MAX_UNMET, SMALL, STACK, Bench, Counts
from .proxy import Kind

BEFORE = """
functions:
  connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  send: {source: handlers/send.py, allow: [dynamodb:Scan, execute-api:ManageConnections]}
websocket:
  routes: {$connect: connect, sendMessage: send, sayMessage: send}
  throttle: {routes: {sendMessage: {rate: 5, burst: 9}}}
http_apis:
  page: {routes: {GET /: connect, GET /moved: send}, throttle: {routes: {GET /: {rate: 3, burst: 4}}}}
  old: {routes: {GET /: send}}
"""
AFTER = """
functions:
  join: {source: handlers/connect.py, allow: [dynamodb:PutItem]}
  send:
    source: handlers/disconnect.py
    handler: disconnect.log
    runtime: python3.13
    allow:
      [dynamodb:DeleteItem, execute-api:ManageConnections, {action: "s3:GetObject", resource: "arn:aws:s3:::mine/*"}]
    include: [handlers/user.py]
    memory: 256
    timeout: 20
    log_retention: 30
    environment: {COLOUR: blue}
    reserved_concurrency: 3
websocket:
  stage: prod
  route_selection: $request.body.do
  auth: iam
  max_message_bytes: 1000
  allowed_origins: ["https://example.com"]
  throttle: {rate: 20, burst: 40, routes: {sayMessage: {rate: 5, burst: 9}}}
  routes: {$connect: join, $default: send, sayMessage: join}
http_apis:
  page:
    routes: {GET /home: join, GET /moved: join}
    throttle: {rate: 7, burst: 8, routes: {GET /home: {rate: 3, burst: 4}}}
  new: {routes: {GET /: send}}
"""
"""Everything that a config may change: every property of every kind, and of each kind one more and one less."""
NEVER = {
    *("Config.stack", "Config.prefix", "Config.region", "Config.account"),
    *("Config.table", "Table.name", "Table.key", "WebSocket.name", "Config.is_built_in", "Config.region_line"),
    "Config.outside_files",
}
"""What makes another stack or table or chat of it, or only allows a file to be read."""

PARTS = 8
"""All of them are tried in this many tests, which run in parallel."""
SOME = slice(0, None, 61)

ends = pytest.mark.parametrize(
    "points",
    [SOME, *(pytest.param(slice(at, None, PARTS), marks=pytest.mark.exhaustive) for at in range(PARTS))],
    ids=["some", *(f"all-{at}" for at in range(PARTS))],
)


def by_hand(bench: Bench) -> None:
    """What a person could have changed meanwhile: `up` takes it back, in calls of its own."""
    dynamodb, iam, lambda_ = bench.client("dynamodb"), bench.client("iam"), bench.client("lambda")
    off = {"Enabled": False, "AttributeName": "expiresAt"}
    dynamodb.update_time_to_live(TableName="websocket-connections", TimeToLiveSpecification=off)
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    dynamodb.update_table(
        TableName="websocket-connections", BillingMode="PROVISIONED", ProvisionedThroughput=throughput
    )
    role = "send-ap-northeast-2"
    trust: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(document))
    arn = iam.create_policy(PolicyName="theirs", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    gateway = bench.client("apigatewayv2")
    gateway.create_api(
        Name="websocket-api",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
        Tags={STACK_TAG: STACK},
    )
    lambda_.add_permission(
        FunctionName="send", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )


def kill_points(bench: Bench, points: slice) -> list[tuple[Kind, str, int]]:
    """Before and after each write that was made since the plan, those of them that a test tries."""
    found = [(kind, *call.point) for call in bench.proxy.writes for kind in (Kind.KILLED_BEFORE, Kind.KILLED_AFTER)]
    assert len(found) > 30
    # `up` and `down` call AWS in parallel: the order of the calls differs from run to run.
    return sorted(found, key=lambda one: (one[1], one[2], one[0].value))[points]


def try_all(
    bench: Bench,
    points: slice,
    prepare: Callable[[], object],
    arguments: tuple[str, ...],
    config: str,
    wrong: Callable[[], list[str]],
) -> dict[str, int]:
    """Kills the command at each point and runs it again; `wrong` says what is not as after a run to its end.

    Gives how many points were tried and survived, and how many orphans were left.
    """
    prepare()
    bench.proxy.plan()
    bench.must(*arguments, config=config)
    tried, lost, orphans = kill_points(bench, points), [], 0
    assert wrong() == [], "not even a run to its end ends right"
    unmet = []
    for kind, label, nth in tried:
        bench.reset()
        prepare()
        if not bench.killed(kind, label, nth, *arguments, config=config):
            # A call that the first run had to repeat, and this one did not: there was nothing to be killed at.
            unmet.append(f"{label} ({nth})")
            assert nth > 1 and wrong() == [], f"never came to {label} ({nth})"
            continue
        again = bench.run(*arguments, config=config)
        problems = [f"exit {again.code}\n{again}"] if again.code else wrong()
        orphans += len(problems)
        if problems:
            lost.append(f"{kind.value}: {label} ({nth}):\n" + "\n".join(problems))
    assert not lost, f"{len(lost)} of {len(tried)} kill points\n" + "\n\n".join(lost)
    assert len(unmet) <= MAX_UNMET, f"never came to {unmet}"
    killed = len(tried) - len(unmet)
    return {"tried": killed, "survived": killed, "orphans": orphans, "not met": len(unmet)}


def unlike(bench: Bench, expected: dict[str, Any], config: str) -> list[str]:
    """What is there and should not be, what is not and should, and what `plan --check` says to it."""
    there = bench.inventory()
    wrong = [
        f"{key}: {there.get(key)} instead of {expected.get(key)}"
        for key in {*there, *expected}
        if there.get(key) != expected.get(key)
    ]
    check = bench.run("plan", "--check", config=config)
    return wrong + ([f"plan --check: {check}"] if check.code else [])


def test_the_change_of_everything_changes_every_field_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "handlers").symlink_to(HANDLERS)
    configs = []
    for name, text in (("before", BEFORE), ("after", AFTER)):
        (tmp_path / name).write_text(text)
        configs.append(load(tmp_path / name))
    kept = {field for field in fields_of(configs[0]) if values(configs[0], field) == values(configs[1], field)}
    assert kept == NEVER


def parts(value: Any) -> Iterator[Any]:
    """A config and every dataclass in it."""
    if is_dataclass(value):
        yield value
        for one in fields(value):
            yield from parts(getattr(value, one.name))
    elif isinstance(value, (dict, tuple)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from parts(one)


def fields_of(config: Config) -> set[str]:
    """Every field that a config can have, as `Kind.field`."""
    kinds: set[Any] = {Allow, *(type(part) for part in parts(config))}
    return {f"{kind.__name__}.{one.name}" for kind in kinds for one in fields(kind)}


def values(config: Config, field: str) -> set[str]:
    """All that a config has in one field."""
    kind, _, name = field.partition(".")
    return {repr(getattr(part, name)) for part in parts(config) if type(part).__name__ == kind}


@ends
def test_up_from_nothing_survives_a_kill_at_every_write(bench: Bench, points: slice, counts: Counts) -> None:
    config = bench.write(SMALL)
    bench.up(config)
    expected = bench.inventory()
    bench.reset()
    tried = try_all(bench, points, lambda: None, ("up", "--yes"), config, lambda: unlike(bench, expected, config))
    counts("kill points of `up` from nothing", **tried)


@pytest.mark.slow
@ends
def test_up_over_a_change_of_everything_survives_a_kill_at_every_write(
    bench: Bench, points: slice, counts: Counts
) -> None:
    before, after = bench.write(BEFORE, "before.yaml"), bench.write(AFTER, "after.yaml")
    bench.up(after)
    expected = bench.inventory()
    bench.reset()

    def prepare() -> None:
        bench.up(before)
        by_hand(bench)

    tried = try_all(bench, points, prepare, ("up", "--yes"), after, lambda: unlike(bench, expected, after))
    counts("kill points of `up` over a change of everything", **tried)


@ends
def test_down_survives_a_kill_at_every_write(bench: Bench, points: slice, counts: Counts) -> None:
    config = bench.write(SMALL)
    tried = try_all(bench, points, lambda: bench.up(config), ("down", "--yes"), config, bench.names)
    counts("kill points of `down`", **tried)
