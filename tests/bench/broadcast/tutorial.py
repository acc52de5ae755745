"""The tutorial's send function: one post after the other. Its clients are made once, which is more than it does."""

import json
import os
from typing import Any

import boto3

table = boto3.resource("dynamodb").Table(os.environ["WEBSOCKET_TABLE"])
client = boto3.client("apigatewaymanagementapi")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    message = json.loads(event["body"])["message"]
    page = table.scan()
    items = page["Items"]
    while "LastEvaluatedKey" in page:
        page = table.scan(ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    for item in items:
        try:
            client.post_to_connection(ConnectionId=item["connectionId"], Data=message.encode())
        except Exception as error:
            print(error)
    return {"statusCode": 200}
