"""`chatops policy`: an operator who may do this and nothing else can work, and without any one action cannot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import websockets.sync.client as websockets
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chatops import config as configs
from chatops import leftovers, plans
from chatops.aws import STACK_TAG, Aws
from chatops.aws.refusal import absent_is_fine
from chatops.deploy.apply import apply
from chatops.deploy.plan import Action
from chatops.ops import access, addresses, connections, doctor, find, metrics, ownership, roster
from chatops.ops.logs import Logs
from chatops.ops.policy import GROUPS, policy
from chatops.resources.api import Api
from chatops.stack import Stack

from ..admin import reset
from ..local.front.processes import KEYS, ministack
from .conftest import REGION, Boto, Chatops

CONFIG = """\
functions:
  websocket-connect: {source: handlers/connect.py, allow: [dynamodb:PutItem], reserved_concurrency: 5}
  websocket-send: {source: handlers/send.py, allow: [dynamodb:Scan, execute-api:ManageConnections]}
websocket: {auth: %s, routes: {$connect: websocket-connect, $default: websocket-send}}
http_apis: {}
"""
USER = "operator"
PARTS = 4
"""Tests that share the actions of one policy, so that they run in parallel."""


class Bench:
    """A local AWS, a stack as its root sees it, and as somebody sees it who holds one policy only."""

    def __init__(self, url: str, reset: Callable[[], None], folder: Path, auth: str = "none") -> None:
        self.url, self._reset = url, reset
        file = folder / "config.yaml"
        file.write_text(CONFIG % auth, encoding="utf-8")
        self.config = configs.load(file)
        self.root = self.stack(*KEYS.pair)

    def stack(self, *keys: str) -> Stack:
        aws = Aws(REGION, endpoint_url=self.url, keys=(keys[0], keys[1]))
        # MiniStack tells a function's tags to everybody. AWS does not, and then they have to be asked for:
        # https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
        aws.client("lambda").meta.events.register(
            "after-call.lambda.GetFunction", lambda parsed, **_: parsed.pop("Tags", 0)
        )
        return Stack(self.config, aws)

    def empty(self) -> None:
        self._reset()

    def holder(self, document: dict[str, Any]) -> Stack:
        """The stack as somebody sees it who may do what is in this policy."""
        iam = self.root.aws.client("iam")
        with absent_is_fine():
            for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
            iam.delete_user_policy(UserName=USER, PolicyName="only")
            iam.delete_user(UserName=USER)
        iam.create_user(UserName=USER)
        iam.put_user_policy(UserName=USER, PolicyName="only", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=USER)["AccessKey"]
        return self.stack(key["AccessKeyId"], key["SecretAccessKey"])

    @contextmanager
    def client(self, stack: Stack | None = None) -> Iterator[Any]:
        address = access.signed_websocket_url(stack or self.root)
        with websockets.connect(address, open_timeout=20, proxy=None) as opened:
            yield opened


@pytest.fixture(scope="session")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MiniStack alone: its own WebSocket side reads a policy again at every request, as these tests need it."""
    with ministack(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture
def bench(unguarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    reset_unguarded = partial(reset, unguarded, KEYS)
    monkeypatch.setattr("chatops.aws.RATES", {})
    monkeypatch.setattr(Aws, "pause", lambda self, seconds: self.stop.wait(min(seconds, 0.02)))
    reset_unguarded()
    yield Bench(unguarded, reset_unguarded, tmp_path)
    reset_unguarded()


def up(stack: Stack, *, adopt: bool = False) -> None:
    plan = plans.up(stack, adopt=adopt)
    assert not plan.of(Action.BLOCKED), plan.of(Action.BLOCKED)
    carry_out(stack, plan)


def down(stack: Stack) -> None:
    carry_out(stack, plans.down(stack))


def carry_out(stack: Stack, plan: Any) -> None:
    outcome = apply(plan, stack.aws, lambda _: None, stack.aws.stop, settle=0)
    for error in outcome.failed.values():
        raise error


def drift(stack: Stack) -> None:
    """Changes by hand what only an update mends, each by its own action."""
    aws = stack.aws
    role = f"websocket-connect-{REGION}"
    nobody = {"Effect": "Deny", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [nobody]}
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}]}
    aws.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    more = "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"
    aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=more)
    aws.client("iam").put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(nothing))
    functions = aws.client("lambda")
    functions.update_function_configuration(FunctionName="websocket-send", Timeout=3)
    functions.update_function_code(FunctionName="websocket-connect", ZipFile=stack_zip(stack))
    aws.client("dynamodb").update_table(
        TableName="websocket-connections",
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    api_id = addresses.url(stack).split("/")[-2]
    aws.client("apigatewayv2").update_stage(ApiId=api_id, StageName="demo", DefaultRouteSettings={})


def stack_zip(stack: Stack) -> bytes:
    """The zip of another function than the one that is to be drifted."""
    send = next(one for one in stack.resources if one.name == "function.websocket-send")
    return bytes(send.read_zip())  # type: ignore[attr-defined]


def disown(stack: Stack) -> None:
    """Takes the stack's tag off everything but its API, so that it has to be adopted."""
    aws = stack.aws
    for name in ("websocket-connect", "websocket-send"):
        aws.client("lambda").untag_resource(Resource=aws.arn("lambda", f"function:{name}"), TagKeys=[STACK_TAG])
        arn = aws.arn("logs", f"log-group:/aws/lambda/{name}")
        aws.client("logs").untag_resource(resourceArn=arn, tagKeys=[STACK_TAG])
        aws.client("iam").untag_role(RoleName=f"{name}-{REGION}", TagKeys=[STACK_TAG])
    arn = aws.arn("dynamodb", "table/websocket-connections")
    aws.client("dynamodb").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])


