"""Whether the caller may do what chatops does, by what IAM says of it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from chatops.aws import Aws
from chatops.ops.doctor import examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import REGION
from .breakages import WARNING, bad

pytestmark = pytest.mark.e2e


def user(aws: Aws, *actions: str) -> Aws:
    """AWS as a new IAM user sees it, who may do only this."""
    iam = aws.client("iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        for one in iam.list_access_keys(UserName="operator")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="operator", AccessKeyId=one["AccessKeyId"])
        iam.delete_user_policy(UserName="operator", PolicyName="own")
        iam.delete_user(UserName="operator")
    iam.create_user(UserName="operator")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="operator", PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    return Aws(REGION, endpoint_url=aws.endpoint_url, keys=(key["AccessKeyId"], key["SecretAccessKey"]))


@pytest.mark.slow
def test_an_operator_who_may_do_everything_is_told_so(stack: Stack) -> None:
    other = Stack(stack.config, user(stack.aws, "*"))
    diagnosis = examine(lambda: other)
    assert bad(diagnosis) == []
    assert "The permissions are complete" in [one.what for one in diagnosis.of(Severity.OK)]


def test_the_actions_that_an_operator_lacks_are_named_with_what_needs_them(stack: Stack) -> None:
    allowed = [
        f"{one}:*"
        for one in [
            "iam",
            "logs",
            "apigateway",
            "tag",
            "cloudwatch",
            "execute-api",
            "sts",
            "dynamodb",
            "account",
            "servicequotas",
        ]
    ]
    other = Stack(stack.config, user(stack.aws, *allowed, "lambda:Get*", "lambda:List*"))
    (found,) = bad(examine(lambda: other))
    assert found.severity is WARNING, "who only watches needs few of them"
    assert found.what == "These credentials do not suffice for up, plan, down"
    assert "lambda:CreateFunction" in found.why and "lambda:GetFunction," not in found.why
    assert found.hint == "chatops policy --for deploy"


@pytest.mark.slow
def test_who_may_not_simulate_is_told_plainly_and_no_more(stack: Stack) -> None:
    other = Stack(stack.config, user(stack.aws, "sts:*", "apigateway:GET", "tag:GetResources", "iam:ListRoles"))
    diagnosis = examine(lambda: other)
    assert diagnosis.is_ok
    (found,) = (one for one in diagnosis.findings if one.what.startswith("The permissions"))
    assert (found.severity, found.what) == (Severity.INFO, "The permissions could not be checked")
    assert "SimulatePrincipalPolicy" in found.why
