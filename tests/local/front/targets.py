"""What behaves like API Gateway, more or less: chatops's front, MiniStack alone, serverless-offline."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path

from .chats import Chat, Shape, deploy
from .processes import free_port, front, local_aws, ministack, running
from .sink import Sink

FAST = 0.0005
"""The time scale of the front for waits: ten minutes are 0.3 s, two hours 3.6 s."""


class NotMeasurable(Exception):
    """A behaviour that a target has no way to show."""


class Target(ABC):
    """One of them, running. Close it to end its processes."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running = ExitStack()
        self.sink = self._running.enter_context(Sink())
        self._chats: dict[str, Chat] = {}

    def chat(self, shape: Shape) -> Chat:
        """An API of this shape; the same one for the same shape."""
        key = repr(shape)
        if key not in self._chats:
            self._chats[key] = self._deploy(shape)
        return self._chats[key]

    def hasty_chat(self, shape: Shape) -> Chat:
        """An API for which time runs 2000 times as fast."""
        raise NotMeasurable(f"{self.name} has no clock that runs faster")

    def impatient_chat(self, shape: Shape) -> Chat:
        """An API that waits for a function two seconds, where others wait 29."""
        raise NotMeasurable(f"{self.name} waits as long as it does")

    @property
    def aws(self) -> str:
        """The endpoint of the AWS in which the chats are."""
        raise NotMeasurable(f"{self.name} has no control plane")

    @abstractmethod
    def _deploy(self, shape: Shape) -> Chat: ...

    def close(self) -> None:
        self._running.close()


class ChatopsTarget(Target):
    """The front before MiniStack."""

    name = "chatops local"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._aws = self._running.enter_context(local_aws(folder))
        self.url = self._running.enter_context(front(self._aws, folder))
        self._others: dict[str, str] = {}

    @property
    def aws(self) -> str:
        return self._aws

    def _deploy(self, shape: Shape) -> Chat:
        return deploy(self.aws, shape, self.sink, self.url + "/{api}")

    def hasty_chat(self, shape: Shape) -> Chat:
        return self._chat_of_another_front(shape, "--time-scale", str(FAST))

    def impatient_chat(self, shape: Shape) -> Chat:
        return self._chat_of_another_front(shape, "--integration-timeout", "2")

    def _chat_of_another_front(self, shape: Shape, *options: str) -> Chat:
        name = options[0]
        if name not in self._others:
            self._others[name] = self._running.enter_context(front(self.aws, self.folder, *options))
        return deploy(self.aws, shape, self.sink, self._others[name] + "/{api}")


class MiniStackTarget(Target):
    """MiniStack with its own WebSocket side."""

    name = "MiniStack alone"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._aws = self._running.enter_context(ministack(folder))

    @property
    def aws(self) -> str:
        return self._aws

    def _deploy(self, shape: Shape) -> Chat:
        return deploy(self.aws, shape, self.sink, self.aws + "/_aws/execute-api/{api}")


class ServerlessOfflineTarget(Target):
    """serverless-offline, a process for each shape. SERVERLESS_OFFLINE is the folder that npm installed it in."""

    name = "serverless-offline"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if "SERVERLESS_OFFLINE" not in os.environ:
            raise NotMeasurable("SERVERLESS_OFFLINE is not set")
        self._modules = Path(os.environ["SERVERLESS_OFFLINE"]) / "node_modules"

    def _deploy(self, shape: Shape) -> Chat:
        if shape.throttling or not shape.may_post or not all(one.permitted for one in shape.routes):
            raise NotMeasurable("serverless-offline has no deployments, permissions or throttling")
        if not all(one.integrated for one in shape.routes):
            raise NotMeasurable("serverless-offline has no route without a function")
        if any(one.authorization != "NONE" for one in shape.routes):
            raise NotMeasurable("serverless-offline has no IAM")
        port, http, service = free_port(), free_port(), self.folder / f"service-{len(self._chats)}"
        service.mkdir()
        (service / "node_modules").symlink_to(self._modules)
        (service / "probe.py").write_text(Path(__file__).with_name("probe.py").read_text())
        connections_url = f"http://127.0.0.1:{port}"
        definition = self._definition(shape, connections_url)
        (service / "serverless.json").write_text(json.dumps(definition))
        ports = ["--websocketPort", str(port), "--lambdaPort", str(http), "--httpPort", str(free_port())]
        command = [
            "node",
            str(self._modules / "serverless/bin/serverless.js"),
            "offline",
            "--host",
            "127.0.0.1",
            *ports,
        ]
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SLS_TELEMETRY_DISABLED": "1",
            "SLS_NOTIFICATIONS_MODE": "off",
        }
        log = self.folder / f"serverless-{port}.log"
        self._running.enter_context(running(command, connections_url, log, service, **environment))
        return Chat(f"ws://127.0.0.1:{port}/", connections_url, self.sink)

    def _definition(self, shape: Shape, connections_url: str) -> object:
        events = [{"websocket": _event(one.key, one.two_way)} for one in shape.routes]
        return {
            "service": "probe",
            "frameworkVersion": "3",
            "provider": {
                "name": "aws",
                "runtime": "python3.11",
                "websocketsApiRouteSelectionExpression": shape.selection,
                "environment": {
                    "SINK_URL": self.sink.url,
                    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": connections_url,
                },
            },
            "plugins": ["serverless-offline"],
            "functions": {"probe": {"handler": "probe.handler", "timeout": 29, "events": events}},
        }


def _event(key: str, two_way: bool) -> dict[str, str]:
    return {"route": key, **({"routeResponseSelectionExpression": "$default"} if two_way else {})}


TARGETS: tuple[type[Target], ...] = (ChatopsTarget, MiniStackTarget, ServerlessOfflineTarget)
