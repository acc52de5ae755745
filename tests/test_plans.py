"""Stack → plans: what they delete, spare and count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatops import plans
from chatops.config import load
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Blocked, Live
from chatops.errors import WRONG_USAGE, HandlerError
from chatops.ops import ownership
from chatops.ops.watch import Watch
from chatops.resources.log_group import LogGroup
from chatops.resources.table import Table
from chatops.stack import Stack

from .resources.stand import REGION, Scripted, ScriptedAws, client_error
from .stacks import API, TWO_FUNCTIONS, nothing, stack

pytestmark = pytest.mark.usefixtures("folder")


def test_a_handler_that_cannot_be_packed_keeps_nothing_from_being_deleted(folder: Path) -> None:
    (folder / "handlers").mkdir()
    (folder / "handlers" / "connect.py").write_text("import nowhere\ndef f(:\n")
    gone = client_error("ResourceNotFoundException")
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={}),
        iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    one = stack(TWO_FUNCTIONS, aws)
    assert {step.name for step in plans.down(one).steps} >= {"function.a", "table.websocket-connections"}
    with pytest.raises(HandlerError):
        plans.up(one)


def test_a_table_that_goes_with_up_spares_the_rows_that_came_since_the_plan_and_with_down_does_not() -> None:
    arn = f"arn:aws:dynamodb:{REGION}:123456789012:table/old"
    table = {"TableStatus": "ACTIVE", "TableArn": arn, "AttributeDefinitions": [], "KeySchema": []}
    gone = client_error("ResourceNotFoundException")

    class Dynamo(Scripted):
        def describe_table(self, TableName: str) -> Any:  # noqa: N803
            if TableName != "old":
                raise gone
            return {"Table": table}

    dynamodb = Dynamo(
        describe_time_to_live={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
        list_tags_of_resource={"Tags": [{"Key": "chatops:stack", "Value": "websocket-chat"}]},
        scan=[{"Items": []}, {"Items": [{"connectionId": {"S": "new"}}]}],
        delete_table={},
    )
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={"ResourceTagMappingList": [{"ResourceARN": arn}]}),
        iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=dynamodb,
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    (step,) = plans.up(stack(TWO_FUNCTIONS, aws)).of(Action.DELETE)
    with pytest.raises(Blocked, match="lists connections again"):
        step.resource.delete(aws, nothing)
    assert "delete_table" not in dynamodb.called()
    assert all(one["ConsistentRead"] for one in dynamodb.given("scan"))
    (step,) = plans.down(stack(TWO_FUNCTIONS, aws)).of(Action.DELETE)
    table["TableStatus"] = "ACTIVE"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dynamo, "describe_table", lambda self, TableName: (_ for _ in ()).throw(gone))  # noqa: N803
        step.resource.delete(aws, nothing)
    assert "delete_table" in dynamodb.called()


def test_what_only_has_our_names_does_not_make_a_stack() -> None:
    one = stack()
    name = "table.websocket-connections"
    assert not plans.is_there(one, Plan((), {name: Live({}, owner="other"), "role.a": Live({}), "role.b": None}))
    assert plans.is_there(one, Plan((), {name: Live({}, owner="other"), "role.a": Live({}, owner="websocket-chat")}))


def refusal(one: Stack, deleted: list[str], owned: list[str]) -> str | None:
    """The code of the error that `up` stops with."""
    owner, other = one.config.stack, LogGroup(one.config.stack, "x", 14)
    live = {
        "table.theirs": Live({}, owner="other"),
        "role.gone": None,
        **{name: Live({}, owner=owner) for name in owned},
    }
    steps = [Step(replace(other, function=name), Action.DELETE) for name in deleted]
    found = plans.refusal(one, Plan(tuple(steps), live))
    assert found is None or found.exit_code == WRONG_USAGE
    return found.code if found else None


OURS = "websocket-chat"
OURS_BY_NAME = "table.websocket-connections"


def test_built_in_defaults_may_create_and_repair_but_delete_nothing() -> None:
    one = Stack(load(), ScriptedAws())
    assert refusal(one, ["old"], [OURS_BY_NAME]) == "defaults-would-delete"
    assert refusal(one, ["old"], ["function.old"]) == "defaults-would-delete"
    assert refusal(one, [], [OURS_BY_NAME]) is None
    assert refusal(one, [], []) is None
    removing = Step(one.resources[0], Action.UPDATE, removes=("the route x",))
    assert plans.refusal(one, Plan((removing,), {OURS_BY_NAME: Live({}, owner=one.config.stack)}))


def test_the_refusal_of_the_built_in_defaults_is_true_of_what_nobodys_tag_is_on() -> None:
    one = Stack(load(), ScriptedAws())
    adopting = Step(one.web["api-gateway-lambda"], Action.ADOPT, removes=("the route GET /mine",))
    found = plans.refusal(one, Plan((adopting,), {OURS_BY_NAME: Live({})}))
    assert found and found.what.endswith("would delete what exists under its names")
    assert f"{adopting.name}: the route GET /mine" in found.why
    assert "has" not in found.why and "existing stack" not in found.what


def test_built_in_defaults_may_adopt_a_table_a_function_and_a_log_group() -> None:
    one = Stack(load(), ScriptedAws())
    kinds = ("table", "function", "log_group")
    adopted = [Step(each, Action.ADOPT, removes=("what it held",)) for each in one.resources if each.kind in kinds]
    assert len(adopted) > 10 and plans.refusal(one, Plan(tuple(adopted), {})) is None


def test_a_config_that_shares_nothing_with_what_carries_its_tag_is_stopped_whatever_it_deletes() -> None:
    one = stack()
    assert refusal(one, ["old"], ["function.old"]) == "stack-of-another-config"
    assert refusal(one, [], ["table.old"]) == "stack-of-another-config"
    assert refusal(Stack(load(), ScriptedAws()), [], ["table.old"]) == "stack-of-another-config"


def test_a_config_that_shares_something_with_what_carries_its_tag_may_delete_the_rest() -> None:
    assert refusal(stack(), ["old"], ["function.old", OURS_BY_NAME]) is None
    assert refusal(stack(), ["old"], []) is None


def test_what_is_shared_only_by_name_and_carries_another_tag_does_not_count() -> None:
    one = stack()
    live = {OURS_BY_NAME: Live({}, owner="other"), "function.old": Live({}, owner=one.config.stack)}
    found = plans.refusal(one, Plan((), live))
    assert found and "function.old" in found.why and OURS_BY_NAME not in found.why
    assert "c.yaml" in found.why and "c.yaml" in found.hint


def test_the_tables_of_a_plan_are_those_of_the_stack_that_exist_each_by_the_key_that_it_has() -> None:
    one = stack("table: {key: other}\n")
    more = [Table("websocket-chat", name, "") for name in ("old", "gone", "untagged", "theirs")]
    steps = tuple(Step(resource, Action.DELETE) for resource in (*one.resources, *more))
    live = {
        "table.websocket-connections": Live({"key": {"connectionId": "S"}}, owner="websocket-chat"),
        "table.old": Live({"key": {"id": "S", "sort": "N"}}, owner="websocket-chat"),
        "table.untagged": Live({"key": {"userId": "S"}}),
        "table.theirs": Live({"key": {"connectionId": "S"}}, owner="other"),
    }
    found = [(table.name, table.key) for table in plans.tables(Plan(steps, live))]
    assert found == [("websocket-connections", "connectionId"), ("old", "id")]


def test_a_function_taken_out_of_the_config_is_deleted_with_its_role_and_log_group() -> None:
    gone = client_error("ResourceNotFoundException")
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:old"
    configuration = {"MemorySize": 1, "Timeout": 1, "Role": "r", "CodeSha256": "c", "FunctionArn": arn}
    tags = {"chatops:stack": "websocket-chat"}
    group = {"logGroups": [{"logGroupName": "/aws/lambda/old", "retentionInDays": 14}]}
    live_role = {
        "Arn": "r",
        "Path": "/",
        "AssumeRolePolicyDocument": {},
        "Tags": [{"Key": "chatops:stack", "Value": "websocket-chat"}],
    }

    class Lambda(Scripted):
        def __getattr__(self, name: str) -> Any:
            if name == "get_function":
                return self._get_function
            return super().__getattr__(name)

        def _get_function(self, FunctionName: str) -> Any:  # noqa: N803
            if FunctionName != "old":
                raise gone
            return {"Configuration": configuration, "Tags": tags}

    class Iam(Scripted):
        def __getattr__(self, name: str) -> Any:
            if name == "get_role":
                return self._get_role
            return super().__getattr__(name)

        def _get_role(self, RoleName: str) -> Any:  # noqa: N803
            if RoleName != f"old-{REGION}":
                raise client_error("NoSuchEntity")
            return {"Role": live_role}

    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={"ResourceTagMappingList": [{"ResourceARN": arn}]}),
        iam=Iam(
            list_roles={"Roles": [{"RoleName": f"old-{REGION}"}]},
            list_role_policies={},
            get_role_policy=gone,
            list_attached_role_policies={},
        ),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Lambda(),
        logs=Scripted(describe_log_groups=group, list_tags_for_resource={"tags": tags}),
    )
    plan = plans.up(stack(TWO_FUNCTIONS, aws))
    deleted = [step.name for step in plan.of(Action.DELETE)]
    assert deleted[0] == "function.old"
    assert sorted(deleted) == ["function.old", "log_group./aws/lambda/old", f"role.old-{REGION}"]
    assert all(step.action is Action.CREATE for step in plan.steps if step.name not in deleted)


def test_what_an_earlier_config_may_have_left_has_a_step_only_where_it_exists_and_is_the_stacks() -> None:
    gone, role = client_error("ResourceNotFoundException"), f"old-{REGION}"

    class Iam(Scripted):
        def get_role(self, RoleName: str) -> Any:  # noqa: N803
            if RoleName != role:
                raise client_error("NoSuchEntity")
            tags = [{"Key": "chatops:stack", "Value": "websocket-chat"}]
            return {"Role": {"Arn": "r", "AssumeRolePolicyDocument": {}, "Tags": tags}}

    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={}),
        iam=Iam(
            list_roles={"Roles": [{"RoleName": role}]},
            list_role_policies={},
            get_role_policy=gone,
            list_attached_role_policies={},
        ),
        apigatewayv2=Scripted(get_apis={"Items": []}),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    one = stack(TWO_FUNCTIONS, aws)
    steps = {step.name: step.action for step in plans.up(one).steps}
    assert set(steps) - {resource.name for resource in one.resources} == {f"role.{role}"}


@pytest.mark.parametrize("foreign", [[None], ["other"], [None, None]])
def test_a_foreign_api_with_our_name_is_not_what_a_deletion_left(foreign: list[str | None]) -> None:
    gone = client_error("ResourceNotFoundException")
    apis = [
        {**API, "ApiId": str(number), "Tags": {"chatops:stack": owner} if owner else {}}
        for number, owner in enumerate(foreign)
    ]
    empty: dict[str, Any] = {"Items": []}
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(get_resources={}),
        iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
        apigatewayv2=Scripted(
            get_apis={"Items": apis},
            get_routes=empty,
            get_integrations=empty,
            get_stages={"Items": [{"StageName": "x"}]},
        ),
        dynamodb=Scripted(describe_table=gone),
        lambda_=Scripted(get_function=gone),
        logs=Scripted(describe_log_groups={}),
    )
    one = stack(TWO_FUNCTIONS, aws)
    assert plans.remains(one, one.doomed) == []
    assert plans.down(one).of(Action.DELETE) == []


class LaggingTags:
    """A table and its log groups that the Tagging API lists as the stack's, and what they are in truth."""

    def __init__(self, owner: str | None, *, retention: int = 14, time_to_live: bool = True) -> None:
        tags = {"chatops:stack": owner} if owner else {}
        arn = f"arn:aws:dynamodb:{REGION}:123456789012:table/websocket-connections"
        groups = [{"logGroupName": f"/aws/lambda/{name}", "retentionInDays": retention} for name in ("a", "b")]
        arns = [arn, *(f"arn:aws:logs:{REGION}:123456789012:log-group:/aws/lambda/{name}" for name in ("a", "b"))]
        gone = client_error("ResourceNotFoundException")
        self.dynamodb = Scripted(
            describe_table={
                "Table": {
                    "TableStatus": "ACTIVE",
                    "TableArn": arn,
                    "AttributeDefinitions": [{"AttributeName": "connectionId", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "connectionId"}],
                    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                }
            },
            describe_time_to_live={
                "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}
                if time_to_live
                else {"TimeToLiveStatus": "DISABLED"}
            },
            list_tags_of_resource={"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]},
        )
        self.logs = Scripted(describe_log_groups={"logGroups": groups}, list_tags_for_resource={"tags": tags})
        listed = {"ResourceTagMappingList": [{"ResourceARN": one} for one in arns]}
        self.stack = stack(
            TWO_FUNCTIONS,
            ScriptedAws(
                resourcegroupstaggingapi=Scripted(get_resources=listed),
                iam=Scripted(list_roles={}, get_role=client_error("NoSuchEntity")),
                apigatewayv2=Scripted(get_apis={"Items": []}),
                dynamodb=self.dynamodb,
                lambda_=Scripted(get_function=gone),
                logs=self.logs,
            ),
        )

    def actions(self) -> set[Action]:
        kinds = ("table", "log_group")
        return {step.action for step in plans.up(self.stack).steps if step.resource.kind in kinds}


@pytest.mark.parametrize(
    ("owner", "action"), [(None, Action.BLOCKED), ("other", Action.BLOCKED), (OURS, Action.UPDATE)]
)
def test_what_only_the_listing_says_to_be_the_stacks_is_asked_before_it_is_changed(
    owner: str | None, action: Action
) -> None:
    lagging = LaggingTags(owner, retention=7, time_to_live=False)
    assert lagging.actions() == {action}


def test_the_listings_word_is_enough_to_keep() -> None:
    lagging = LaggingTags(None)
    assert lagging.actions() == {Action.KEEP}
    assert lagging.dynamodb.called("list_tags_of_resource") == lagging.logs.called("list_tags_for_resource") == []


@pytest.mark.parametrize("owner", [None, "other", OURS])
def test_status_and_doctor_read_no_rows_on_the_listings_word(owner: str | None) -> None:
    lagging = LaggingTags(owner)
    made = plans.up(lagging.stack)
    assert (ownership.table_among(lagging.stack, made.live) is not None) == (owner == OURS)
    confirmed = Watch(lagging.stack)._confirmed(made)
    assert (ownership.foreign_table(lagging.stack, confirmed.live) is None) == (owner == OURS)
    asked = len(lagging.dynamodb.called("list_tags_of_resource"))
    assert (ownership.table_among(lagging.stack, confirmed.live) is not None) == (owner == OURS)
    assert len(lagging.dynamodb.called("list_tags_of_resource")) == asked, "a plan is confirmed once"
