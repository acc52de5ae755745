"""The function: what Lambda asks to be waited for, and what is sent when."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatops.aws import STACK_TAG, Interrupted, TimedOut
from chatops.deploy.plan import Action
from chatops.deploy.resource import PLACEHOLDER, Blocked, Change, Live, Look, Resource, listen
from chatops.resources.api import HttpApi
from chatops.resources.function import FunctionFailed

from . import stand
from .stand import (
    STACK,
    Scripted,
    ScriptedAws,
    StandAws,
    client_error,
    code,
    differing,
    function,
    outputs,
    plan,
    properties,
    stand_aws,
    up,
)

ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}
BUSY = {"State": "Active", "LastUpdateStatus": "InProgress"}
PENDING = {"State": "Pending"}
NOT_ASSUMABLE = client_error(
    "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."
)
NOT_GRANTABLE = client_error(
    "InvalidParameterValueException",
    "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
    "CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not "
    "refer to a valid principal: arn:aws:sts::123456789012:assumed-role/send-ap-northeast-2/send",
)
IN_PROGRESS = client_error(
    "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource"
)


@pytest.fixture
def aws(moto: Callable[[], None]) -> StandAws:
    moto()
    return stand_aws()


def nothing(_: Resource) -> Live | None:
    return None


def desired(one: Resource, look: Look = nothing) -> Any:
    return one.desired(ScriptedAws(), look)


def create(lambda_: Scripted) -> ScriptedAws:
    """Creates the function by a scripted client; gives the AWS that it was created on."""
    aws = ScriptedAws(lambda_=lambda_)
    function().create(aws, desired(function()), nothing)
    return aws


def update(lambda_: Scripted, *paths: str) -> ScriptedAws:
    """Updates these properties of the function by a scripted client."""
    aws = ScriptedAws(lambda_=lambda_)
    function().update(aws, [Change(path, None, None) for path in paths], desired(function()), nothing)
    return aws


@pytest.mark.parametrize("refusal", [NOT_ASSUMABLE, NOT_GRANTABLE], ids=["by Lambda", "by KMS"])
def test_a_role_that_is_not_seen_yet_is_waited_for(refusal: ClientError) -> None:
    told: list[str] = []
    listen(told.append)
    lambda_ = Scripted(create_function=[refusal, refusal, {}], get_function_configuration=ACTIVE)
    aws = create(lambda_)
    assert lambda_.called("create_function") == ["create_function"] * 3
    assert aws.waited > 0
    assert any("waiting for the role" in text for text in told)


def test_a_role_that_lambda_never_sees_is_told_after_a_limit() -> None:
    aws = ScriptedAws(lambda_=Scripted(create_function=NOT_ASSUMABLE))
    with aws.time_flies(), pytest.raises(ClientError, match="cannot be assumed"):
        function().create(aws, desired(function()), nothing)
    assert 60 <= aws.waited <= 120


def test_another_invalid_parameter_is_told_at_once() -> None:
    lambda_ = Scripted(create_function=client_error("InvalidParameterValueException", "Unzipped size must be smaller"))
    with pytest.raises(ClientError, match="Unzipped"):
        create(lambda_)
    assert lambda_.called() == ["create_function"]


def test_waiting_ends_when_the_run_is_stopped() -> None:
    aws = ScriptedAws(lambda_=Scripted(create_function=NOT_ASSUMABLE))
    aws.stop.set()
    with pytest.raises(Interrupted):
        function().create(aws, desired(function()), nothing)


@pytest.mark.parametrize("message", ["Function already exist: send", "Function already exist: Pending-progress"])
def test_one_that_exists_already_is_left_to_the_self_check_at_once(message: str) -> None:
    exists = client_error("ResourceConflictException", message, status=409)
    lambda_ = Scripted(create_function=exists, get_function_configuration=ACTIVE)
    assert create(lambda_).waited == 0
    assert lambda_.called("create_function") == ["create_function"]


def test_a_new_function_is_done_when_it_is_active() -> None:
    lambda_ = Scripted(create_function={}, get_function_configuration=[PENDING, PENDING, ACTIVE])
    create(lambda_)
    assert lambda_.called() == ["create_function", *["get_function_configuration"] * 3]


def test_a_function_that_never_becomes_active_is_told_after_a_limit() -> None:
    aws = ScriptedAws(lambda_=Scripted(create_function={}, get_function_configuration=PENDING))
    with aws.time_flies(), pytest.raises(TimedOut, match="function send"):
        function().create(aws, desired(function()), nothing)
    assert 60 <= aws.waited <= 300


def test_a_function_that_lambda_could_not_make_ready_is_told_with_its_reason() -> None:
    failed = {"State": "Failed", "StateReason": "no such runtime"}
    with pytest.raises(FunctionFailed, match="no such runtime"):
        create(Scripted(create_function={}, get_function_configuration=failed))


def test_an_update_that_lambda_could_not_finish_is_told_with_its_reason() -> None:
    failed = {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "the key is gone"}
    lambda_ = Scripted(update_function_code={}, get_function_configuration=[ACTIVE, failed])
    with pytest.raises(FunctionFailed, match="the key is gone"):
        update(lambda_, "code_sha256")


def test_an_update_that_failed_in_an_earlier_run_is_repaired_by_this_one() -> None:
    failed = {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "the key is gone"}
    lambda_ = Scripted(update_function_configuration={}, get_function_configuration=[failed, ACTIVE])
    update(lambda_, "memory")
    assert lambda_.called("update_function_configuration") == ["update_function_configuration"]


def test_configuration_and_code_are_updated_one_after_the_other_and_each_is_waited_for() -> None:
    lambda_ = Scripted(
        update_function_configuration={},
        update_function_code={},
        get_function_configuration=[BUSY, ACTIVE, BUSY, BUSY, ACTIVE, BUSY, ACTIVE],
    )
    update(lambda_, "memory", "code_sha256")
    look = "get_function_configuration"
    assert lambda_.called() == [
        *[look] * 2,
        "update_function_configuration",
        *[look] * 3,
        "update_function_code",
        *[look] * 2,
    ]


def test_an_update_that_lambda_is_too_busy_for_is_sent_again() -> None:
    lambda_ = Scripted(
        update_function_configuration=[IN_PROGRESS, {}],
        update_function_code=[IN_PROGRESS, IN_PROGRESS, {}],
        get_function_configuration=ACTIVE,
    )
    update(lambda_, "environment.X", "code_sha256")
    assert len(lambda_.called("update_function_configuration")) == 2
    assert len(lambda_.called("update_function_code")) == 3


def test_an_update_that_meets_somebody_elses_is_sent_again() -> None:
    met = client_error(
        "ResourceConflictException", "The function could not be updated due to a concurrent update operation."
    )
    lambda_ = Scripted(
        update_function_configuration=[met, {}], update_function_code=[met, {}], get_function_configuration=ACTIVE
    )
    update(lambda_, "memory", "code_sha256")
    assert len(lambda_.called("update_function_configuration", "update_function_code")) == 4


def test_concurrency_is_reserved_as_soon_as_lambda_lets() -> None:
    lambda_ = Scripted(put_function_concurrency=[IN_PROGRESS, {}], get_function_configuration=ACTIVE)
    one = replace(function(), reserved_concurrency=5)
    change = Change("reserved_concurrency", None, 5)
    one.update(ScriptedAws(lambda_=lambda_), [change], desired(one), nothing)
    assert len(lambda_.called("put_function_concurrency")) == 2


def test_a_function_tells_whether_it_can_run(aws: StandAws) -> None:
    up(aws, function())
    assert outputs(aws, function()) == {
        "arn": function().arn(aws),
        "state": "Active",
        "last_update_status": "Successful",
    }


@pytest.mark.parametrize(("state", "update"), [("Failed", "Successful"), ("Active", "Failed")])
def test_a_function_tells_that_it_cannot_run(state: str, update: str) -> None:
    configuration = {
        "FunctionArn": "arn",
        "Role": "role",
        "MemorySize": 128,
        "Timeout": 10,
        "CodeSha256": "",
        "State": state,
        "LastUpdateStatus": update,
    }
    lambda_ = Scripted(get_function={"Configuration": configuration, "Tags": {}})
    found = function().observe(ScriptedAws(lambda_=lambda_), nothing)
    assert found
    assert (found.outputs["state"], found.outputs["last_update_status"]) == (state, update)


@pytest.mark.parametrize(
    ("one", "hint"),
    [({"PackageType": "Image"}, "Delete it"), ({"VpcConfig": {"VpcId": "vpc-1"}}, "--vpc-config SubnetIds=[]")],
    ids=["from an image", "in a VPC"],
)
@pytest.mark.parametrize("stack", [None, STACK, "other"])
def test_somebody_elses_function_that_cannot_become_ours_is_blocked_before_anything_changes(
    one: dict[str, Any], hint: str, stack: str | None
) -> None:
    configuration = {"FunctionName": "send", "FunctionArn": "arn", "Role": "role", "MemorySize": 1, "Timeout": 1}
    found = {
        "Configuration": {**configuration, "CodeSha256": "", **one},
        "Tags": {STACK_TAG: stack} if stack else {"team": "chat"},
    }
    aws = ScriptedAws(lambda_=Scripted(get_function=found))
    if stack:
        assert function().observe(aws, nothing)
        return
    with pytest.raises(Blocked) as blocked:
        function().observe(aws, nothing)
    assert hint in blocked.value.hint


def test_a_function_outside_of_a_vpc_can_be_adopted(aws: StandAws) -> None:
    up(aws, function())
    aws.client("lambda").untag_resource(Resource=function().arn(aws), TagKeys=[STACK_TAG])
    step = next(step for step in plan(aws, function(), adopt=True).steps if step.resource.kind == "function")
    assert step.action is Action.ADOPT


def test_a_change_of_the_configuration_sends_no_code() -> None:
    lambda_ = Scripted(update_function_configuration={}, get_function_configuration=ACTIVE)
    update(lambda_, "environment.X")
    assert len(lambda_.called("update_function_configuration")) == 1


def test_a_change_of_the_code_sends_no_configuration() -> None:
    lambda_ = Scripted(update_function_code={}, get_function_configuration=ACTIVE)
    update(lambda_, "code_sha256")
    (sent,) = lambda_.given("update_function_code")
    assert sent == {"FunctionName": "send", "ZipFile": code().data}


def test_a_function_that_is_busy_is_deleted_as_soon_as_it_lets() -> None:
    lambda_ = Scripted(delete_function=[IN_PROGRESS, IN_PROGRESS, {}])
    function().delete(ScriptedAws(lambda_=lambda_), nothing)
    assert len(lambda_.calls) == 3


def test_the_ownership_tag_is_set_by_the_very_call_that_creates() -> None:
    lambda_ = Scripted(create_function={}, get_function_configuration=ACTIVE)
    create(lambda_)
    (sent,) = lambda_.given("create_function")
    assert sent["Tags"] == {STACK_TAG: STACK}


def test_an_address_is_the_placeholder_until_its_api_exists() -> None:
    one = function(api=stand.websocket())
    assert desired(one)["environment"] == {"WEBSOCKET_TABLE": "connections", "CHAT_URL": PLACEHOLDER}
    api = Live({}, {"api_id": "abc", "websocket_url": "wss://abc/demo"})
    known = desired(one, lambda other: api if other.kind == "websocket_api" else None)
    assert known["environment"] == {"WEBSOCKET_TABLE": "connections", "CHAT_URL": "wss://abc/demo"}


def test_addresses_of_one_variable_stand_behind_what_the_environment_says_of_it() -> None:
    apis = [HttpApi(STACK, name, "$default", "") for name in ("one", "two")]
    several = tuple((api, "origin") for api in apis)
    one = replace(function(), environment={"ORIGINS": "https://a"}, addresses={"ORIGINS": several, "OWN": several})
    known = desired(one, lambda other: Live({}, {"arn": "r", "origin": f"https://{other.title}"}))
    assert known["environment"] == {"ORIGINS": "https://a,https://one,https://two", "OWN": "https://one,https://two"}


def test_a_new_function_runs_the_code_and_the_configuration_that_it_should(aws: StandAws) -> None:
    up(aws, function())
    found = aws.client("lambda").get_function(FunctionName="send")["Configuration"]
    assert found["CodeSha256"] == code().sha256
    assert (found["Runtime"], found["Handler"], found["MemorySize"], found["Timeout"]) == (
        "python3.12",
        "send.lambda_handler",
        128,
        10,
    )
    assert found["Environment"]["Variables"] == {"WEBSOCKET_TABLE": "connections"}
    assert found["Role"] == stand.role().arn(aws)


def test_code_that_somebody_changed_by_hand_is_a_difference_and_repaired(aws: StandAws) -> None:
    up(aws, function())
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("send.py", "by hand")
    aws.client("lambda").update_function_code(FunctionName="send", ZipFile=other.getvalue())
    assert differing(aws, function()) == ["code_sha256"]
    aws.calls.clear()
    up(aws, function())
    assert aws.calls == ["UpdateFunctionCode"]
    assert plan(aws, function()).in_sync


def test_new_code_is_uploaded_and_nothing_else_is_sent(aws: StandAws) -> None:
    up(aws, function())
    new = function(package=code("def lambda_handler(event, context):\n    return {'statusCode': 201}\n"))
    aws.calls.clear()
    up(aws, new)
    assert aws.calls == ["UpdateFunctionCode"]
    assert properties(aws, new)["code_sha256"] == new.code_sha256 != function().code_sha256


@pytest.mark.parametrize(
    ("by_hand", "path"),
    [
        ({"MemorySize": 1024}, "memory"),
        ({"Timeout": 3}, "timeout"),
        ({"Handler": "other.handler"}, "handler"),
        ({"Runtime": "python3.11"}, "runtime"),
        ({"Environment": {"Variables": {"WEBSOCKET_TABLE": "other"}}}, "environment.WEBSOCKET_TABLE"),
        ({"Environment": {"Variables": {"WEBSOCKET_TABLE": "connections", "X": "1"}}}, "environment.X"),
        ({"Environment": {"Variables": {}}}, "environment.WEBSOCKET_TABLE"),
    ],
)
def test_configuration_that_somebody_changed_by_hand_is_repaired(
    aws: StandAws, by_hand: dict[str, Any], path: str
) -> None:
    up(aws, function())
    aws.client("lambda").update_function_configuration(FunctionName="send", **by_hand)
    assert differing(aws, function()) == [path]
    aws.calls.clear()
    up(aws, function())
    assert aws.calls == ["UpdateFunctionConfiguration"]
    assert plan(aws, function()).in_sync


def test_tags_of_others_are_left_alone(aws: StandAws) -> None:
    up(aws, function())
    aws.client("lambda").tag_resource(Resource=function().arn(aws), Tags={"team": "chat"})
    assert plan(aws, function()).in_sync
    up(aws, replace(function(), memory=256))
    tags = aws.client("lambda").list_tags(Resource=function().arn(aws))["Tags"]
    assert tags == {STACK_TAG: STACK, "team": "chat"}


FOUND = {
    "Configuration": {"MemorySize": 128, "Timeout": 10, "CodeSha256": "c", "Role": "r", "FunctionArn": "arn:of:send"}
}


def test_a_function_whose_tags_are_not_told_is_asked_for_them_and_is_not_taken_for_nobodys() -> None:
    lambda_ = Scripted(get_function=FOUND, list_tags={"Tags": {STACK_TAG: STACK}})
    seen = function().observe(ScriptedAws(lambda_=lambda_), nothing)
    assert seen and seen.owner == STACK
    assert lambda_.given("list_tags") == [{"Resource": "arn:of:send"}]
    lambda_ = Scripted(get_function={**FOUND, "Tags": {}})
    seen = function().observe(ScriptedAws(lambda_=lambda_), nothing)
    assert seen and seen.owner is None


def test_tags_that_lambda_could_not_read_end_the_observation() -> None:
    denied = {"ErrorCode": "AccessDeniedException", "Message": "not authorized to perform: lambda:ListTags"}
    lambda_ = Scripted(get_function={**FOUND, "TagsError": denied})
    with pytest.raises(ClientError, match=r"AccessDeniedException.*GetFunction.*lambda:ListTags"):
        function().observe(ScriptedAws(lambda_=lambda_), nothing)


def test_the_zip_is_read_only_to_be_uploaded(aws: StandAws) -> None:
    up(aws, function())

    def never() -> bytes:
        pytest.fail("the zip was read")

    up(aws, replace(function(), read_zip=never, memory=256))
    assert plan(aws, replace(function(), read_zip=never, memory=256)).in_sync


def test_two_functions_share_nothing_but_the_table(aws: StandAws) -> None:
    up(aws, function(), function("connect"))
    names = [one["FunctionName"] for one in aws.client("lambda").list_functions()["Functions"]]
    roles = [one["RoleName"] for one in aws.client("iam").list_roles()["Roles"]]
    assert sorted(names) == ["connect", "send"]
    assert sorted(roles) == ["connect-ap-northeast-2", "send-ap-northeast-2"]
    assert {step.action for step in plan(aws, function(), function("connect")).steps} == {Action.KEEP}


def test_an_adoption_that_replaces_the_code_and_variables_names_them_without_values(aws: StandAws) -> None:
    up(aws, function())
    aws.client("lambda").untag_resource(Resource=function().arn(aws), TagKeys=[STACK_TAG])
    kept = plan(aws, function(), adopt=True)
    assert kept.of(Action.ADOPT) and kept.deletions == []
    variables = {"WEBSOCKET_TABLE": "theirs", "API_KEY": "hunter2", "A": "1"}
    aws.client("lambda").update_function_configuration(FunctionName="send", Environment={"Variables": variables})
    assert plan(aws, function(package=code("other")), adopt=True).deletions == [
        "function.send: the code",
        "function.send: the environment variables A, API_KEY, WEBSOCKET_TABLE",
    ]
    aws.client("lambda").tag_resource(Resource=function().arn(aws), Tags={STACK_TAG: STACK})
    assert plan(aws, function(package=code("other"))).deletions == []
