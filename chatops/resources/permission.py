"""Who may invoke a function: the statements of its resource policy that are about an API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from ..aws import Aws
from ..aws.refusal import absent_is_fine, existing_is_fine, is_busy
from ..deploy.resource import progress

GATEWAY = "apigateway.amazonaws.com"
GRANT = {"Action": "lambda:InvokeFunction", "Principal": GATEWAY}
"""What an API is let do; the SourceArn beside it says which one."""


def statements(aws: Aws, function: str, api_id: str) -> list[Any]:
    """The statements of a function's policy that let this API, or any, invoke it."""
    with absent_is_fine():
        policy = json.loads(aws.client("lambda").get_policy(FunctionName=function)["Policy"])
        return [
            one for one in policy["Statement"] if GATEWAY in json.dumps(one.get("Principal")) and _is_about(one, api_id)
        ]
    return []


def is_only_about(statement: Any, api_id: str) -> bool:
    """Whether a statement names this API by its id, and no other.

    Any other statement of a function that is not the stack's may be what lets someone else's API in.
    """
    return all(":execute-api:" in one and _api_in(one) == api_id for one in _sources(statement))


def _is_about(statement: Any, api_id: str) -> bool:
    """Whether a statement lets this API in, alone or with others: its API may be a pattern such as `*`."""
    return any(":execute-api:" not in one or fnmatchcase(api_id, _api_in(one)) for one in _sources(statement))


def _api_in(source: str) -> str:
    """The id of the API in a SourceArn, or the pattern in its place."""
    return ("".join(source.split(":", 5)[5:]) or "*").split("/")[0]


def source(statement: Any) -> str:
    """The SourceArn of a statement, or `*` for one that lets any API in."""
    return ",".join(_sources(statement))


def _sources(statement: Any) -> list[str]:
    for operator in ("ArnLike", "ArnEquals", "StringLike", "StringEquals"):
        for key, value in statement.get("Condition", {}).get(operator, {}).items():
            if key.lower() == "aws:sourcearn":
                return [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return ["*"]


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
                _when_free(aws, partial(client.add_permission, FunctionName=function, **what))
    for statement in live:
        if source(statement) not in wanted:
            with absent_is_fine():
                sid = statement["Sid"]
                _when_free(aws, partial(client.remove_permission, FunctionName=function, StatementId=sid))


def _when_free(aws: Aws, call: Callable[[], Any]) -> None:
    aws.retry(call, when=is_busy, say=progress, text="waiting for another change of the function to end")
