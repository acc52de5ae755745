"""What holds for every kind of resource. A new kind is tested by being listed in `CASES`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

import chatops.resources
from chatops.aws import STACK_TAG, Aws
from chatops.deploy.plan import Action, Plan, differences
from chatops.deploy.resource import Live, Resource, sharing
from chatops.resources.api import HttpApi, WebSocketApi
from chatops.resources.function import Function
from chatops.resources.log_group import LogGroup
from chatops.resources.role import Role
from chatops.resources.stage import HttpStage, WebSocketStage
from chatops.resources.table import Table

from . import stand
from .stand import STACK, StandAws, carry_out, closure, down, live, plan, plan_to_delete, properties, stand_aws, up

BOTH, MINISTACK = ("moto", "ministack"), ("ministack",)


def no_time_to_live(aws: Aws, resource: Any) -> Resource:
    off = {"Enabled": False, "AttributeName": "expiresAt"}
    aws.client("dynamodb").update_time_to_live(TableName=resource.table, TimeToLiveSpecification=off)
    return resource  # type: ignore[no-any-return]


def a_duplicate(aws: Aws, resource: Any) -> Resource:
    aws.client("apigatewayv2").create_api(Name=resource.api, ProtocolType="HTTP", Tags={STACK_TAG: STACK})
    return resource  # type: ignore[no-any-return]


def with_fields(**fields: Any) -> Callable[[Aws, Any], Resource]:
    return lambda _, resource: replace(resource, **fields)


@dataclass(frozen=True)
class Case:
    """A kind, how to make one, where, how to change one property of it, and all paths that this changes."""

    kind: type[Resource]
    make: Callable[[], Resource]
    where: tuple[str, ...]
    change: Callable[[Aws, Any], Resource]
    paths: tuple[str, ...]


CASES = [
    Case(Table, stand.table, BOTH, no_time_to_live, ("time_to_live",)),
    Case(LogGroup, stand.log_group, BOTH, with_fields(retention=30), ("retention",)),
    Case(Role, stand.role, BOTH, with_fields(allow=("dynamodb:GetItem",)), ("policies.chatops.Statement",)),
    Case(Function, stand.function, BOTH, with_fields(memory=256), ("memory",)),
    Case(
        WebSocketApi, stand.websocket, MINISTACK, with_fields(route_selection="$request.body.x"), ("route_selection",)
    ),
    Case(HttpApi, stand.http, MINISTACK, a_duplicate, ("duplicates",)),
    Case(
        WebSocketStage,
        stand.websocket_stage,
        MINISTACK,
        lambda *_: stand.websocket_stage("more"),
        ("routes.more", "permissions.send", "stages.demo.deployment"),
    ),
    Case(
        HttpStage,
        stand.http_stage,
        MINISTACK,
        lambda *_: stand.http_stage("GET /more"),
        ("routes.GET /more", "permissions.send"),
    ),
]


def _everywhere(*marks: pytest.MarkDecorator) -> Iterator[Any]:
    for case in CASES:
        for where in case.where:
            local = (pytest.mark.e2e, *marks) if where == "ministack" else ()
            yield pytest.param(case, where, id=f"{case.kind.__name__}-{where}", marks=local)


every_kind = pytest.mark.parametrize(("case", "aws"), list(_everywhere()), indirect=["aws"])
killed = pytest.mark.parametrize(("case", "aws"), list(_everywhere(pytest.mark.slow)), indirect=["aws"])


@pytest.fixture
def aws(request: pytest.FixtureRequest) -> StandAws:
    """An empty AWS."""
    if request.param == "moto":
        request.getfixturevalue("moto")()
        return stand_aws()
    request.getfixturevalue("reset_ministack")()
    return stand_aws(request.getfixturevalue("ministack"))


def test_every_kind_is_listed_here() -> None:
    for module in pkgutil.iter_modules(chatops.resources.__path__):
        importlib.import_module(f"chatops.resources.{module.name}")
    kinds = sorted(one.__qualname__ for one in stand.walk_kinds())
    assert sorted(case.kind.__qualname__ for case in CASES) == kinds


@every_kind
def test_what_is_created_is_what_is_observed(case: Case, aws: StandAws) -> None:
    resource = case.make()
    assert live(aws, resource) is None
    outcome = up(aws, resource)
    assert outcome.done[resource.name] is Action.CREATE
    found = live(aws, resource)
    assert found
    assert found.properties == resource.desired(aws, lambda one: live(aws, one))
    assert found.owner == STACK


@every_kind
def test_a_glance_tells_whether_it_exists_and_whose_it_is(case: Case, aws: StandAws) -> None:
    resource = case.make()

    def glance() -> Live | None:
        with sharing(glance=True):
            return live(aws, resource)

    assert glance() is None
    up(aws, resource)
    found, whole = glance(), live(aws, resource)
    assert found and whole
    assert (found.owner, found.outputs) == (STACK, whole.outputs)
    assert found.properties.items() <= whole.properties.items()
    down(aws, resource)
    assert glance() is None


@every_kind
def test_the_second_plan_is_empty_and_a_second_run_changes_nothing(case: Case, aws: StandAws) -> None:
    resource = case.make()
    up(aws, resource)
    aws.calls.clear()
    again = plan(aws, resource)
    assert [step.action for step in again.steps] == [Action.KEEP] * len(again.steps)
    carry_out(aws, again)
    assert aws.calls == []


@every_kind
def test_a_change_of_one_property_changes_only_that(case: Case, aws: StandAws) -> None:
    resource = case.make()
    up(aws, resource)
    before = {one.name: properties(aws, one) for one in closure(resource)}
    changed = case.change(aws, resource)
    told = plan(aws, changed)
    paths = {step.name: sorted(change.path for change in step.changes) for step in told.steps if step.changes}
    assert paths == {resource.name: sorted(case.paths)}
    outcome = carry_out(aws, told)
    assert (outcome.failed, outcome.names(Action.UPDATE)) == ({}, [resource.name])
    assert plan(aws, changed).in_sync
    for one in closure(changed):
        differ = {change.path for change in differences(before[one.name], properties(aws, one))}
        assert differ <= (set(case.paths) if one.name == resource.name else set())


@every_kind
def test_what_is_deleted_is_gone_and_deleting_it_again_is_fine(case: Case, aws: StandAws) -> None:
    resource = case.make()
    up(aws, resource)
    seen = {one.name: live(aws, one) for one in closure(resource)}

    def look(one: Resource) -> Live | None:
        return seen[one.name]

    resource.delete(aws, look)
    assert live(aws, resource) is None
    resource.delete(aws, look)
    assert live(aws, resource) is None
    down(aws, resource)
    assert [live(aws, one) for one in closure(resource)] == [None] * len(seen)
    resource.delete(aws, look)


@every_kind
def test_creating_over_an_existing_one_is_fine(case: Case, aws: StandAws) -> None:
    resource = case.make()
    first = plan(aws, resource)
    assert not carry_out(aws, first).failed
    outcome = carry_out(aws, first)
    assert not outcome.failed
    assert outcome.done[resource.name] is Action.CREATE
    assert plan(aws, resource).in_sync


@every_kind
def test_one_that_nobody_owns_is_blocked_and_with_adopt_becomes_ours_as_it_should_be(case: Case, aws: StandAws) -> None:
    resource = case.make()
    up(aws, resource)
    _forget_the_tags(aws)
    assert resource.name in [step.name for step in plan(aws, resource).of(Action.BLOCKED)]
    outcome = up(aws, resource, adopt=True)
    assert resource.name in outcome.names(Action.ADOPT)
    assert plan(aws, resource).in_sync


@killed
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_creation_that_is_killed_at_any_call_is_finished_by_the_next_run(
    case: Case, aws: StandAws, moment: str
) -> None:
    resource = case.make()
    up(aws, *resource.dependencies)
    for number in count():
        aws.kill_at(number, moment)
        outcome = carry_out(aws, plan(aws, resource))
        if not aws.is_dead:
            assert number > 0
            break
        assert outcome.failed
        aws.kill_at(None)
        again = carry_out(aws, plan(aws, resource))
        assert not again.failed, f"killed {moment} call {number}"
        assert plan(aws, resource).in_sync
        carry_out(aws, only(resource, plan_to_delete(aws, resource)))
        assert live(aws, resource) is None


@killed
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_that_is_killed_at_any_call_is_finished_by_the_next_run(
    case: Case, aws: StandAws, moment: str
) -> None:
    resource = case.make()
    for number in count():
        up(aws, resource)
        aws.kill_at(number, moment)
        outcome = carry_out(aws, only(resource, plan_to_delete(aws, resource)))
        if not aws.is_dead:
            assert number > 0
            break
        assert outcome.failed
        aws.kill_at(None)
        again = carry_out(aws, only(resource, plan_to_delete(aws, resource)))
        assert not again.failed, f"killed {moment} call {number}"
        assert live(aws, resource) is None


def only(resource: Resource, plan: Plan) -> Plan:
    """The plan without the steps of what the resource needs."""
    return replace(plan, steps=tuple(step for step in plan.steps if step.name == resource.name))


def _forget_the_tags(aws: Aws) -> None:
    for one in aws.client("dynamodb").list_tables()["TableNames"]:
        arn = aws.arn("dynamodb", f"table/{one}")
        aws.client("dynamodb").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])
    for role in aws.pages("iam", "list_roles", "Roles"):
        aws.client("iam").untag_role(RoleName=role["RoleName"], TagKeys=[STACK_TAG])
    for function in aws.pages("lambda", "list_functions", "Functions"):
        aws.client("lambda").untag_resource(Resource=function["FunctionArn"], TagKeys=[STACK_TAG])
    for group in aws.pages("logs", "describe_log_groups", "logGroups"):
        arn = aws.arn("logs", f"log-group:{group['logGroupName']}")
        aws.client("logs").untag_resource(resourceArn=arn, tagKeys=[STACK_TAG])
    if aws.endpoint_url:
        for api in aws.pages("apigatewayv2", "get_apis", "Items"):
            arn = aws.arn("apigateway", f"/apis/{api['ApiId']}", account=False)
            aws.client("apigatewayv2").untag_resource(ResourceArn=arn, TagKeys=[STACK_TAG])
