"""Who may invoke a function: the statements of its resource policy that are about an API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..aws import Aws, absent_is_fine, existing_is_fine
from ..deploy.resource import progress

GATEWAY = "apigateway.amazonaws.com"
GRANT = {"Action": "lambda:InvokeFunction", "Principal": GATEWAY}
"""What an API is let do; the SourceArn beside it says which one."""


def statements(aws: Aws, function: str, api_id: str) -> list[Any]:
    """The statements of a function's policy that let this API, or any, invoke it."""
    with absent_is_fine():
        policy = json.loads(aws.client("lambda").get_policy(FunctionName=function)["Policy"])
        return [
            one
            for one in policy["Statement"]
            if GATEWAY in json.dumps(one.get("Principal"))
            and (f":{api_id}/" in source(one) or ":execute-api:" not in source(one))
        ]
    return []


def source(statement: Any) -> str:
    """The SourceArn of a statement, or `*` for one that lets any API in."""
    for operator in ("ArnLike", "ArnEquals", "StringLike", "StringEquals"):
        for key, value in statement.get("Condition", {}).get(operator, {}).items():
            if key.lower() == "aws:sourcearn":
                return str(value)
    return "*"


def permit(aws: Aws, function: str, wanted: Sequence[str], live: Sequence[Any]) -> None:
    """Lets exactly the `wanted` routes, each named by its SourceArn, invoke a function; `live` are its statements now.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    client = aws.client("lambda")
    sources = {source(one) for one in live}
    for arn in wanted:
        if arn not in sources:
            with existing_is_fine():
                statement_id = "chatops-" + hashlib.sha256(arn.encode()).hexdigest()[:24]
                what = {"StatementId": statement_id, "SourceArn": arn, **GRANT}
                aws.when_free(partial(client.add_permission, FunctionName=function, **what), progress)
    for statement in live:
        if source(statement) not in wanted:
            with absent_is_fine():
                sid = statement["Sid"]
                aws.when_free(partial(client.remove_permission, FunctionName=function, StatementId=sid), progress)
