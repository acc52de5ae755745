"""The `sendMessage` and `$default` routes: posts a message to everybody who is connected.

A message route answers nobody by returning; it posts to connections, the sender's among them:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE = os.environ["WEBSOCKET_TABLE"]
KEY = os.environ.get("TABLE_KEY", "connectionId")
MAX_MESSAGE_BYTES = int(os.environ.get("MAX_MESSAGE_BYTES", "131072"))
EXPECTED = 'Send {"action":"sendMessage","message":"your text"}.'

config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard"}, max_pool_connections=32)
dynamodb = boto3.client("dynamodb", config=config)


class Unusable(ValueError):
    """A client's message that is not broadcast: its code and a sentence about what is expected."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Broadcasts the message in the event, answers a ping, or tells the sender what is expected."""
    request = event["requestContext"]
    sender = request["connectionId"]
    post = connections(endpoint(request)).post_to_connection
    try:
        if event.get("body") == "ping":
            post(ConnectionId=sender, Data=b"pong")
            log("ping", connectionId=sender)
        else:
            broadcast(message_in(event), sender, post)
    except Unusable as unusable:
        code, expected = unusable.args
        log("refused", connectionId=sender, error=code)
        frame = {"error": code, "message": expected, "requestId": request.get("requestId")}
        deliver(sender, json.dumps(frame).encode(), post)
    return {"statusCode": 200}


def message_in(event: dict[str, Any]) -> bytes:
    """The text to broadcast, in UTF-8; Unusable when the client sent anything else."""
    if event.get("isBase64Encoded"):
        raise Unusable("BinaryMessage", f"A binary frame is not supported. {EXPECTED}")
    try:
        body = json.loads(event.get("body") or "")
    except (ValueError, RecursionError):
        raise Unusable("InvalidJson", f"The message is not JSON. {EXPECTED}") from None
    if not isinstance(body, dict):
        raise Unusable("InvalidJson", f"The message is not a JSON object. {EXPECTED}")
    if event["requestContext"].get("routeKey") == "$default" and body.get("action") != "sendMessage":
        raise Unusable("UnknownAction", f"There is no such action. {EXPECTED}")
    text = body.get("message")
    if text is None:
        raise Unusable("MissingMessage", f'There is no "message". {EXPECTED}')
    if not isinstance(text, str):
        raise Unusable("MessageNotText", f'"message" is not a text. {EXPECTED}')
    try:
        message = text.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair, "\ud800", which is no character
        raise Unusable("MessageNotText", f'"message" is not valid Unicode. {EXPECTED}') from None
    if not message:
        raise Unusable("EmptyMessage", f'"message" is empty. {EXPECTED}')
    if len(message) > MAX_MESSAGE_BYTES:
        raise Unusable("MessageTooLarge", f'"message" may have {MAX_MESSAGE_BYTES} bytes in UTF-8, not {len(message)}.')
    return message


def broadcast(message: bytes, sender: str, post: Any) -> None:
    """Posts the message to every connection in the table, the sender's included."""
    began = time.monotonic()
    log("message", connectionId=sender, bytes=len(message))
    with ThreadPoolExecutor(32) as pool:
        outcomes = Counter(pool.map(lambda connection_id: deliver(connection_id, message, post), connection_ids()))
    counts = {outcome: outcomes[outcome] for outcome in ("sent", "gone", "failed")}
    log("broadcast", connectionId=sender, **counts, milliseconds=round((time.monotonic() - began) * 1000))


def connection_ids() -> Iterator[str]:
    """Every connection in the table that has not expired; a page of a scan holds at most 1 MB of them."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=TABLE):
        for row in page["Items"]:
            if int(row.get("expiresAt", {"N": str(2**63)})["N"]) > time.time():
                yield row[KEY]["S"]


def deliver(connection_id: str, data: bytes, post: Any) -> str:
    """Posts to one connection, and deletes its row if it is gone. Returns sent, gone or failed; never raises."""
    try:
        post(ConnectionId=connection_id, Data=data)
        return "sent"
    except (BotoCoreError, ClientError) as error:
        # A 410 is a GoneException only if API Gateway says so in a header, which it does not always do.
        status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status != 410:
            log("post_failed", connectionId=connection_id, status=status, error=str(error))
            return "failed"
    try:
        dynamodb.delete_item(TableName=TABLE, Key={KEY: {"S": connection_id}})
    except (BotoCoreError, ClientError) as error:
        log("delete_failed", connectionId=connection_id, error=str(error))
    return "gone"


def endpoint(request: dict[str, Any]) -> str | None:
    """Where this API takes posts. None leaves it to boto3's AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.

    Not requestContext.domainName, which is another name behind a custom domain.
    """
    if os.environ.get("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"):
        return None
    region = os.environ["AWS_REGION"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{request['apiId']}.execute-api.{region}.{suffix}/{request['stage']}"


@cache
def connections(endpoint_url: str | None) -> Any:
    """The client that posts to connections, made once per process."""
    return boto3.client("apigatewaymanagementapi", endpoint_url=endpoint_url, config=config)


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
