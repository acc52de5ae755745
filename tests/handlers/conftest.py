"""What the handlers find around them: a table, and API Gateway."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest

from tests.handlers.api_gateway import ApiGateway

TABLE = "websocket-connections"


@pytest.fixture
def dynamodb(moto: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a DynamoDB that has the table of connections."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("WEBSOCKET_TABLE", TABLE)
    for name in ("TABLE_KEY", "ALLOWED_ORIGINS", "MAX_MESSAGE_BYTES", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
    )
    yield client
    moto()


@pytest.fixture
def rows(dynamodb: Any) -> Callable[[], dict[str, dict[str, Any]]]:
    """Reads the table: connection ids with their other attributes."""

    def read() -> dict[str, dict[str, Any]]:
        items = dynamodb.scan(TableName=TABLE)["Items"]
        return {item.pop("connectionId")["S"]: item for item in items}

    return read


@pytest.fixture
def put(dynamodb: Any) -> Callable[..., None]:
    """Puts rows without further attributes."""

    def put(*connection_ids: str) -> None:
        for connection_id in connection_ids:
            dynamodb.put_item(TableName=TABLE, Item={"connectionId": {"S": connection_id}})

    return put


@pytest.fixture
def cold_start(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a handler as Lambda does in a new process, with the environment as it is then."""

    def start(name: str) -> ModuleType:
        for module in (name, "message"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        return importlib.import_module(name)

    return start


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Takes what the handler has logged since the last time."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


@pytest.fixture
def gateway() -> Iterator[ApiGateway]:
    """API Gateway's side of the posts."""
    with ApiGateway().running() as gateway:
        yield gateway
