"""@connections, as a backend calls it."""

from __future__ import annotations

import socket as sockets
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.uri import parse_uri

from ..chats import Chat, Shape
from ..processes import KEYS
from ..targets import Target
from .authorization import user
from .behaviour import behaviour

SILENT = Shape(may_post=False)


def refusal(call: Any, **arguments: Any) -> str:
    """The status of a call, and the name of the error if it is one."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        kind = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-errortype", "without x-amzn-ErrorType")
        return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {kind}"
    return str(answer["ResponseMetadata"]["HTTPStatusCode"])


def post(chat: Chat, connection_id: str, data: bytes = b"hello", *keys: str) -> str:
    return refusal(chat.management(*keys).post_to_connection, ConnectionId=connection_id, Data=data)


def gone(chat: Chat) -> str:
    """The id of a connection that was."""
    with chat.join() as joined:
        pass
    chat.sink.event("DISCONNECT", joined.id)
    return joined.id


@behaviour("hello")
def a_post_reaches_the_client(target: Target) -> str:
    """apigateway-how-to-call-websocket-api-connections.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        post(chat, joined.id)
        return joined.hears()


@behaviour("in frames of 32768 bytes at most", settled=False)
def a_post_of_128_kb_reaches_the_client(target: Target) -> str:
    """apigateway-execution-service-websocket-limits-table.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        post(chat, joined.id, b"x" * 128 * 1024)
        return f"in frames of {max(len(part) for part in joined.socket.recv_streaming())} bytes at most"


@behaviour("a\ufffdb")
def what_is_not_utf_8_in_a_post_is_replaced(target: Target) -> str:
    """API_PostToConnection.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        post(chat, joined.id, b"a\xffb")
        return joined.hears()


@behaviour("ConnectedAt, Identity.SourceIp, Identity.UserAgent, LastActiveAt")
def a_get_tells_when_the_client_came_and_who_it_is(target: Target) -> str:
    """API_GetConnection.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        try:
            found = chat.management().get_connection(ConnectionId=joined.id)
        except ClientError as error:
            return str(error.response["ResponseMetadata"]["HTTPStatusCode"])
    times = [key for key in ("ConnectedAt", "LastActiveAt") if key in found]
    told = sorted([*times, *(f"Identity.{key}" for key in found.get("Identity", {}))])
    return ", ".join(told) or "nothing"


@behaviour("204, and the client is closed with 1000", settled=False)
def a_delete_ends_the_connection(target: Target) -> str:
    """API_DeleteConnection.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        status = refusal(chat.management().delete_connection, ConnectionId=joined.id)
        try:
            joined.hears()
        except ConnectionClosed as closed:
            return f"{status}, and the client is closed with {closed.rcvd.code if closed.rcvd else 1006}"
    return status


@behaviour("410 GoneException")
def a_post_to_a_connection_that_is_gone_is_410(target: Target) -> str:
    """API_PostToConnection.html"""
    chat = target.chat(Shape())
    return post(chat, gone(chat))


@behaviour("410 GoneException")
def a_get_of_a_connection_that_is_gone_is_410(target: Target) -> str:
    """API_GetConnection.html"""
    chat = target.chat(Shape())
    return refusal(chat.management().get_connection, ConnectionId=gone(chat))


@behaviour("410 GoneException")
def a_delete_of_a_connection_that_is_gone_is_410(target: Target) -> str:
    """API_DeleteConnection.html"""
    chat = target.chat(Shape())
    return refusal(chat.management().delete_connection, ConnectionId=gone(chat))


@behaviour("400 BadRequestException")
def a_post_to_what_is_no_connection_id_is_400(target: Target) -> str:
    """API_PostToConnection.html; measured: https://github.com/localstack/localstack/issues/4694"""
    return post(target.chat(Shape()), "cjy8i76bx002884le6n17d49b")


@behaviour("413 PayloadTooLargeException")
def a_post_of_more_than_128_kb_is_413(target: Target) -> str:
    """API_PostToConnection.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        return post(chat, joined.id, b"x" * (128 * 1024 + 1))


@behaviour("429 LimitExceededException")
def a_post_to_a_client_that_does_not_read_is_429(target: Target) -> str:
    """API_PostToConnection.html"""
    chat = target.chat(Shape())
    with deaf(chat) as connection_id:
        statuses = (post(chat, connection_id, b"x" * 128 * 1024) for _ in range(100))
        return next((one for one in statuses if one != "200"), "200")


@contextmanager
def deaf(chat: Chat) -> Iterator[str]:
    """A client that is connected and reads nothing; gives its id."""
    me = uuid.uuid4().hex
    uri = f"{chat.url}?client={me}"
    protocol = ClientProtocol(parse_uri(uri))
    protocol.send_request(protocol.connect())
    parts = urlsplit(uri)
    with sockets.socket() as raw:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.connect((parts.hostname, parts.port))
        raw.sendall(b"".join(protocol.data_to_send()))
        raw.recv(1024)
        yield chat.id_of(me)


@behaviour("403")
def an_unsigned_post_is_403(target: Target) -> str:
    """apigateway-how-to-call-websocket-api-connections.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        url = f"{chat.connections_url}/@connections/{joined.id}"
        try:
            with urllib.request.urlopen(url, b"hello", timeout=5) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return str(error.code)


@behaviour("403")
def a_post_with_a_wrong_secret_is_403(target: Target) -> str:
    """apigateway-how-to-call-websocket-api-connections.html"""
    chat = target.chat(Shape())
    with chat.join() as joined:
        return post(chat, joined.id, b"hello", KEYS.access_key, "wrong")[:3]


@behaviour("403")
def a_post_of_a_user_without_permission_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    chat, nobody = target.chat(Shape()), user(target)
    with chat.join() as joined:
        return post(chat, joined.id, b"hello", nobody.access_key, nobody.secret_key)[:3]


@behaviour("403")
def a_post_of_a_function_whose_role_may_not_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    chat = target.chat(SILENT)
    with chat.join() as joined:
        joined.say(action="say", post="hello")
        return str(chat.sink.report(joined.id, "MESSAGE")["posted"])
