"""The stage that clients connect to: who gets in, what happens to all other messages, and whether it may log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...aws.refusal import absent_is_fine
from .finding import Finding, info, ok, warning
from .patient import Patient


def check(patient: Patient) -> Iterator[Finding]:
    """Authorization, the route for everything else, and logging of the WebSocket stage."""
    websocket = patient.config.websocket
    if websocket.auth == "none":
        yield info(
            "Anyone who knows the URL can join the chat",
            "`websocket.auth` is none in the config; with iam only who holds a signed URL gets in",
            "set `auth: iam` under websocket:, then chatops up; chatops invite",
        )
    if "$default" not in websocket.routes:
        yield info(
            "The config has no $default route",
            "what no other route takes is answered Forbidden, and heartbeats (`ping`) are too",
            "add $default to the websocket's routes, then chatops up",
        )
    api_id, name = patient.api_id, websocket.stage
    if api_id is None:
        return
    with absent_is_fine():
        stage = patient.aws.client("apigatewayv2").get_stage(ApiId=api_id, StageName=name)
        yield from _logging(patient, stage)


def _logging(patient: Patient, stage: Any) -> Iterator[Finding]:
    """A stage of a WebSocket API logs nothing unless the account gives API Gateway a role.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    level = (stage.get("DefaultRouteSettings") or {}).get("LoggingLevel", "OFF")
    if level == "OFF" and not stage.get("AccessLogSettings"):
        return
    account = patient.aws.client("apigateway").get_account()
    if account.get("cloudwatchRoleArn"):
        yield ok(f"The stage {stage['StageName']} logs to CloudWatch")
        return
    patch = "op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN"
    yield warning(
        f"The stage {stage['StageName']} is to log, and may not",
        "CloudWatch Logs role ARN must be set in account settings to enable logging",
        f"aws apigateway update-account {patient.here} --patch-operations {patch}",
    )
