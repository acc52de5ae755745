"""Stacks of configs on an AWS that answers as it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatops.config import load
from chatops.deploy.resource import Live, Resource
from chatops.stack import Stack

from .resources.stand import Scripted, ScriptedAws

TWO_FUNCTIONS = (
    "functions: {a: {source: handlers/connect.py}, b: {source: handlers/user.py}}\n"
    "websocket: {routes: {$connect: a, more: b}}\n"
    "http_apis: {}\n"
)
API = {
    "ApiId": "abc",
    "Name": "websocket-api",
    "ProtocolType": "WEBSOCKET",
    "RouteSelectionExpression": "$request.body.action",
    "CreatedDate": "2025-01-31",
    "Tags": {"chatops:stack": "websocket-chat"},
}


def stack(text: str = "", aws: ScriptedAws | None = None) -> Stack:
    """The stack of a config with this text."""
    Path("c.yaml").write_text(text)
    return Stack(load(Path("c.yaml")), aws or ScriptedAws())


def nothing(_: Resource) -> Live | None:
    return None


def with_apis(*apis: dict[str, Any]) -> ScriptedAws:
    return ScriptedAws(apigatewayv2=Scripted(get_apis={"Items": list(apis)}))