def deploy(bench: Bench, mine: Stack) -> None:
    """Everything that `up`, `plan` and `down` may have to do."""
    up(mine)
    drift(bench.root)
    up(mine)
    assert plans.up(mine).in_sync
    disown(bench.root)
    up(mine, adopt=True)
    # MiniStack lists an API with the tags of its creation, so that one is adopted by itself.
    mine.websocket.tag(mine.aws, lambda one: one.observe(mine.aws, lambda _: None) if isinstance(one, Api) else None)
    with bench.client():
        plan = plans.down(mine)
        told = roster.audience(mine.aws, plans.tables(plan), addresses.connections_among(mine, plan.live))
        if told != "1 connection is live":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": told}}, "audience")
    down(mine)
    assert plans.remains(mine) == []


def observe(bench: Bench, mine: Stack) -> None:
    """What `status`, `url`, `logs` and `metrics` do."""
    with bench.client():
        plan = plans.up(mine)
        assert plan.in_sync
        management = ownership.management_among(mine, plan.live)
        assert management
        found = roster.read(mine.aws, ownership.table_among(mine, plan.live), management)
        if found.refusal:
            raise found.refusal
        assert found.live
    # The listing of what carries a tag lags: a new table may not be in it yet, and is asked itself whose it is.
    with mock.patch("chatops.resources.tagged.tagged", return_value=[]):
        assert plans.up(mine).in_sync
    functions = [one.name for one in mine.config.functions.values()]
    list(Logs(mine.aws, ownership.owned_logs(mine, functions).own, 600, None, None).history())
    metrics.measure(mine.aws, [metrics.function(functions[0])], 600)


def operate(bench: Bench, mine: Stack) -> None:
    """What `url`, `send`, `prune`, `kick`, `smoke`, `chat` and `invite` do."""
    row = {"connectionId": {"S": "L0SM9cOFvHcCIhw="}}
    bench.root.aws.client("dynamodb").put_item(TableName=mine.config.table.name, Item=row)
    with bench.client(mine) as client:
        table, management = ownership.owned_chat(mine)
        found = connections.probe(management, connections.rows(mine.aws, table))
        live = [one for one in found if one.is_live]
        assert live
        for tally in (connections.send(management, live, "hello"), connections.kick(management, live)):
            if tally.error:
                raise tally.error
        assert client.recv(timeout=20) == "hello"
        assert connections.prune(mine.aws, table, found).deleted == 1


def diagnose(bench: Bench, mine: Stack) -> None:
    """What `doctor` and `find` do: neither ends with what it is refused, both tell it."""
    patient = Stack(bench.config, copy(mine.aws))
    told = [f"{one.what}: {one.why}" for one in doctor.examine(lambda: patient).findings]
    told += [str(place.refusal) for place in find.find(patient.aws, bench.config)]
    refused = [one for one in told if "AccessDenied" in one]
    if refused:
        answer = {"Error": {"Code": "AccessDenied", "Message": "\n".join(refused)}}
        raise ClientError(answer, "diagnose")


RUNS = {"deploy": deploy, "observe": observe, "operate": operate}


def refusal(run: Callable[[], None]) -> str | None:
    """What a run was refused, in AWS's words; nothing when it went well."""
    try:
        run()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert "AccessDenied" in code or error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return str(error)
    except InvalidStatus as error:
        assert error.response.status_code == 403
        return "the handshake"
    return None


def without(document: dict[str, Any], action: str) -> dict[str, Any]:
    statements = [
        {**one, "Action": [name for name in one["Action"] if name != action]} for one in document["Statement"]
    ]
    return {**document, "Statement": [one for one in statements if one["Action"]]}


