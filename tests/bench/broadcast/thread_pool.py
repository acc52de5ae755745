"""A send function as one would write it next: boto3, 32 posts at a time."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

dynamodb = boto3.client("dynamodb")
client = boto3.client("apigatewaymanagementapi", config=Config(max_pool_connections=32))


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    message = json.loads(event["body"])["message"].encode()
    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(lambda connection_id: post(connection_id, message), connection_ids()):
            pass
    return {"statusCode": 200}


def connection_ids() -> Iterator[str]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=os.environ["WEBSOCKET_TABLE"]):
        for item in page["Items"]:
            yield item["connectionId"]["S"]


def post(connection_id: str, message: bytes) -> None:
    try:
        client.post_to_connection(ConnectionId=connection_id, Data=message)
    except Exception as error:
        print(error)
