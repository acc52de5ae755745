"""A function that does not load, or answers wrongly, says so in its log, and to the doctor and the smoke test."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from .conftest import Boto, Chatops

CONFIG = "functions:\n  web: {source: web.py}\nwebsocket: {routes: {$connect: web, $default: web}}\nhttp_apis:\n"
NOT_LOADED = "import os\n\nTABLE = os.environ['TABLE_NAME']\n\n\ndef lambda_handler(event, context):\n    return {}\n"


@pytest.fixture
def written(chatops: Chatops) -> Chatops:
    chatops.write_config(CONFIG)
    return chatops


def test_a_function_that_does_not_load_is_an_error_in_logs_doctor_and_smoke(written: Chatops, boto: Boto) -> None:
    (written.folder / "web.py").write_text(NOT_LOADED)
    smoke = written.run("up", "--local", "--smoke", "--json")
    assert smoke.code == 1
    (cause,) = [one["cause"] for one in smoke.documents if one["event"] == "smoke"]
    assert "[ERROR] KeyError: 'TABLE_NAME' (web.py, line 3)" in str(cause)
    (error,) = [one for one in boto.events("web") if "TABLE_NAME" in one]
    assert error.startswith("[ERROR] KeyError: 'TABLE_NAME'\nTraceback (most recent call last):\n")
    assert 'File "/var/task/web.py", line 3, in <module>' in error
    assert "    Traceback (most recent call last):" in written.must("logs", "--local").out
    doctor = written.run("doctor", "--local")
    assert doctor.code == 1
    assert "✗ web: A handler failed" in doctor.out and "(web.py, line 3)" in doctor.out


@pytest.mark.slow
def test_a_malformed_answer_is_an_error_in_the_log_of_its_function(written: Chatops, boto: Boto) -> None:
    (written.folder / "web.py").write_text(
        "def lambda_handler(event, context):\n"
        "    return {} if event['requestContext']['routeKey'] == '$connect' else ['text']\n"
    )
    written.local("up")
    with connect(written.url(), open_timeout=20, proxy=None) as client:
        client.send("anything")
        assert "Internal server error" in str(client.recv(timeout=20))
    (told,) = [one for one in boto.events("web") if "Malformed" in one]
    assert told == 'Execution failed due to configuration error: Malformed Lambda proxy response: ["text"]'
    doctor = written.run("doctor", "--local")
    assert doctor.code == 1 and "Malformed Lambda proxy response" in doctor.out
