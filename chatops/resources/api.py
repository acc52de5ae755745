"""An API Gateway API by itself: its name, its protocol, and the id that everybody else needs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..aws import STACK_TAG, Aws
from ..aws.refusal import absent_is_fine, passes_by_itself
from ..deploy.resource import Blocked, Change, Live, Look, Properties, Resource, once, progress

DELETE_EVERY = 30.0
"""Seconds after which AWS takes another DeleteApi of an account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
DELETE_LIMIT = 300.0
"""Seconds to keep trying, those included in which others had their turn; each gets `DELETE_EVERY` of its own."""


@dataclass(frozen=True, eq=False)
class Api(Resource):
    """A WebSocket or HTTP API, without its routes: see `stage.Stage` for those.

    It is a resource of its own so that nothing goes in a circle: a function's role needs the API's id to allow
    posting to its connections, and the API's routes need the function.

    API names are not unique. Ours is the one with our name, our protocol and our tag; of several (two first
    `up` at once) the oldest, and the others are a difference that goes away.
    """

    api: str
    stage: str
    route_selection: str

    protocol: ClassVar[str]

    @property
    def title(self) -> str:
        return self.api

    def desired(self, aws: Aws, look: Look) -> Properties:
        return {"route_selection": self.route_selection, "duplicates": []}

    def observe(self, aws: Aws, look: Look) -> Live | None:
        named = [one for one in every_api(aws) if one["Name"] == self.api and one["ProtocolType"] == self.protocol]
        ours = [one for one in named if self._is_ours(one)]
        if len(named) > 1 and not ours:
            ids = ", ".join(sorted(one["ApiId"] for one in named))
            raise Blocked(
                "several-apis",
                f"{len(named)} APIs are named {self.api} ({ids}), and chatops created none of them",
                f"Delete or rename all but one of them, or tag the one to take over with {STACK_TAG}={self.stack}.",
            )
        if not named:
            return None
        first, *others = sorted(ours or named, key=lambda one: (str(one["CreatedDate"]), one["ApiId"]))
        return Live(
            {
                "route_selection": first["RouteSelectionExpression"],
                "duplicates": [one["ApiId"] for one in others],
            },
            {"api_id": first["ApiId"], **self.addresses(aws, first["ApiId"])},
            first.get("Tags", {}).get(STACK_TAG),
            note=self._note([one["ApiId"] for one in named if one not in ours]) if ours else None,
        )

    def _is_ours(self, api: Any) -> bool:
        owner: str | None = api.get("Tags", {}).get(STACK_TAG)
        return owner == self.stack

    def _note(self, foreign: list[str]) -> str | None:
        if not foreign:
            return None
        ids = ", ".join(sorted(foreign))
        return f"left alone: {ids} (the same name, without the tag {STACK_TAG}={self.stack})"

    def addresses(self, aws: Aws, api_id: str) -> dict[str, str]:
        """The addresses that others may want, by output name."""
        raise NotImplementedError

    def create(self, aws: Aws, desired: Properties, look: Look) -> None:
        aws.client("apigatewayv2").create_api(
            Name=self.api,
            ProtocolType=self.protocol,
            RouteSelectionExpression=desired["route_selection"],
            Tags={STACK_TAG: self.stack},
        )

    def update(self, aws: Aws, changes: Iterable[Change], desired: Properties, look: Look) -> None:
        live = self.observe(aws, look)
        if not live:
            return
        parts = {change.path: change.before for change in changes}
        if "route_selection" in parts:
            aws.client("apigatewayv2").update_api(
                ApiId=live.outputs["api_id"], RouteSelectionExpression=desired["route_selection"]
            )
        for api_id in live.properties["duplicates"]:
            self._delete(aws, api_id)

    def deletions(self, seen: Live, desired: Properties) -> list[str]:
        return [f"the API {one}, a second one of this name" for one in seen.properties.get("duplicates", ())]

    def delete(self, aws: Aws, look: Look) -> None:
        # Not by `observe`: once ours is gone, it cannot choose among several foreign ones.
        for one in every_api(aws):
            if one["Name"] == self.api and one["ProtocolType"] == self.protocol and self._is_ours(one):
                self._delete(aws, one["ApiId"])

    def tag(self, aws: Aws, look: Look) -> None:
        live = self.observe(aws, look)
        if live:
            arn = aws.arn("apigateway", f"/apis/{live.outputs['api_id']}", account=False)
            aws.client("apigatewayv2").tag_resource(ResourceArn=arn, Tags={STACK_TAG: self.stack})

    def _delete(self, aws: Aws, api_id: str) -> None:
        """Deletes an API, and no other at the same time: those of an account would only take each other's turn."""
        began = time.monotonic()
        while not aws.deleting_api.acquire(blocking=False):
            progress("waiting for another API to be deleted")
            aws.pause(0.5)
        try:
            with absent_is_fine():
                aws.retry(
                    lambda: aws.client("apigatewayv2").delete_api(ApiId=api_id),
                    when=passes_by_itself,
                    say=progress,
                    text="API Gateway takes few deletions at a time; trying again",
                    limit=max(DELETE_LIMIT - (time.monotonic() - began), DELETE_EVERY),
                )
        finally:
            aws.deleting_api.release()


@dataclass(frozen=True, eq=False)
class WebSocketApi(Api):
    """The API that chat clients connect to."""

    kind: ClassVar[str] = "websocket_api"
    protocol: ClassVar[str] = "WEBSOCKET"

    def addresses(self, aws: Aws, api_id: str) -> dict[str, str]:
        return {
            "websocket_url": aws.websocket_url(api_id, self.stage),
            "connections_url": aws.connections_url(api_id, self.stage),
        }


@dataclass(frozen=True, eq=False)
class HttpApi(Api):
    """An API that a browser opens."""

    kind: ClassVar[str] = "http_api"
    protocol: ClassVar[str] = "HTTP"

    def addresses(self, aws: Aws, api_id: str) -> dict[str, str]:
        url = aws.http_url(api_id)
        return {"http_url": url, "origin": "/".join(url.split("/", 3)[:3])}


def every_api(aws: Aws) -> list[Any]:
    """Every API of the account and region, as API Gateway lists them.

    MiniStack lists an API with the tags of its creation: one without any may have been given some since.
    """

    def listed() -> list[Any]:
        apis = list(aws.pages("apigatewayv2", "get_apis", "Items"))
        if not aws.front_url:
            return apis
        return aws.together(*(lambda one=one: one if one.get("Tags") else _with_tags(aws, one) for one in apis))

    return once("apis", listed)


def _with_tags(aws: Aws, api: Any) -> Any:
    """An API with the tags that it has now."""
    with absent_is_fine():
        arn = aws.arn("apigateway", f"/apis/{api['ApiId']}", account=False)
        return {**api, "Tags": aws.client("apigatewayv2").get_tags(ResourceArn=arn).get("Tags", {})}
    return api