def all_actions(document: dict[str, Any]) -> Sequence[str]:
    return sorted({action for one in document["Statement"] for action in one["Action"]})


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_deploying_needs_each_action_of_its_policy_and_no_other(bench: Bench, part: int) -> None:
    document = policy(bench.root, ["deploy"])
    deploy(bench, bench.holder(document))
    actions = all_actions(document)[part::PARTS]
    assert {"apigateway:TagResource", "iam:PassRole"} <= set(all_actions(document))
    needless = []
    for action in actions:
        bench.empty()
        mine = bench.holder(without(document, action))
        if not refusal(lambda mine=mine: deploy(bench, mine)):  # type: ignore[misc]
            needless.append(action)
    # MiniStack does not ask for PassRole; AWS does, of whoever gives a role to a function:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    # Nor for TagResource, which AWS was seen to ask for: https://github.com/aws-amplify/amplify-cli/issues/12316
    assert needless == [one for one in actions if one in ("apigateway:TagResource", "iam:PassRole")]


@pytest.mark.slow
def test_what_an_earlier_config_left_is_in_the_policy_until_it_is_gone(bench: Bench, tmp_path: Path) -> None:
    up(bench.root)
    file = tmp_path / "config.yaml"
    shorter = "functions:\n  websocket-connect: {source: handlers/connect.py, allow: [dynamodb:PutItem]}\n"
    file.write_text(
        f"table: {{name: later}}\n{shorter}websocket: {{routes: {{$connect: websocket-connect}}}}\nhttp_apis: {{}}\n"
    )
    bench.config = configs.load(file)
    root = bench.root = bench.stack(*KEYS.pair)
    gone = {"function.websocket-send", "table.websocket-connections"}
    for group in ("observe", "deploy"):
        mine = bench.holder(policy(root, [group]))
        plan = plans.up(mine)
        assert gone <= {step.name for step in plan.of(Action.DELETE)}
    carry_out(mine, plan)
    assert plans.up(mine).in_sync
    assert "websocket-send" not in json.dumps(policy(root, GROUPS))


@pytest.mark.parametrize("group", ["observe", "operate"])
@pytest.mark.slow
def test_using_the_chat_needs_each_action_of_its_policy_and_no_other(bench: Bench, group: str, tmp_path: Path) -> None:
    auth = "iam" if group == "operate" else "none"
    bench = Bench(bench.url, bench.empty, tmp_path, auth)
    up(bench.root)
    document = policy(bench.root, [group])
    RUNS[group](bench, bench.holder(document))
    needless = []
    for action in all_actions(document):
        mine = bench.holder(without(document, action))
        if not refusal(lambda mine=mine: RUNS[group](bench, mine)):  # type: ignore[misc]
            needless.append(action)
    assert needless == []


@pytest.mark.slow
def test_a_diagnosis_needs_each_action_of_its_policy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "regions", lambda aws: ([REGION, "us-east-1"], []))
    up(bench.root)
    document = policy(bench.root, ["diagnose"])
    row = {"connectionId": {"S": "gone="}}
    bench.root.aws.client("dynamodb").put_item(TableName=bench.config.table.name, Item=row)
    diagnose(bench, bench.holder(document))
    needless = []
    for action in all_actions(document):
        mine = bench.holder(without(document, action))
        if not refusal(lambda mine=mine: diagnose(bench, mine)):  # type: ignore[misc]
            needless.append(action)
    # MiniStack lets everybody see these settings; find and doctor go on without the regions and quotas, with what AWS
    # gives everyone.
    assert needless == ["account:ListRegions", "lambda:GetAccountSettings", "servicequotas:GetServiceQuota"]


@pytest.mark.slow
def test_each_method_of_the_connections_is_needed(bench: Bench) -> None:
    up(bench.root)
    document = policy(bench.root, ["operate"])
    for method in ("GET", "POST", "DELETE"):
        left = json.loads(json.dumps(document))
        (statement,) = [one for one in left["Statement"] if one["Action"] == ["execute-api:ManageConnections"]]
        statement["Resource"] = [arn for arn in statement["Resource"] if f"/{method}/" not in arn]
        assert len(statement["Resource"]) == 2
        assert refusal(lambda left=left: operate(bench, bench.holder(left)))  # type: ignore[misc]


@pytest.mark.slow
def test_who_observes_or_operates_cannot_change_the_stack(bench: Bench) -> None:
    up(bench.root)
    for group in ("observe", "operate"):
        mine = bench.holder(policy(bench.root, [group]))
        assert refusal(lambda mine=mine: down(mine))  # type: ignore[misc]
    assert plans.up(bench.root).in_sync


