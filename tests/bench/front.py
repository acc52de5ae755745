"""How many clients the front holds, and how fast a broadcast reaches them all, beside MiniStack's own front.

    python -m tests.bench.front [--connections 2000] [--limit 40] [--hold 60]

Both run the repository's own handlers, with a table, before a MiniStack of their own. The clients are a process of
their own. Opening ends after `--limit` seconds with as many clients as there are by then. Then they say nothing for
`--hold` seconds, and those are counted that are still open: a ping to each comes back.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.local.front.chats import STAGE, TRUST, client
from tests.local.front.processes import REGION, front, local_aws, ministack

HANDLERS = Path(__file__).parents[2] / "handlers"
TABLE = "connections"
ACTIONS = ["dynamodb:*", "execute-api:ManageConnections"]
STEPS = 4
AT_ONCE = 64


async def clients(url: str, wanted: int, limit: float, hold: float) -> None:
    """The client process: opens connections, holds them and reports, then broadcasts for every line on its input."""
    began, sockets = time.monotonic(), list[ClientConnection]()
    places = asyncio.Semaphore(AT_ONCE)

    async def open_one() -> None:
        async with places:
            left = limit - (time.monotonic() - began)
            if left > 0:
                sockets.append(
                    await connect(
                        url, compression=None, ping_interval=None, open_timeout=60, proxy=None, max_queue=None
                    )
                )

    for _ in range(STEPS):
        await asyncio.gather(*(open_one() for _ in range(wanted // STEPS)))
        tell(opened=len(sockets), seconds=time.monotonic() - began)
    await asyncio.sleep(hold)
    tell(held=sum(await asyncio.gather(*(is_open(socket) for socket in sockets))), of=len(sockets))
    while await asyncio.to_thread(sys.stdin.readline):
        began = time.monotonic()
        await sockets[0].send(json.dumps({"action": "sendMessage", "message": "hello"}))
        waits = await asyncio.gather(*(arrival(socket, began) for socket in sockets))
        arrived = sorted(one for one in waits if one is not None)
        half, last = (arrived[len(arrived) // 2], arrived[-1]) if arrived else (math.nan, math.nan)
        tell(heard=len(arrived), of=len(sockets), p50=half, last=last)


async def is_open(socket: ClientConnection) -> bool:
    """Whether the other end still answers."""
    try:
        await asyncio.wait_for(await socket.ping(), 30)
    except (ConnectionClosed, asyncio.TimeoutError):
        return False
    return True


async def arrival(socket: ClientConnection, began: float) -> float | None:
    """Seconds until the next message came, or nothing when none did within half a minute or before the end."""
    try:
        await asyncio.wait_for(socket.recv(), 30)
    except (ConnectionClosed, asyncio.TimeoutError):
        return None
    return time.monotonic() - began


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def deploy(aws: str, address: str) -> str:
    """The chat with the repository's handlers; gives its ws:// URL. `address` has {api} where the API's id goes."""
    dynamodb, iam, gateway = client("dynamodb", aws), client("iam", aws), client("apigatewayv2", aws)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "connectionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = iam.create_role(RoleName="chat", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": ACTIONS, "Resource": "*"}
    iam.put_role_policy(
        RoleName="chat",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    selection = "$request.body.action"
    api = gateway.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression=selection)["ApiId"]
    url = f"{address.format(api=api)}/{STAGE}"
    for key, module in (("$connect", "connect"), ("$disconnect", "disconnect"), ("sendMessage", "send")):
        add_route(aws, api, key, module, role, url)
    deployment = gateway.create_deployment(ApiId=api)["DeploymentId"]
    gateway.create_stage(ApiId=api, StageName=STAGE, DeploymentId=deployment)
    return "ws" + url.removeprefix("http")


def add_route(aws: str, api: str, key: str, module: str, role: str, url: str) -> None:
    functions, gateway = client("lambda", aws), client("apigatewayv2", aws)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in HANDLERS.glob("*.py"):
            archive.writestr(file.name, file.read_text())
    arn = functions.create_function(
        FunctionName=module,
        Runtime="python3.12",
        Role=role,
        Handler=f"{module}.lambda_handler",
        Timeout=29,
        MemorySize=512,
        Code={"ZipFile": data.getvalue()},
        Environment={"Variables": {"WEBSOCKET_TABLE": TABLE, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": url}},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=module,
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:000000000000:{api}/{STAGE}/{key}",
    )
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")


@contextmanager
def chatops(folder: Path) -> Iterator[str]:
    with local_aws(folder) as aws, front(aws, folder) as url:
        yield deploy(aws, url + "/{api}")


@contextmanager
def ministack_alone(folder: Path) -> Iterator[str]:
    with ministack(folder) as aws:
        yield deploy(aws, aws + "/_aws/execute-api/{api}")


def megabytes() -> dict[str, int]:
    """Resident memory of what this process started: the front, and MiniStack with the functions that it runs."""
    sizes: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        command = process.cmdline()
        if "tests.bench.front" not in command:
            name = "front" if "chatops.local.front" in command else "MiniStack and functions"
            sizes[name] = sizes.get(name, 0) + process.memory_info().rss / 2**20
    return {name: round(size) for name, size in sizes.items()}


def measure(url: str, wanted: int, limit: float, hold: float) -> None:
    print(f"  before anybody connects, MB: {megabytes()}")
    command = [sys.executable, "-m", "tests.bench.front", "--clients", url, "--connections", str(wanted)]
    with subprocess.Popen(
        [*command, "--limit", str(limit), "--hold", str(hold)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        for line in process.stdout:
            step = json.loads(line)
            if "held" in step:
                print(f"  {step['held']} of {step['of']} are still open after {hold:.0f} s, MB: {megabytes()}")
                break
            print(f"  {step['opened']:5} connections after {step['seconds']:6.1f} s, MB: {megabytes()}")
        for name in ("first", "second"):
            process.stdin.write("broadcast\n")
            process.stdin.flush()
            one = json.loads(process.stdout.readline())
            print(
                f"  {name} broadcast: {one['heard']} of {one['of']} heard it, half of them after {one['p50']:.2f} s, "
                f"the last after {one['last']:.2f} s, MB: {megabytes()}"
            )
        process.stdin.close()
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--limit", type=float, default=40.0, help="seconds for opening, per front")
    parser.add_argument("--hold", type=float, default=60.0, help="seconds for which they are only held open")
    parser.add_argument("--clients", help=argparse.SUPPRESS)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if given.clients:
        asyncio.run(clients(given.clients, given.connections, given.limit, given.hold))
        return
    for name, start in (("chatops", chatops), ("MiniStack alone", ministack_alone)):
        with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as url:
            print(f"{name}:")
            measure(url, given.connections, given.limit, given.hold)


if __name__ == "__main__":
    main()
