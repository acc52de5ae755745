"""The chat as AWS Chalice has it: a role and a function for each WebSocket event.

It has less to make than ours: Chalice makes no table, and no log groups. The two pages are left out, for Chalice would
make a REST API of them by importing an OpenAPI document, which the local AWS does not know.
"""

# mypy: ignore-errors
import os

import boto3
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name="chat")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
table = boto3.resource("dynamodb").Table(os.environ.get("WEBSOCKET_TABLE", "websocket-connections"))


@app.on_ws_connect()
def connect(event):
    """Remembers the connection."""
    table.put_item(Item={"connectionId": event.connection_id})


@app.on_ws_disconnect()
def disconnect(event):
    """Forgets the connection."""
    table.delete_item(Key={"connectionId": event.connection_id})


@app.on_ws_message()
def message(event):
    """Posts the message to every connection."""
    pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name)
    for one in (row["connectionId"] for page in pages for row in page["Items"]):
        try:
            app.websocket_api.send(one, event.json_body["message"])
        except WebsocketDisconnectedError:
            table.delete_item(Key={"connectionId": one})
