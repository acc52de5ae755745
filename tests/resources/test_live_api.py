"""What an API holds now, also while it goes."""

from __future__ import annotations

from .api_gateway import functions, known
from .stand import Scripted, ScriptedAws, client_error, websocket_stage


def test_an_api_that_goes_while_its_stage_is_observed_leaves_nothing() -> None:
    gone = client_error("NotFoundException", status=404)
    client = Scripted(**dict.fromkeys(("get_routes", "get_integrations", "get_stages", "get_deployments"), gone))
    assert websocket_stage().observe(ScriptedAws(apigatewayv2=client, lambda_=functions()), known) is None
