"""The three handlers on a local AWS that checks signatures and enforces IAM, with real WebSocket clients."""

import asyncio
import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import boto3
import http1
import pytest
import websockets.sync.client as websockets

from chatops.local import emulator

pytestmark = pytest.mark.e2e

REGION = "ap-northeast-2"
ACCOUNT = "000000000000"
TABLE = "websocket-connections"
HANDLERS = Path(__file__).parents[2] / "handlers"
LIVE, STALE = 28, 12
FAULTS = 5  # percent of the posts


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MiniStack's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {**emulator.environment(port), "MINISTACK_REGION": REGION}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    log = tmp_path_factory.mktemp("ministack") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=inherited | own, stdout=output, stderr=output, cwd=log.parent
        )
        try:
            url = f"http://127.0.0.1:{port}"
            ends = time.monotonic() + 30
            while not is_up(url):
                assert process.poll() is None and time.monotonic() < ends, log.read_text()
            yield url
        finally:
            process.kill()  # on SIGTERM it would wait for its clients to close their connections
            process.wait(timeout=10)


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def faulty_proxy(target: str) -> Iterator[str]:
    """A way to `target` on which some of the requests get lost, or are answered with 429 or 503."""
    host, port = target.removeprefix("http://").split(":")
    random = Random(30)
    loop = asyncio.new_event_loop()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await http1.connect((socket.AF_INET, (host, int(port))), None, timeout=10)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                request = head + await reader.readexactly(length)
                if random.randrange(100) < FAULTS:
                    fault = random.choice([b"429 Too Many Requests", b"503 Service Unavailable", b""])
                    if not fault:
                        return
                    writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n" % fault)
                else:
                    reply = await upstream.request(request, timeout=10)
                    body = b"%d -\r\ncontent-length: %d\r\n\r\n%s" % (reply.status, len(reply.body), reply.body)
                    writer.write(b"HTTP/1.1 " + body)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            upstream.close()
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        address.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        is_listening.set()
        await is_over.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    address: list[str] = []
    is_listening = threading.Event()
    is_over = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert is_listening.wait(timeout=10)
        yield address[0]
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join(timeout=10)
        loop.close()


def zipped_handlers() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in HANDLERS.glob("*.py"):
            archive.write(path, path.name)
    return buffer.getvalue()


class Stack:
    """The chat, made by hand, as its tutorial does."""

    def __init__(self, url: str, proxy: str) -> None:
        self._url = url
        api = self.client("apigatewayv2").create_api(
            Name="websocket-api", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )
        self.api_id = api["ApiId"]
        self.websocket_url = f"{url.replace('http', 'ws')}/_aws/execute-api/{self.api_id}/demo"
        self.posts_url = f"{proxy}/_aws/execute-api/{self.api_id}/demo"
        self.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        )
        table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
        posts = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.api_id}/demo/POST/@connections/*"
        self._add("connect", {"dynamodb:PutItem": table}, "$connect")
        self._add("disconnect", {"dynamodb:DeleteItem": table}, "$disconnect")
        allowed = {"dynamodb:Scan": table, "dynamodb:DeleteItem": table, "execute-api:ManageConnections": posts}
        self._add("send", allowed, "sendMessage", "$default")
        self.client("apigatewayv2").create_stage(ApiId=self.api_id, StageName="demo", AutoDeploy=True)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self._url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _add(self, name: str, allowed: dict[str, str], *routes: str) -> None:
        iam, functions, apis = self.client("iam"), self.client("lambda"), self.client("apigatewayv2")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
        statements = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in allowed.items()]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=policy)
        function = functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler=f"{name}.lambda_handler",
            Role=role["Arn"],
            Code={"ZipFile": zipped_handlers()},
            Timeout=20,
            Environment={
                "Variables": {
                    "WEBSOCKET_TABLE": TABLE,
                    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": self.posts_url,
                }
            },
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        integration = apis.create_integration(
            ApiId=self.api_id, IntegrationType="AWS_PROXY", IntegrationUri=function["FunctionArn"]
        )["IntegrationId"]
        for route in routes:
            apis.create_route(ApiId=self.api_id, RouteKey=route, Target=f"integrations/{integration}")

    def rows(self) -> set[str]:
        return {item["connectionId"]["S"] for item in self.client("dynamodb").scan(TableName=TABLE)["Items"]}

    def send(self, sender: str, body: str) -> list[dict[str, Any]]:
        """Invokes the function as API Gateway would; gives the lines that it logs."""
        request = {"routeKey": "sendMessage", "connectionId": sender, "requestId": "R1"}
        event = {"requestContext": {**request, "apiId": self.api_id, "stage": "demo"}, "body": body}
        answer = self.client("lambda").invoke(FunctionName="send", Payload=json.dumps(event), LogType="Tail")
        assert "FunctionError" not in answer, answer["Payload"].read()
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def stack(local_aws: str) -> Iterator[Stack]:
    with faulty_proxy(local_aws) as proxy:
        yield Stack(local_aws, proxy)


@pytest.mark.slow
def test_with_stale_rows_and_faults_every_live_client_gets_the_message_once(stack: Stack) -> None:
    text = "안녕하세요 👋 bs~"
    with ExitStack() as clients:
        live = [clients.enter_context(websockets.connect(stack.websocket_url)) for _ in range(LIVE)]
        connected = stack.rows()
        assert len(connected) == LIVE
        for number in range(STALE):
            row = {"connectionId": {"S": f"stale{number:02}="}, "connectedAt": {"S": "2025-01-31T09:30:00.125Z"}}
            stack.client("dynamodb").put_item(TableName=TABLE, Item=row)

        lines = stack.send(min(connected), json.dumps({"action": "sendMessage", "message": text}))

        assert [client.recv(timeout=10) for client in live] == [text] * LIVE
        live[0].send("ping")
        assert live[0].recv(timeout=10) == "pong"  # and so no second message before it
        assert stack.rows() == connected
        (result,) = (line for line in lines if line["event"] == "broadcast")
        assert result["retried"] > 0
        assert (result["sent"], result["gone"], result["failed"], result["unreached"]) == (LIVE, STALE, 0, 0)

        live[1].send(json.dumps({"action": "sendMessage", "message": "next"}))
        assert [client.recv(timeout=10) for client in live] == ["next"] * LIVE
        live[2].send("Hello?")
        assert json.loads(live[2].recv(timeout=10))["error"] == "InvalidJson"


@pytest.mark.slow
def test_without_permission_to_post_every_post_fails_with_403_and_no_row_is_lost(stack: Stack) -> None:
    ends = time.monotonic() + 30
    while stack.rows():  # the clients of other tests are leaving
        assert time.monotonic() < ends
    with websockets.connect(stack.websocket_url):
        (connected,) = stack.rows()
        iam = stack.client("iam")
        policy = iam.get_role_policy(RoleName="send", PolicyName="allowed")["PolicyDocument"]
        reduced = {**policy, "Statement": policy["Statement"][:2]}
        iam.put_role_policy(RoleName="send", PolicyName="allowed", PolicyDocument=json.dumps(reduced))
        try:
            lines = {line["event"]: line for line in stack.send(connected, '{"message":"Hello"}')}
        finally:
            iam.put_role_policy(RoleName="send", PolicyName="allowed", PolicyDocument=json.dumps(policy))

        assert (lines["post_failed"]["connectionId"], lines["post_failed"]["status"]) == (connected, 403)
        assert "ManageConnections" in lines["forbidden"]["hint"]
        assert stack.rows() == {connected}
