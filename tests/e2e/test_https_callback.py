"""Handlers as AWS's samples are written: they post to https://{domainName}/{stage}, and so they do on the local AWS."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .conftest import Chatops

CONFIG = """
functions:
  web: {source: web.py, timeout: 20, memory: 256, allow: [execute-api:ManageConnections]}
websocket: {routes: {$connect: web, $default: web}}
http_apis:
"""
SAMPLE = """
import boto3


def lambda_handler(event, context):
    about = event["requestContext"]
    if about["routeKey"] == "$connect":
        return {}
    client = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{about['domainName']}/{about['stage']}")
    try:
        client.post_to_connection(ConnectionId="L0SM9cOFvHcCIhw=", Data=b"nobody")
    except client.exceptions.GoneException:
        client.post_to_connection(ConnectionId=about["connectionId"], Data=event["body"].encode())
    return {}
"""
LIMIT = 20


@pytest.fixture
def url(chatops: Chatops) -> str:
    """The address of a chat whose handler is the sample."""
    chatops.write_config(CONFIG)
    (chatops.folder / "web.py").write_text(SAMPLE)
    chatops.local("up")
    return chatops.url()


def test_a_handler_posts_to_the_domain_name_over_https(url: str) -> None:
    with connect(url, open_timeout=LIMIT, proxy=None) as client:
        client.send("안녕 👋")
        assert client.recv(timeout=LIMIT) == "안녕 👋"


@pytest.mark.slow
def test_a_client_may_use_wss_and_a_tls_hello_never_hangs(url: str) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with connect(url.replace("ws:", "wss:"), ssl=trusting, open_timeout=LIMIT, proxy=None) as client:
        client.send("encrypted")
        assert client.recv(timeout=LIMIT) == "encrypted"
        client.send("x" * 40_000)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=LIMIT)
    where = urlsplit(url)
    for hello, ends in ((b"\x16\x03\x01\x00\x02ab", False), (b"\x16", True)):
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=LIMIT) as raw:
            raw.sendall(hello)
            if ends:
                raw.shutdown(socket.SHUT_WR)
            while raw.recv(1000):
                pass
