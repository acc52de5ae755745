"""What earlier configs left."""

from __future__ import annotations

from typing import Any

import pytest

from chatops import leftovers

from .resources.stand import REGION, Scripted, ScriptedAws
from .stacks import API, stack

pytestmark = pytest.mark.usefixtures("folder")


def leavings(text: str, *arns: str, roles: tuple[str, ...] = (), apis: tuple[dict[str, Any], ...] = ()) -> set[str]:
    """What is left over, when these carry the stack's tag."""
    aws = ScriptedAws(
        resourcegroupstaggingapi=Scripted(
            get_resources={"ResourceTagMappingList": [{"ResourceARN": arn} for arn in arns]}
        ),
        iam=Scripted(list_roles={"Roles": [{"RoleName": name} for name in roles]}),
        apigatewayv2=Scripted(get_apis={"Items": list(apis)}),
    )
    return {resource.name for resource in leftovers.find(stack(text, aws))}


def test_what_is_tagged_and_no_longer_in_the_config_is_left_over() -> None:
    arn = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
    found = leavings(
        "",
        arn.format("dynamodb", "table/old-table"),
        arn.format("lambda", "function:old"),
        arn.format("logs", "log-group:/aws/lambda/old"),
        arn.format("s3", "bucket"),
        roles=(f"old-{REGION}",),
        apis=({**API, "Name": "old-api"}, {**API, "Name": "old-page", "ProtocolType": "HTTP"}),
    )
    assert found >= {
        "table.old-table",
        "function.old",
        "log_group./aws/lambda/old",
        f"role.old-{REGION}",
        "websocket_api.old-api",
        "http_api.old-page",
    }
    assert all("old" in name for name in found)


def test_a_function_is_left_over_with_its_role_and_log_group_whichever_of_them_is_found() -> None:
    arn = f"arn:aws:lambda:{REGION}:123456789012:function:old"
    all_three = {"function.old", "log_group./aws/lambda/old", f"role.old-{REGION}"}
    assert leavings("", arn) == leavings("", roles=(f"old-{REGION}",)) == all_three


def test_what_is_in_the_config_is_not_left_over() -> None:
    arn = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
    assert not leavings(
        "",
        arn.format("dynamodb", "table/websocket-connections"),
        arn.format("lambda", "function:websocket-send"),
        arn.format("logs", "log-group:/aws/lambda/websocket-send:*"),
        roles=(f"websocket-send-{REGION}",),
        apis=(API,),
    )


def test_an_api_of_another_stack_is_not_left_over() -> None:
    other = {"chatops:stack": "other"}
    assert not leavings("", apis=({**API, "Name": "x", "Tags": other}, {**API, "Name": "y", "Tags": {}}))
