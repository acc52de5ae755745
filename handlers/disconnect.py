"""The `$disconnect` route: forgets who has left.

The connection is closed already, so nobody reads the answer, and API Gateway does not promise to call at all:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
A row that this function misses is deleted by the next broadcast, or by the table's time to live.
"""

import json
import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE = os.environ["WEBSOCKET_TABLE"]
KEY = os.environ.get("TABLE_KEY", "connectionId")

dynamodb = boto3.client("dynamodb", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard"}))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Deletes the connection's row; that there is none is fine."""
    try:
        request = event["requestContext"]
        connection_id = request["connectionId"]
        if not isinstance(connection_id, str) or not connection_id:
            raise TypeError("connectionId is not an id")
        connection_id.encode()
    except (KeyError, TypeError, ValueError):
        log("refused", error="BadEvent", hint="This is no $disconnect of a WebSocket API; close a connection to one.")
        return {"statusCode": 400}
    try:
        dynamodb.delete_item(TableName=TABLE, Key={KEY: {"S": connection_id}})
    except (BotoCoreError, ClientError) as error:
        log("disconnect_failed", connectionId=connection_id, error=str(error))
        return {"statusCode": 500}
    names = {"disconnectStatusCode": "code", "disconnectReason": "reason"}
    known = {names[key]: request[key] for key in names if isinstance(request.get(key), (int, str))}
    log("disconnected", connectionId=connection_id, **known)
    return {"statusCode": 200}


def log(event: str, **fields: object) -> None:
    """One JSON object per line, which CloudWatch Logs Insights reads as fields."""
    print(json.dumps({"event": event, **fields}))