def test_a_policy_has_no_action_by_a_wildcard_and_names_resources_wherever_aws_lets_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = policy(bench.root, GROUPS)
    assert not [action for action in all_actions(document) if "*" in action]
    real = Stack(bench.config, Aws(REGION, keys=("test", "test")))
    real.aws.__dict__["account"] = "123456789012"
    monkeypatch.setattr(Api, "observe", lambda *_: None)
    monkeypatch.setattr(leftovers, "find", lambda _: [])
    on_aws = policy(real, GROUPS)
    assert all_actions(on_aws) == all_actions(document)
    unscoped = {action for one in on_aws["Statement"] if one["Resource"] == "*" for action in one["Action"]}
    unscopable = {"account:ListRegions", "dynamodb:ListTables", "lambda:GetAccountSettings"}
    unscopable |= {"iam:GetAccountSummary", "servicequotas:GetServiceQuota"}
    assert unscoped == unscopable | {"cloudwatch:GetMetricData", "iam:ListRoles", "tag:GetResources"}
    assert len(json.dumps(document, separators=(",", ":"))) < 6144, "AWS takes no larger managed policy"


@pytest.fixture
def operator(chatops: Chatops, boto: Boto) -> Iterator[Callable[..., Chatops]]:
    """Makes the command line of a user who holds only what `chatops policy` prints, all of it or that of one group."""
    iam = boto.client("iam")
    iam.create_user(UserName=USER)
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def make(*group: str, lacks: str = "") -> Chatops:
        document = without(json.loads(chatops.must("policy", *group, "--local").out), lacks)
        iam.put_user_policy(UserName=USER, PolicyName="only", PolicyDocument=json.dumps(document))
        return Chatops(chatops.folder, chatops.state, {**keys, "AWS_REGION": REGION})

    yield make
    with absent_is_fine():
        iam.delete_user_policy(UserName=USER, PolicyName="only")
    iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=USER)


@pytest.mark.slow
def test_a_user_who_holds_only_the_printed_policy_runs_up_status_kick_and_down(
    operator: Callable[..., Chatops], boto: Boto
) -> None:
    mine, there = operator(), ("--endpoint-url", boto.endpoint_url, "--json")
    summary = mine.must("up", *there).last
    assert summary["created"] and not summary["failed"]
    with websockets.connect(summary["outputs"]["websocket_url"], open_timeout=20, proxy=None) as client:
        assert mine.must("status", *there).last["live"] == 1
        assert mine.must("kick", "--all", "--yes", *there).last["kicked"] == 1
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=20)
    assert mine.must("down", "--yes", *there).last["deleted"]
    refused = operator(lacks="tag:GetResources").run("up", *there)
    assert refused.code == 1 and "AccessDenied" in refused.last["why"]


@pytest.mark.slow
def test_a_user_who_may_only_deploy_runs_up_plan_and_down(operator: Callable[..., Chatops], boto: Boto) -> None:
    mine, there = operator("--for", "deploy"), ("--endpoint-url", boto.endpoint_url, "--json")
    url = mine.must("up", *there).last["outputs"]["websocket_url"]
    assert mine.must("plan", "--check", *there).last["in_sync"]
    with websockets.connect(url, open_timeout=20, proxy=None):
        told = mine.must("down", "--yes", *there)
    assert told.last["deleted"] and "1 connection is live" in told.err


@pytest.mark.slow
def test_a_user_who_may_only_observe_runs_what_looks_and_changes_nothing(
    operator: Callable[..., Chatops], deployed: Chatops, boto: Boto
) -> None:
    mine, there = operator("--for", "observe"), ("--endpoint-url", boto.endpoint_url)
    url = mine.must("url", *there).out.strip()
    with websockets.connect(url, open_timeout=20, proxy=None):
        assert mine.must("status", "--json", *there).last["live"] == 1
        assert mine.run("send", "hi", *there).code == 1
    for command in ("plan", "logs", "metrics"):
        mine.must(command, *there)
    assert mine.run("down", "--yes", *there).code == 1
    assert deployed.must("plan", "--check", "--local")


@pytest.mark.slow
def test_a_user_who_may_only_operate_runs_what_reaches_the_chat(
    operator: Callable[..., Chatops], deployed: Chatops, boto: Boto
) -> None:
    mine, there = operator("--for", "operate"), ("--endpoint-url", boto.endpoint_url)
    with websockets.connect(mine.must("url", *there).out.strip(), open_timeout=20, proxy=None) as client:
        assert mine.must("send", "hi", "--json", *there).last["sent"] == 1
        assert client.recv(timeout=20) == "hi"
        mine.must("prune", *there)
        assert mine.must("kick", "--all", "--yes", "--json", *there).last["kicked"] >= 1
    assert mine.run("plan", *there).code == 1
