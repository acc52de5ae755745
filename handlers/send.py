"""The `sendMessage` and `$default` routes: posts a message to everybody who is connected.

What a message route returns reaches nobody; it posts to connections instead, the sender's among them:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import os
import re
import time
from functools import cache
from typing import Any, Protocol

import botocore.session
import message
from botocore.config import Config
from endpoint import Endpoint
from fanout import Outcome, Reader, only, post_to_all
from table import Table

LONGEST_RUN = 28.0
"""Seconds. API Gateway waits 29 for the function, and a part of these may have passed before it began."""

session = botocore.session.get_session()
config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard"})
dynamodb = session.create_client("dynamodb", config=config)
connections = Table(dynamodb, os.environ["WEBSOCKET_TABLE"], os.environ.get("TABLE_KEY", "connectionId"))


class Context(Protocol):
    """What this function asks of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: dict[str, Any], context: Context) -> dict[str, int]:
    """Broadcasts the text in the event, answers a ping, or tells the sender what is expected."""
    ends = time.monotonic() + min(context.get_remaining_time_in_millis() / 1000, LONGEST_RUN)
    request = event["requestContext"]
    try:
        if message.is_ping(event):
            log("ping", connectionId=request["connectionId"])
            reply(request, b"pong", ends)
        else:
            broadcast(request, message.text_in(event), ends)
    except message.Refused as refused:
        log("refused", connectionId=request["connectionId"], error=refused.code)
        reply(request, error_frame(request, refused.code, str(refused)), ends)
    return {"statusCode": 200}


def broadcast(request: dict[str, Any], text: bytes, ends: float) -> None:
    """Posts the text to every connection, the sender's included, and reports."""
    began = time.monotonic()
    log("message", connectionId=request["connectionId"], bytes=len(text))
    outcome = post(request, text, connections.read, ends)
    log(
        "broadcast",
        connectionId=request["connectionId"],
        sent=outcome.sent,
        gone=len(outcome.gone),
        failed=len(outcome.failed),
        retried=outcome.retried,
        unreached=outcome.unreached,
        milliseconds=round((time.monotonic() - began) * 1000),
        pages=outcome.pages,
    )
    if outcome.unreached or outcome.interruption:
        number = f"At least {outcome.unreached}" if outcome.interruption else str(outcome.unreached)
        sentence = f"{number} of the connections were not reached in time."
        reply(request, error_frame(request, "Incomplete", sentence, unreached=outcome.unreached), ends)


def reply(request: dict[str, Any], frame: bytes, ends: float) -> None:
    """Posts a frame to the sender alone."""
    post(request, frame, only(request["connectionId"]), ends)


def post(request: dict[str, Any], data: bytes, read: Reader, ends: float) -> Outcome:
    """Posts to all that `read` finds, deletes the rows of those that are gone, and logs what went wrong.

    `ends`, in seconds of the monotonic clock, is when all must be over: what is left then is left out.
    """
    seconds = 0.9 * (ends - time.monotonic())
    outcome = post_to_all(endpoint(endpoint_url(request)), data, read, seconds)
    not_deleted = connections.forget(outcome.gone, until=(time.monotonic() + ends) / 2)
    for failure in outcome.failed:
        log("post_failed", connectionId=failure.connection_id, status=failure.status, error=failure.error)
    for connection_id, error in not_deleted.items():
        log("delete_failed", connectionId=connection_id, error=error)
    if outcome.interruption:
        log("scan_failed", error=repr(outcome.interruption))
    if any(failure.status == 403 for failure in outcome.failed):
        log("forbidden", hint="Does the role allow execute-api:ManageConnections on POST/@connections/* here?")
    return outcome


def error_frame(request: dict[str, Any], code: str, sentence: str, **details: object) -> bytes:
    """What a client gets instead of a broadcast."""
    return json.dumps({"error": code, "message": sentence, **details, "requestId": request.get("requestId")}).encode()


def endpoint_url(request: dict[str, Any]) -> str:
    """Where this API and stage take posts; not requestContext.domainName, which a custom domain changes."""
    redirected = os.environ.get("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")
    region = os.environ["AWS_REGION"]
    return redirected or f"https://{request['apiId']}.execute-api.{region}.{domain_suffix(region)}/{request['stage']}"


@cache
def endpoint(url: str) -> Endpoint:
    """The endpoint at this URL, with its HTTP connections, made once per process."""
    return Endpoint(url, session.get_credentials(), os.environ["AWS_REGION"])


@cache
def domain_suffix(region: str) -> str:
    """What ends the names of AWS's hosts in this region's partition: amazonaws.com, or amazonaws.com.cn, and so on."""
    partitions = session.get_data("partitions")["partitions"]
    suffixes = [one["outputs"]["dnsSuffix"] for one in partitions if re.match(one["regionRegex"], region)]
    return str(suffixes[0])


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
