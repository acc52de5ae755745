"""`@connections`: posting to a connection, asking about it, ending it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
https://docs.aws.amazon.com/apigatewaymanagementapi/latest/APIReference/API_PostToConnection.html
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime, timezone

from ...times import iso
from . import address, http
from .caller import Callers
from .catalog import Catalog
from .connection import ID, Connection, Connections
from .deployment import Stage
from .errors import Refused, forbidden, missing_token
from .permission import Permissions
from .quotas import MESSAGE, OUTBOUND
from .request import Request, Response, as_json, refusal

log = logging.getLogger(__name__)

METHODS = {"GET", "POST", "DELETE"}


class Management:
    """Answers the requests of a backend."""

    def __init__(
        self,
        catalog: Catalog,
        callers: Callers,
        permissions: Permissions,
        connections: Connections,
        memory: http.Memory,
    ) -> None:
        too_large = Refused(413, "Message too long", f"more than {MESSAGE} bytes", "PayloadTooLargeException")
        self._handler = http.Handler(self.answer, MESSAGE, refusal(too_large, as_message(too_large)), memory)
        self._catalog = catalog
        self._callers = callers
        self._permissions = permissions
        self._connections = connections

    def refuse_foreign(self, request: Request) -> Response | None:
        """The refusal of a request that a page or a name of another machine sends, by its head."""
        host, origin = request.header("host"), request.header("origin")
        if not address.is_local_host(host):
            return self._refuse(request, forbidden(f"the Host {host} is not this machine"))
        if not address.is_local_origin(origin):
            return self._refuse(request, forbidden(f"the page at {origin} is not of this machine"))
        return None

    async def find(self, request: Request) -> http.Handler | Response:
        """What answers a request, by its head.

        Nothing of a body is read, and no memory is held for it, when the path or the stage does not exist, or the
        request names no access key of this account.
        """
        try:
            if request.path != address.HEALTH:
                await self._look_for(request)
                await self._callers.check_key(request)
        except Refused as refused:
            return self._refuse(request, refused)
        return self._handler

    async def answer(self, request: Request) -> Response:
        """The answer to any HTTP request that is not a handshake."""
        try:
            return await self._answer(request)
        except Refused as refused:
            return self._refuse(request, refused)

    def _refuse(self, request: Request, refused: Refused) -> Response:
        log.warning("%s %s: %d: %s", request.method, request.path, refused.status, refused.why)
        return refusal(refused, as_message(refused))

    async def _look_for(self, request: Request) -> None:
        """Look again, for a holder of a key, where a stage is not known yet: it may have been deployed just now."""
        try:
            self._locate(request)
        except Refused as refused:
            place = address.parse(request.target)
            if place is None or place.connection_id is None or request.method not in METHODS:
                raise
            try:
                await self._callers.check_key(request)
            except Refused:
                raise refused from None
            await self._catalog.refresh()
            self._locate(request)

    def _locate(self, request: Request) -> tuple[list[Stage], str]:
        """The stage and the connection's id in a request's path.

        A handler that posts to `https://{domainName}/{stage}` names no API, which on AWS is in the domain's name: the
        API is that of the connection. For a connection that is gone it may be any API that has such a stage.
        """
        place = address.parse(request.target)
        if place is None or place.connection_id is None or request.method not in METHODS:
            raise missing_token("neither @connections nor a WebSocket handshake")
        connection_id = place.connection_id
        if place.api_id is None:
            api_id = self._connections.api_of(place.stage, connection_id)
            found = [] if api_id else self._catalog.of_name(place.stage)
            if found:
                return found, connection_id
            place = replace(place, api_id=api_id)
        return [self._catalog.find(place)], connection_id

    async def _answer(self, request: Request) -> Response:
        if request.path == address.HEALTH:
            return as_json(200, {"ok": True, "aws": self._catalog.endpoint_url, "connections": len(self._connections)})
        stages, connection_id = self._locate(request)
        stage = await self._authorized(request, stages, connection_id)
        if not ID.fullmatch(connection_id):
            text = f"Invalid connectionId: {connection_id}"
            raise Refused(400, text, text[:120], "BadRequestException")
        connection = self._connections.get(stage.api_id, stage.name, connection_id)
        if connection is None:
            # AWS sends no message with it: SDKs show the status in its place.
            return Response(410, b"", {"x-amzn-ErrorType": "GoneException"})
        if request.method == "POST":
            return self._post(connection, request.body)
        return self._describe(connection) if request.method == "GET" else self._delete(connection)

    async def _authorized(self, request: Request, stages: list[Stage], connection_id: str) -> Stage:
        """The first of the stages whose connections the caller may manage. Refused when there is none."""
        caller = await self._callers.identify(request)
        for stage in stages:
            arn = stage.arn(f"{request.method}/@connections/{connection_id}")
            if await self._permissions.may(caller, "execute-api:ManageConnections", arn):
                return stage
        text = f"User: {caller.arn} is not authorized to perform: execute-api:ManageConnections on resource: {arn}"
        raise Refused(403, text, text, "AccessDeniedException")

    def _post(self, connection: Connection, body: bytes) -> Response:
        """Sends a text message. What is not UTF-8 in it is replaced, as API Gateway does."""
        assert connection.socket
        if connection.socket.waiting > OUTBOUND:
            raise Refused(429, "Too Many Requests", "the client's buffer is full", "LimitExceededException")
        connection.touch()
        connection.socket.send(body.decode(errors="replace"))
        return as_json(200, {})

    def _describe(self, connection: Connection) -> Response:
        identity = {key: connection.identity[key] for key in ("sourceIp", "userAgent") if connection.identity.get(key)}
        return as_json(
            200,
            {
                "connectedAt": iso8601(connection.connected_at),
                "identity": identity,
                "lastActiveAt": iso8601(connection.last_active_at),
            },
        )

    def _delete(self, connection: Connection) -> Response:
        assert connection.socket
        connection.socket.close(1000)
        self._connections.remove(connection)
        return Response(204)


def as_message(refused: Refused) -> str:
    """The body of a refusal."""
    return json.dumps({"message": refused.message})


def iso8601(milliseconds: int) -> str:
    """A time as @connections gives it; `milliseconds` since 1970."""
    return iso(datetime.fromtimestamp(milliseconds / 1000, timezone.utc))
