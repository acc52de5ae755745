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
LONGEST_INVITE = 7 * 24 * 60 * 60
"""Seconds: the most that X-Amz-Expires may say.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""
LATEST_TIME = 253402300799999
"""Milliseconds since 1970 at the end of the year 9999, the last that a date can hold."""

dynamodb = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard"}))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Stores the connection, with the time it was made and the time after which its row is worthless."""
    try:
        connection_id, connected = connection_in(event)
        headers, query = mapping_in(event, "headers"), mapping_in(event, "queryStringParameters")
    except (KeyError, TypeError, ValueError):
        log("refused", error="BadEvent", hint="This is no $connect of a WebSocket API; open a connection to one.")
        return {"statusCode": 400}
    if not is_allowed(headers):
        log("refused", connectionId=connection_id, error="OriginNotAllowed")
        return {"statusCode": 403}
    if has_ended(query):
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


def connection_in(event: dict[str, Any]) -> tuple[str, float]:
    """Return the connection's id, and when it was made, in seconds.

    Raises KeyError, TypeError or ValueError for an event that no WebSocket API sends.
    """
    request = event["requestContext"]
    connection_id, milliseconds = request["connectionId"], request.get("connectedAt", time.time() * 1000)
    if not isinstance(connection_id, str) or not (connection_id.isascii() and connection_id.isprintable()):
        raise ValueError("connectionId is not an id")
    if not connection_id or isinstance(milliseconds, bool) or not 0 <= milliseconds <= LATEST_TIME:
        raise ValueError("connectionId is empty, or connectedAt is not a time")
    return connection_id, milliseconds / 1000


def mapping_in(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a mapping of the event, which is null or missing when it is empty. Raises TypeError for anything else."""
    value = event.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{name} is not a mapping")
    return value


def is_allowed(headers: dict[str, Any]) -> bool:
    """Whether the page that opens the connection may. Only browsers send an Origin; wscat and servers do not."""
    origins = [value for name, value in headers.items() if name.lower() == "origin"]
    return not ALLOWED_ORIGINS or all(isinstance(one, str) and one in ALLOWED_ORIGINS for one in origins)


def has_ended(query: dict[str, Any]) -> bool:
    """Whether the signed address that was used is older than it says it may be.

    API Gateway checks the signature, and so that nothing in the address was altered, but was seen to take every
    signature for five minutes, whatever its X-Amz-Expires says: https://stackoverflow.com/q/66961500
    """
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z").timestamp()
        # However many digits it has: no signature is good for longer.
        lifetime = min(int(query["X-Amz-Expires"]), LONGEST_INVITE)
    except (KeyError, TypeError, ValueError, OverflowError):
        return False
    return time.time() > signed + lifetime


def iso8601(seconds: float) -> str:
    """The time in UTC, with milliseconds: `2025-01-31T09:30:00.125Z`."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
