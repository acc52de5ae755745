"""What a handshake, a message and a disconnect mean.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from . import address, event, selection
from .caller import Caller, Callers
from .catalog import JUST_NOW, Catalog
from .connection import Connection, Connections, Socket, new_id
from .deployment import Route, Stage
from .errors import IntegrationFailed, Refused, forbidden, frame
from .integration import INTERNAL, KEYS, Integrations
from .permission import Permissions
from .quotas import MESSAGE, OUTBOUND
from .request import Request, Response, refusal
from .throttle import Throttles

log = logging.getLogger(__name__)

SUBPROTOCOL = "sec-websocket-protocol"
MALFORMED = (
    "malformed Lambda proxy response: it must be an object with a body that is text, and have no keys but "
    + ", ".join(sorted(KEYS))
)
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What may be the name of a subprotocol."""


@dataclass(frozen=True)
class Accepted:
    """A handshake that may go on, with the subprotocol that the function chose."""

    connection: Connection
    subprotocol: str | None


class Gateway:
    """API Gateway, for one WebSocket connection at a time. `drop_disconnects` leaves every $disconnect out."""

    def __init__(
        self,
        catalog: Catalog,
        integrations: Integrations,
        callers: Callers,
        permissions: Permissions,
        connections: Connections,
        *,
        drop_disconnects: bool = False,
    ) -> None:
        self._catalog = catalog
        self._integrations = integrations
        self._callers = callers
        self._permissions = permissions
        self._connections = connections
        self._throttles = Throttles()
        self._drop_disconnects = drop_disconnects

    async def connect(self, request: Request) -> Accepted | Response:
        """What becomes of a handshake: a connection that is not open yet, or the answer that refuses it."""
        connection, request_id = Connection("", "", request.header("host") or "", {}), new_id()
        try:
            stage = await self._stage(request)
            connection.api_id, connection.stage = stage.api_id, stage.name
            caller = await self._admit(request, stage)
            connection.identity = identity(request, caller)
            return Accepted(connection, await self._ask_function(request, stage, connection, request_id))
        except Refused as refused:
            log.warning("%s: handshake refused with %d: %s", request.path, refused.status, refused.why)
            return refusal(refused, frame(refused.message, connection.id, request_id))
        except Exception:
            log.exception("%s: handshake", request.path)
            return refusal(Refused(500, INTERNAL, ""), frame(INTERNAL, connection.id, request_id))

    def opened(self, connection: Connection, socket: Socket) -> None:
        """The handshake is done: from now on the connection can be posted to."""
        self._connections.add(connection, socket)
        log.info("%s: connected to %s/%s", connection.id, connection.api_id, connection.stage)

    async def message(self, connection: Connection, text: str, on_start: Callable[[], None] | None = None) -> None:
        """Runs the route that a message selects, and tells the client what it has to be told.

        `on_start` is called when the route's function is invoked, if it is.
        """
        request_id = new_id()
        connection.touch()
        try:
            reply = await self._run(connection, text, request_id, on_start)
        except (Refused, IntegrationFailed) as error:
            log.warning("%s: %s: %s", connection.id, error.message, error.why)
            reply = frame(error.message, connection.id, request_id)
        except Exception:
            log.exception("%s: message", connection.id)
            reply = frame(INTERNAL, connection.id, request_id)
        if reply is None or not connection.socket:
            return
        if connection.socket.waiting > OUTBOUND:
            log.warning("%s: does not read: an answer to it is left out", connection.id)
            return
        connection.touch()
        connection.socket.send(reply)

    async def closed(self, connection: Connection, code: int, reason: str) -> None:
        """The connection has ended, whoever ended it: $disconnect is told, and nobody waits for it."""
        self._connections.remove(connection)
        log.info("%s: disconnected with %d %r", connection.id, code, reason)
        stage = self._catalog.stages.get((connection.api_id, connection.stage))
        route = stage.deployment.routes.get("$disconnect") if stage else None
        if self._drop_disconnects or stage is None or route is None:
            return
        try:
            told = event.disconnect(connection, new_id(), code, reason)
            answer = await self._integrations.invoke(stage, route, told)
            if answer.status is None:
                log.warning("%s: $disconnect: %s", connection.id, MALFORMED)
        except (Refused, IntegrationFailed) as error:
            log.warning("%s: $disconnect: %s", connection.id, error.why)
        except Exception:
            log.exception("%s: $disconnect", connection.id)

    async def _stage(self, request: Request) -> Stage:
        if not address.is_local_host(request.header("host")):
            raise forbidden(f"the Host {request.header('host')} is not this machine")
        if not address.is_local_origin(request.header("origin")):
            raise forbidden(f"the page at {request.header('origin')} is not of this machine")
        place = address.parse(request.target)
        if place is None or place.connection_id is not None:
            raise forbidden("the path is neither /STAGE nor /APIID/STAGE")
        return await self._catalog.find_fresh(place)

    async def _admit(self, request: Request, stage: Stage) -> Caller | None:
        """Throttling and authorization of a handshake, in that order."""
        if not self._throttles.allows(stage.limit_of("$connect"), stage.api_id, stage.name, "$connect"):
            raise Refused(429, "Too Many Requests", "throttled", "TooManyRequestsException")
        route = stage.deployment.routes.get("$connect", Route("$connect"))
        if route.api_key_required:
            raise forbidden("API keys are not imitated")
        if route.authorization == "NONE":
            return None
        if route.authorization != "AWS_IAM":
            raise Refused(500, "Internal server error", f"authorization {route.authorization} is not imitated")
        caller = await self._callers.identify(request)
        arn = stage.arn("$connect")
        if not await self._permissions.may(caller, "execute-api:Invoke", arn):
            text = f"User: {caller.arn} is not authorized to perform: execute-api:Invoke on resource: {arn}"
            raise Refused(403, text, text, "AccessDeniedException")
        return caller

    async def _ask_function(
        self, request: Request, stage: Stage, connection: Connection, request_id: str
    ) -> str | None:
        """Runs $connect, which any 2xx lets through. Gives the subprotocol that it chose.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
        """
        route = stage.deployment.routes.get("$connect")
        if route is None:
            return None
        told = event.connect(connection, request_id, request.query, request.headers)
        try:
            answer = await self._integrations.invoke(stage, route, told)
        except IntegrationFailed as error:
            raise Refused(error.status, error.message, f"$connect: {error.why}") from error
        if answer.status is None or not 200 <= answer.status < 600:
            raise Refused(502, INTERNAL, f"$connect: {MALFORMED}")
        if answer.status >= 300:
            raise Refused(answer.status, Response(answer.status).reason, f"$connect returned {answer.status}")
        subprotocol = next((value for name, value in answer.headers.items() if name.lower() == SUBPROTOCOL), None)
        if subprotocol is not None and not TOKEN.fullmatch(subprotocol):
            raise Refused(502, INTERNAL, f"$connect chose a subprotocol {subprotocol[:80]!r}")
        return subprotocol

    async def _run(
        self, connection: Connection, text: str, request_id: str, on_start: Callable[[], None] | None
    ) -> str | None:
        """Invokes the route of a message; what the client gets if the route answers."""
        stage, key = self._select(connection, text)
        if key not in stage.deployment.routes:
            await self._catalog.refresh(connection.api_id, older_than=JUST_NOW)
            stage, key = self._select(connection, text)
        route = stage.route(key)
        if route is None:
            raise forbidden(f"no route {key[:80]!r}, and no $default")
        if not self._throttles.allows(stage.limit_of(route.key), stage.api_id, stage.name, route.key):
            raise Refused(429, "Too Many Requests", f"route {route.key} is throttled")
        told = event.message(connection, request_id, route.key, text)
        answer = await self._integrations.invoke(stage, route, told, on_start)
        if answer.status is None:
            raise IntegrationFailed(INTERNAL, 502, f"route {route.key}: {MALFORMED}")
        log.info("%s: %s answered %s", connection.id, route.key, answer.status)
        if not route.two_way or answer.body is None:
            return None
        if len(answer.body.encode()) > MESSAGE:
            raise IntegrationFailed(INTERNAL, 502, f"route {route.key}: the body is more than {MESSAGE} bytes")
        return answer.body

    def _select(self, connection: Connection, text: str) -> tuple[Stage, str]:
        """What a connection's stage is now, and the route key that a message selects in it."""
        stage = self._catalog.stages.get((connection.api_id, connection.stage))
        if stage is None:
            raise forbidden("the stage is gone")
        return stage, selection.route_key(stage.deployment.route_selection, text)


def identity(request: Request, caller: Caller | None) -> dict[str, str | None]:
    """What events tell of a client."""
    who = {"sourceIp": request.peer, "userAgent": request.header("user-agent")}
    if caller is None:
        return who
    return {
        **who,
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "caller": caller.user_id,
        "user": caller.user_id,
        "userArn": caller.arn,
    }
