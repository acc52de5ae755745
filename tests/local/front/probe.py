"""A function that reports every event to the test and does what the client asks of it.

A handshake asks in its query, a message in its JSON body: `sleep` seconds, `raise` an error, `post` a text to this
connection, answer with `status`, `body` (so many `times`) or a `subprotocol`, or `return` anything at all.
"""

import json
import os
import time
import urllib.request
from typing import Any

import boto3
from botocore.config import Config

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def handler(event: Any, context: object) -> Any:
    at = event["requestContext"]
    orders = ordered(event)
    print(f"probe {at['eventType']}")
    time.sleep(float(orders.get("sleep", 0)))
    posted = post(at["connectionId"], orders["post"]) if "post" in orders else None
    report({"event": event, "posted": posted, "keys": [os.environ.get(name) for name in KEYS]})
    if "raise" in orders:
        raise RuntimeError(orders["raise"])
    if "return" in orders:
        return orders["return"]
    answer: dict[str, Any] = {"statusCode": int(orders.get("status", 200))}
    if "body" in orders:
        answer["body"] = orders["body"] * int(orders.get("times", 1))
    if "subprotocol" in orders:
        answer["headers"] = {"Sec-WebSocket-Protocol": orders["subprotocol"]}
    return answer


def ordered(event: Any) -> dict[str, Any]:
    """What the client asks for; nothing in a message that is not a JSON object."""
    if event["requestContext"]["eventType"] == "CONNECT":
        return event.get("queryStringParameters") or {}
    try:
        orders = json.loads(event.get("body") or "null")
    except ValueError:
        orders = None
    return orders if isinstance(orders, dict) else {}


def post(connection_id: str, text: str) -> int:
    """The status of a post to a connection."""
    client = boto3.client("apigatewaymanagementapi", config=Config(retries={"total_max_attempts": 1}))
    try:
        answer = client.post_to_connection(ConnectionId=connection_id, Data=text.encode())
    except client.exceptions.ClientError as error:
        answer = error.response
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def report(what: object) -> None:
    request = urllib.request.Request(os.environ["SINK_URL"], json.dumps(what).encode(), method="POST")
    urllib.request.urlopen(request, timeout=5).close()
