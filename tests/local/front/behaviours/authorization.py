"""AWS_IAM on $connect."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ..chats import Chat, Route, Shape, client
from ..processes import KEYS, REGION
from ..targets import Target
from .behaviour import behaviour
from .handshake import outcome

GUARDED = Shape((Route("$connect", authorization="AWS_IAM"), Route("$default")))
ROOT = Credentials(*KEYS.pair)


def presigned(chat: Chat, credentials: Credentials, expires: int = 60, ago: int = 0) -> str:
    """The chat's URL with a signature in its query, made some seconds ago."""
    at = datetime.now(timezone.utc) - timedelta(seconds=ago)
    request = AWSRequest("GET", "http" + chat.url.removeprefix("ws"))
    with patch("botocore.auth.get_current_datetime", lambda *_, **__: at):
        SigV4QueryAuth(credentials, "execute-api", REGION, expires).add_auth(request)
    return "ws" + str(request.url).removeprefix("http")


def knock(url: str, headers: dict[str, Any] | None = None) -> str:
    """The status of a handshake."""
    try:
        with connect(url, additional_headers=headers, compression=None, proxy=None):
            return "101"
    except InvalidStatus as refused:
        return str(refused.response.status_code)


def user(target: Target, *allowed: str) -> Credentials:
    """A new IAM user that may do nothing but execute-api:Invoke on these ARNs."""
    iam, name = client("iam", target.aws), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    if allowed:
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": list(allowed)}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def connect_arn(chat: Chat) -> str:
    return f"arn:aws:execute-api:{REGION}:000000000000:{chat.api_id}/demo/$connect"


@behaviour("403")
def with_iam_an_unsigned_handshake_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return outcome(target.chat(GUARDED))


@behaviour("101")
def with_iam_a_presigned_url_is_accepted(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    chat = target.chat(GUARDED)
    return knock(presigned(chat, user(target, connect_arn(chat))))


@behaviour("101")
def with_iam_a_signature_in_the_header_is_accepted(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    chat = target.chat(GUARDED)
    request = AWSRequest("GET", "http" + chat.url.removeprefix("ws"))
    SigV4Auth(user(target, connect_arn(chat)), "execute-api", REGION).add_auth(request)
    return knock(chat.url, dict(request.headers))


@behaviour("403")
def with_iam_a_user_without_permission_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return knock(presigned(target.chat(GUARDED), user(target)))


@behaviour("403")
def with_iam_a_permission_for_another_api_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    elsewhere = user(target, f"arn:aws:execute-api:{REGION}:000000000000:another/demo/$connect")
    return knock(presigned(target.chat(GUARDED), elsewhere))


@behaviour("403")
def with_iam_a_wrong_secret_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    chat = target.chat(GUARDED)
    return knock(presigned(chat, Credentials(user(target, connect_arn(chat)).access_key, "wrong")))


@behaviour("403")
def with_iam_a_wrong_secret_of_the_account_s_root_key_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return knock(presigned(target.chat(GUARDED), Credentials(KEYS.access_key, "wrong")))


@behaviour("403", settled=False)
def with_iam_a_presigned_url_that_has_expired_is_403(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return knock(presigned(target.chat(GUARDED), ROOT, expires=60, ago=90))


@behaviour("101", settled=False)
def with_iam_a_presigned_url_lives_as_long_as_it_says(target: Target) -> str:
    """apigateway-websocket-control-access-iam.html"""
    return knock(presigned(target.chat(GUARDED), ROOT, expires=3600, ago=1800))
