from __future__ import annotations

from pathlib import Path

import pytest

from chatops.local.front.__main__ import options
from chatops.local.front.catalog import integration
from chatops.local.front.quotas import FRAME, MESSAGE, Quotas
from chatops.local.keys import LocalKeys
from chatops.local.server import front_options

NEEDED = ["--port", "4567", "--aws", "http://127.0.0.1:4566", "--region", "ap-northeast-2"]


def test_the_quotas_are_those_of_aws() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""
    assert (FRAME, MESSAGE, Quotas().idle, Quotas().life) == (32_768, 131_072, 600, 7200)
    assert Quotas().scaled(0.01) == Quotas(6, 72)


@pytest.mark.parametrize(("milliseconds", "seconds"), [(500, 0.5), (29_000, 29), (30_000, 29)])
def test_an_integration_has_29_seconds_at_most(milliseconds: int, seconds: float) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""
    found = integration({"IntegrationType": "AWS_PROXY", "TimeoutInMillis": milliseconds})
    assert found
    assert found.timeout == seconds


@pytest.fixture
def needed(tmp_path: Path) -> list[str]:
    """The options that the front cannot do without."""
    keys = tmp_path / "keys.json"
    LocalKeys.create().write(keys)
    return [*NEEDED, "--keys", str(keys)]


def test_the_command_line_is_understood(needed: list[str]) -> None:
    given = options([*needed, *front_options(0.01, drop_disconnects=True)])
    assert (given.port, given.endpoint_url, given.region) == (4567, "http://127.0.0.1:4566", "ap-northeast-2")
    assert (given.time_scale, given.drop_disconnects, given.folder) == (0.01, True, None)


def test_what_is_usual_is_not_asked_of_the_front() -> None:
    assert front_options(1.0, drop_disconnects=False) == []


@pytest.mark.parametrize("scale", ["0", "-1", "fast"])
def test_a_time_scale_that_is_none_is_refused(
    scale: str, needed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options([*needed, "--time-scale", scale])
    assert "--time-scale" in capsys.readouterr().err
