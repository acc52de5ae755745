"""Finding a stack: in every region, by its tag or its names, whatever some regions answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chatops.aws import STACK_TAG, Aws
from chatops.commands import diagnose, operate
from chatops.ops.find import find, regions

from ..admin import reset
from .stand_ins import KEYS, REGION, SMALL, Answer, Proxy, proxy_before, stack_of, up

ELSEWHERE = "eu-west-1"
pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(ministack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr("chatops.aws.RATES", {})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("COLUMNS", "80")
    reset(ministack)
    with proxy_before(ministack) as one:
        # Three regions are enough to tell, and far faster to ask than thirty.
        one.rules.append(
            lambda request: _regions(REGION, ELSEWHERE, "us-east-1") if request.path == "/listRegions" else None
        )
        yield one


@pytest.fixture
def aws(proxy: Proxy) -> Aws:
    return Aws(REGION, endpoint_url=proxy.url, keys=KEYS)


def _regions(*enabled: str, **others: str) -> Answer:
    status = {**dict.fromkeys(enabled, "ENABLED_BY_DEFAULT"), **{k.replace("_", "-"): v for k, v in others.items()}}
    listed = [{"RegionName": name, "RegionOptStatus": one} for name, one in status.items()]
    return Answer(200, json.dumps({"Regions": listed}), {"content-type": "application/json"})


def run(proxy: Proxy, folder: Path, *arguments: str) -> Result:
    where = ["--endpoint-url", proxy.url, "--config", str(folder / "config.yaml")]
    return CliRunner().invoke(diagnose.app, ["find", *where, *arguments])


def states(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {one["region"]: one["state"] for one in json.loads(result.stdout)["regions"]}


def make_table(aws: Aws, name: str = "websocket-connections", **tags: str) -> None:
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


@pytest.mark.slow
def test_a_stack_is_found_in_the_region_where_it_is_and_not_in_the_others(aws: Aws, tmp_path: Path) -> None:
    stack = up(stack_of(tmp_path, aws.elsewhere(ELSEWHERE)))
    places = {one.region: one for one in find(aws, stack.config)}
    assert {region: one.state for region, one in places.items()} == {
        REGION: "nothing",
        ELSEWHERE: "stack",
        "us-east-1": "nothing",
    }
    assert {
        "table.websocket-connections",
        "function.websocket-connect",
        "function.websocket-disconnect",
        "function.websocket-send",
        "websocket_api.websocket-api",
    } <= set(places[ELSEWHERE].owned)


def counted(proxy: Proxy, folder: Path, region: str) -> tuple[list[str], list[str]]:
    """The resources that `find` counts in a region, and those that `status` counts there and has not missing."""
    places = json.loads(run(proxy, folder, "--json").stdout)["regions"]
    where = ["--endpoint-url", proxy.url, "--config", str(folder / "config.yaml"), "--region", region, "--json"]
    shown = json.loads(CliRunner().invoke(operate.app, ["status", *where]).stdout)["resources"]
    found = next(one["owned"] for one in places if one["region"] == region)
    return found, sorted(one["name"] for one in shown if one["state"] != "missing")


@pytest.mark.slow
def test_find_and_status_count_the_same_resources(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = up(stack_of(tmp_path, aws.elsewhere(ELSEWHERE), ""))
    found, shown = counted(proxy, tmp_path, ELSEWHERE)
    assert found == shown == sorted(one.name for one in stack.resources)
    aws.elsewhere(ELSEWHERE).client("logs").delete_log_group(logGroupName="/aws/lambda/websocket-send")
    stack_of(tmp_path, aws, SMALL)
    found, shown = counted(proxy, tmp_path, ELSEWHERE)
    assert found == shown
    assert "function.aws-gateway-lambda" in found, "an earlier config's"
    assert "log_group./aws/lambda/websocket-send" not in found


@pytest.mark.slow
def test_where_not_every_resource_may_be_read_those_that_are_known_are_counted(
    proxy: Proxy, aws: Aws, tmp_path: Path
) -> None:
    up(stack_of(tmp_path, aws))
    proxy.refuse(lambda one: one.operation == "GetRole", "AccessDenied", "no", 403)
    (place,) = (one for one in json.loads(run(proxy, tmp_path, "--json").stdout)["regions"] if one["state"] == "stack")
    assert {"table.websocket-connections", "function.websocket-send"} <= set(place["owned"])


def test_what_carries_the_tag_is_found_under_a_name_that_the_config_no_longer_has(aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    make_table(aws.elsewhere(ELSEWHERE), "an-earlier-name", **{STACK_TAG: "websocket-chat"})
    (place,) = (one for one in find(aws, stack.config) if one.state == "stack")
    assert (place.region, place.owned) == (ELSEWHERE, ("table.an-earlier-name",))


@pytest.mark.slow
def test_a_twin_made_by_hand_is_told_from_the_stack(aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    make_table(aws.elsewhere(ELSEWHERE))
    aws.elsewhere(ELSEWHERE).client("apigatewayv2").create_api(
        Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    (place,) = (one for one in find(aws, stack.config) if one.state != "nothing")
    assert (place.region, place.state, place.owned) == (ELSEWHERE, "twin", ())
    assert {(one.name, one.owner) for one in place.strangers} == {
        ("table.websocket-connections", None),
        ("websocket_api.websocket-api", None),
    }


@pytest.mark.slow
def test_a_twin_beside_the_stack_hides_neither(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack = up(stack_of(tmp_path, aws))
    aws.client("apigatewayv2").create_api(
        Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    (place,) = (one for one in find(aws, stack.config) if one.state != "nothing")
    assert "websocket_api.websocket-api" in place.owned
    assert [(one.name, one.owner) for one in place.strangers] == [("websocket_api.websocket-api", None)]


def test_a_role_that_outlived_its_stack_is_found_in_the_region_of_its_path(aws: Aws, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, aws)
    for name, path in {
        "send-eu-west-1": "/chatops/eu-west-1/websocket-chat/",
        "other-stack": "/chatops/eu-west-1/other/",
        "nobodys": "/",
    }.items():
        aws.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument="{}")
    (place,) = (one for one in find(aws, stack.config) if one.state != "nothing")
    assert (place.region, place.owned) == ("eu-west-1", ("role.send-eu-west-1",))


@pytest.mark.slow
def test_who_may_not_list_roles_still_finds_the_rest(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    up(stack_of(tmp_path, aws))
    proxy.refuse(lambda one: one.operation == "ListRoles", "AccessDenied", "no", 403)
    assert states(run(proxy, tmp_path, "--region", REGION, "--json"))[REGION] == "stack"


def test_an_http_api_with_the_chats_name_is_no_twin(aws: Aws, tmp_path: Path) -> None:
    aws.client("apigatewayv2").create_api(Name="websocket-api", ProtocolType="HTTP")
    assert {one.state for one in find(aws, stack_of(tmp_path, aws).config)} == {"nothing"}


def test_our_names_in_another_stacks_hands_are_told_with_their_owner(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack_of(tmp_path, aws)
    make_table(aws, **{STACK_TAG: "somebody-else"})
    shown = run(proxy, tmp_path, "--region", REGION)
    assert shown.exit_code == 0, shown.output
    assert "table.websocket-connections: the stack somebody-else" in shown.stdout


@pytest.mark.parametrize(
    ("code", "status", "state"),
    [
        ("AccessDeniedException", 403, "refused"),
        ("UnrecognizedClientException", 400, "disabled"),
        ("OptInRequired", 403, "disabled"),
    ],
)
@pytest.mark.slow
def test_a_region_that_refuses_is_told_and_the_others_are_searched(
    proxy: Proxy, aws: Aws, tmp_path: Path, code: str, status: int, state: str
) -> None:
    up(stack_of(tmp_path, aws))
    proxy.refuse(lambda one: one.region == ELSEWHERE, code, "not here", status)
    assert states(run(proxy, tmp_path, "--region", REGION, "--json")) == {
        REGION: "stack",
        ELSEWHERE: state,
        "us-east-1": "nothing",
    }


def test_regions_that_the_account_has_not_enabled_are_not_asked(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack_of(tmp_path, aws)
    proxy.rules.insert(
        0,
        lambda one: (
            _regions(REGION, af_south_1="DISABLED", me_south_1="ENABLING") if "listRegions" in one.path else None
        ),
    )
    found = states(run(proxy, tmp_path, "--region", REGION, "--json"))
    assert found == {REGION: "nothing", "af-south-1": "disabled", "me-south-1": "disabled"}
    assert {one.region for one in proxy.seen if one.service in ("lambda", "dynamodb")} == {REGION}


def test_without_the_permission_to_list_regions_all_that_botocore_knows_are_asked(proxy: Proxy, aws: Aws) -> None:
    proxy.rules.insert(0, lambda one: Answer(403, "{}") if "listRegions" in one.path else None)
    enabled, disabled = regions(aws)
    assert {REGION, ELSEWHERE, "us-east-1"} < set(enabled)
    assert len(enabled) > 15
    assert disabled == []


def test_when_every_region_refuses_it_fails(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack_of(tmp_path, aws)
    proxy.refuse(lambda one: one.service not in ("sts", "account"), "AccessDeniedException", "no", 403)
    assert run(proxy, tmp_path, "--region", REGION).exit_code == 1


@pytest.mark.slow
def test_it_says_which_region_is_meant_and_where_to_go(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    up(stack_of(tmp_path, aws.elsewhere(ELSEWHERE)))
    shown = run(proxy, tmp_path, "--region", REGION)
    lines = {line.split()[1]: line for line in shown.stdout.splitlines() if "  " in line}
    assert "nothing" in lines[REGION] and "meant" in lines[REGION]
    assert "resources of the stack" in lines[ELSEWHERE] and "meant" not in lines[ELSEWHERE]
    assert f"chatops status --region {ELSEWHERE}" in shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout


@pytest.mark.slow
def test_no_region_is_needed_to_look_in_all_of_them(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    up(stack_of(tmp_path, aws.elsewhere(ELSEWHERE)))
    shown = run(proxy, tmp_path)
    assert shown.exit_code == 0, shown.output
    assert ELSEWHERE in shown.stdout
    assert "No region is chosen" in shown.stderr
    document: dict[str, Any] = json.loads(run(proxy, tmp_path, "--json").stdout)
    assert document["region"] is None
    assert not any(one["meant"] for one in document["regions"])


def test_a_misspelt_region_is_still_wrong_usage(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack_of(tmp_path, aws)
    assert run(proxy, tmp_path, "--region", "ap-notheast-2").exit_code == 2


def test_wrong_credentials_end_the_search(proxy: Proxy, aws: Aws, tmp_path: Path) -> None:
    stack_of(tmp_path, aws)
    proxy.refuse(lambda one: one.service == "sts", "InvalidClientTokenId", "the token is invalid", 403)
    shown = run(proxy, tmp_path, "--region", REGION)
    assert shown.exit_code == 1
    assert "InvalidClientTokenId" in shown.stderr
    assert not [one for one in proxy.seen if one.service == "lambda"]
