"""Small WebSocket APIs to try things on, and their clients."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.config import Config
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websocket

from .processes import KEYS, REGION
from .sink import Sink

STAGE = "demo"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}},
    ],
}


@dataclass(frozen=True)
class Route:
    """A route to the probe function, or to nothing. `timeout` is the integration's, in milliseconds."""

    key: str
    two_way: bool = False
    permitted: bool = True
    timeout: int = 29_000
    authorization: str = "NONE"
    integrated: bool = True


USUAL = (Route("$connect"), Route("$disconnect"), Route("$default"), Route("say"), Route("ask", two_way=True))


@dataclass(frozen=True)
class Shape:
    """What an API is like."""

    routes: Sequence[Route] = USUAL
    selection: str = "$request.body.action"
    throttling: Mapping[str, float] = field(default_factory=dict)
    may_post: bool = True


@dataclass
class Client:
    """A connected client, and the id that the server knows it by."""

    socket: ClientConnection
    id: str

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hears(self, limit: float = 10.0) -> str:
        heard = self.socket.recv(timeout=limit)
        assert isinstance(heard, str)
        return heard

    def hears_nothing(self, limit: float = 0.5) -> bool:
        try:
            self.socket.recv(timeout=limit)
        except TimeoutError:
            return True
        return False


@dataclass(frozen=True)
class Chat:
    """An API that is deployed: where its clients and its backend find it."""

    url: str
    connections_url: str
    sink: Sink
    api_id: str = ""
    role: str = ""
    function: str = ""

    @contextmanager
    def open(self, **query: str) -> Iterator[ClientConnection]:
        """A connection, whose id is not known. Raises InvalidStatus when it is refused."""
        protocols = [query["subprotocol"]] if "subprotocol" in query else None
        with websocket(
            f"{self.url}?{urlencode(query)}" if query else self.url,
            subprotocols=protocols,  # type: ignore[arg-type]
            compression=None,
            ping_interval=None,
            proxy=None,
            close_timeout=5,
        ) as socket:
            yield socket

    @contextmanager
    def join(self, **query: str) -> Iterator[Client]:
        """A client that is connected, and known by the event of its handshake."""
        me = uuid.uuid4().hex
        with self.open(client=me, **query) as socket:
            yield Client(socket, self.id_of(me))

    def id_of(self, me: str) -> str:
        """The id of the connection whose handshake said `?client={me}`."""
        found = self.sink.wait(lambda one: (one["event"].get("queryStringParameters") or {}).get("client") == me)
        return str(found["event"]["requestContext"]["connectionId"])

    def management(self, key: str = KEYS.access_key, secret: str = KEYS.secret_key, token: str | None = None) -> Any:
        return client("apigatewaymanagementapi", self.connections_url, key, secret, token)


@cache
def client(
    service: str, url: str, key: str = KEYS.access_key, secret: str = KEYS.secret_key, token: str | None = None
) -> Any:
    """A client that neither retries nor reads the environment."""
    session = botocore.session.Session()
    session.set_credentials(key, secret, token)
    config = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=32)
    return session.create_client(service, REGION, endpoint_url=url, config=config)


def deploy(aws: str, shape: Shape, sink: Sink, address: str) -> Chat:
    """Creates an API of a shape, with a function of its own. `address` is its http:// URL, with {api} in it."""
    name = f"probe-{uuid.uuid4().hex[:8]}"
    gateway = client("apigatewayv2", aws)
    api = gateway.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression=shape.selection)["ApiId"]
    url = f"{address.format(api=api)}/{STAGE}"
    role = _create_role(aws, name, f"arn:aws:execute-api:{REGION}:000000000000:{api}/*", shape.may_post)
    function = _create_function(aws, name, role, sink, url)
    for route in shape.routes:
        add_route(aws, api, function, route)
    deployment = gateway.create_deployment(ApiId=api)["DeploymentId"]
    settings = {"DefaultRouteSettings": shape.throttling} if shape.throttling else {}
    gateway.create_stage(ApiId=api, StageName=STAGE, DeploymentId=deployment, **settings)
    return Chat("ws" + url.removeprefix("http"), url, sink, api, name, function)


def add_route(aws: str, api: str, function: str, route: Route) -> None:
    """Adds a route to the probe function, which is not live before the next deployment."""
    gateway = client("apigatewayv2", aws)
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationMethod="POST",
        IntegrationUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
        TimeoutInMillis=route.timeout,
    )["IntegrationId"]
    target = {"Target": f"integrations/{integration}"} if route.integrated else {}
    response = {"RouteResponseSelectionExpression": "$default"} if route.two_way else {}
    made = gateway.create_route(
        ApiId=api,
        RouteKey=route.key,
        AuthorizationType=route.authorization,
        **target,
        **response,
    )
    if route.two_way:
        gateway.create_route_response(ApiId=api, RouteId=made["RouteId"], RouteResponseKey="$default")
    if route.permitted:
        client("lambda", aws).add_permission(
            FunctionName=function,
            StatementId=uuid.uuid4().hex,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:000000000000:{api}/{STAGE}/{route.key}",
        )


def _create_role(aws: str, name: str, resource: str, may_post: bool) -> str:
    iam = client("iam", aws)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    if may_post:
        allow(aws, name, "execute-api:ManageConnections", resource)
    return str(role)


def allow(aws: str, role: str, action: str, resource: str) -> None:
    """Gives a role one permission."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("iam", aws).put_role_policy(RoleName=role, PolicyName="one", PolicyDocument=document)


def _create_function(aws: str, name: str, role: str, sink: Sink, url: str) -> str:
    made = client("lambda", aws).create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="probe.handler",
        Timeout=30,
        Code={"ZipFile": zipped(Path(__file__).with_name("probe.py"))},
        Environment={"Variables": {"SINK_URL": sink.url, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": url}},
    )
    return str(made["FunctionArn"])


def zipped(source: Path) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(source.name, source.read_text())
    return data.getvalue()
