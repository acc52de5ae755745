"""The `sendMessage` and `$default` routes: posts a message to everybody who is connected.

What a message route returns reaches nobody; it posts to connections instead, the sender's among them:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import botocore.session
import message
from botocore.config import Config
from endpoint import Endpoint
from fanout import Failure, Outcome, Reader, only, post_to_all
from table import Table

LONGEST_RUN = 28.0
"""Seconds. API Gateway waits 29 for the function, and a part of these may have passed before it began."""
LOGGED = 20
"""How many failures of a kind have a line in the log each."""

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
    if not message.has_sender(event):
        log(
            "refused", error="BadEvent", hint="This is no message to a WebSocket API; send one, for example with wscat."
        )
        return {"statusCode": 400}
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
    """Posts the text to every connection, the sender's included, forgets those that are gone, and reports."""
    began = time.monotonic()
    log("message", connectionId=request["connectionId"], bytes=len(text))
    outcome = post(request, text, connections.read, ends)
    rows = connections.forget(outcome.gone, until=(time.monotonic() + ends) / 2)
    log_each("delete_failed", rows.failures)
    log(
        "broadcast",
        connectionId=request["connectionId"],
        sent=outcome.sent,
        gone=len(outcome.gone),
        failed=len(outcome.failed),
        retried=outcome.retried,
        unreached=outcome.unreached,
        deleted=rows.deleted,
        kept=rows.kept,
        milliseconds=round((time.monotonic() - began) * 1000),
        pages=outcome.pages,
    )
    if outcome.unreached or outcome.failed or outcome.interruption:
        code, sentence = shortfall(outcome)
        counts = {"unreached": outcome.unreached, "failed": len(outcome.failed)}
        reply(request, error_frame(request, code, sentence, **counts), ends)


def reply(request: dict[str, Any], frame: bytes, ends: float) -> None:
    """Posts a frame to the sender alone."""
    post(request, frame, only(request["connectionId"]), ends)


def post(request: dict[str, Any], data: bytes, read: Reader, ends: float) -> Outcome:
    """Posts to all that `read` finds, and logs what went wrong.

    `ends`, in seconds of the monotonic clock, is when all must be over: what is left then is left out.
    """
    seconds = 0.9 * (ends - time.monotonic())
    outcome = post_to_all(endpoint(endpoint_url(request)), data, read, seconds)
    log_each("post_failed", outcome.failed)
    if outcome.interruption:
        log("scan_failed", error=repr(outcome.interruption))
    if any(failure.status == 403 for failure in outcome.failed):
        log("forbidden", hint="Does the role allow execute-api:ManageConnections on POST/@connections/* here?")
    return outcome


def shortfall(outcome: Outcome) -> tuple[str, str]:
    """What the sender is told of a broadcast that did not reach everybody: a code and a sentence."""
    is_late = isinstance(outcome.interruption, TimeoutError)
    is_cut_off = outcome.interruption is not None and not is_late
    if is_cut_off and not outcome.pages:
        return "TableUnreadable", "The connections could not be read, so nobody got the message."
    sentences = []
    if outcome.unreached or is_late:
        number = f"At least {outcome.unreached}" if outcome.interruption else outcome.unreached
        sentences.append(f"{number} of the connections were not reached in time.")
    if outcome.failed:
        sentences.append(f"{len(outcome.failed)} of the connections did not take the message.")
    if is_cut_off:
        sentences.append("Further connections could not be read.")
    return "Incomplete", " ".join(sentences)


def error_frame(request: dict[str, Any], code: str, sentence: str, **details: object) -> bytes:
    """What a client gets instead of a broadcast."""
    request_id = request.get("requestId")
    request_id = request_id if isinstance(request_id, str) else None
    return json.dumps({"error": code, "message": sentence, **details, "requestId": request_id}).encode()


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


def log_each(event: str, failures: Sequence[Failure]) -> None:
    """Logs the first failures one by one, and counts the others by status, as they may be a hundred thousand."""
    for failure in failures[:LOGGED]:
        log(event, connectionId=failure.connection_id, status=failure.status, error=failure.error)
    others = Counter(str(failure.status) for failure in failures[LOGGED:])
    if others:
        log(event, others=others.total(), statuses=others)


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
