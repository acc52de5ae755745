"""The `$connect` route: remembers who is connected.

API Gateway holds the client's handshake until this function answers, and refuses it for any status outside 2xx:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
So a client that is let in is in the table, and a client that could not be stored is not let in.
"""

import json
import os
import time
from datetime import datetime, timezone
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE = os.environ["WEBSOCKET_TABLE"]
KEY = os.environ.get("TABLE_KEY", "connectionId")
ALLOWED_ORIGINS = {origin.strip() for origin in os.environ.get("ALLOWED_ORIGINS", "").split(",")} - {""}
LONGEST_LIFE = 2 * 60 * 60 + 5 * 60
"""Seconds until a row expires: API Gateway ends every connection after two hours; five minutes allow for clocks."""

dynamodb = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard"}))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Stores the connection, with the time it was made and the time after which its row is worthless."""
    try:
        request = event["requestContext"]
        connection_id = request["connectionId"]
        connected = request.get("connectedAt", time.time() * 1000) / 1000
    except (KeyError, TypeError):
        log("refused", error="BadEvent", hint="This is no $connect of a WebSocket API; open a connection to one.")
        return {"statusCode": 400}
    if not is_allowed(event.get("headers") or {}):
        log("refused", connectionId=connection_id, error="OriginNotAllowed")
        return {"statusCode": 403}
    if has_ended(event.get("queryStringParameters") or {}):
        log("refused", connectionId=connection_id, error="InviteEnded")
        return {"statusCode": 403}

    row = {
        KEY: {"S": connection_id},
        "connectedAt": {"S": iso8601(connected)},
        "expiresAt": {"N": str(int(connected) + LONGEST_LIFE)},
    }
    try:
        dynamodb.put_item(TableName=TABLE, Item=row)
    except (BotoCoreError, ClientError) as error:
        log("connect_failed", connectionId=connection_id, error=str(error))
        return {"statusCode": 500}
    log("connected", connectionId=connection_id)
    return {"statusCode": 200}


def is_allowed(headers: dict[str, str]) -> bool:
    """Whether the page that opens the connection may. Only browsers send an Origin; wscat and servers do not."""
    origins = {value for name, value in headers.items() if name.lower() == "origin"}
    return not ALLOWED_ORIGINS or origins <= ALLOWED_ORIGINS


def has_ended(query: dict[str, str]) -> bool:
    """Whether the signed address that was used is older than it says it may be.

    API Gateway checks the signature, and so that nothing in the address was altered, but was seen to take every
    signature for five minutes, whatever its X-Amz-Expires says: https://stackoverflow.com/q/66961500
    """
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
        return time.time() > signed.timestamp() + int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        return False


def iso8601(seconds: float) -> str:
    """The time in UTC, with milliseconds: `2025-01-31T09:30:00.125Z`."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
