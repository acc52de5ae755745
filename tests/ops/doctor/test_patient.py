"""What keeps the doctor from the patient: an error with a way out, and no crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chatops.aws import Aws
from chatops.commands import diagnose
from chatops.ops.doctor import examine
from chatops.stack import Stack

from ..stand_ins import REGION, SMALL, Proxy, stack_of
from .breakages import ERROR, run

pytestmark = pytest.mark.e2e


def test_no_credentials_are_an_error_with_a_way_out(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    stack = stack_of(tmp_path, Aws(REGION, endpoint_url=proxy.url))
    (found,) = examine(lambda: stack).findings
    assert (found.severity, found.what) == (ERROR, "No AWS credentials")
    assert "aws configure" in found.hint


def test_a_key_that_does_not_exist_is_an_error_with_its_causes(proxy: Proxy, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, Aws(REGION, endpoint_url=proxy.url, keys=("AKIANOBODYNOBODY", "x")))
    diagnosis = examine(lambda: stack)
    (found,) = diagnosis.findings
    assert not diagnosis.is_ok
    assert "InvalidClientTokenId" in found.why
    assert "the region is not enabled for this account" in found.why


@pytest.mark.slow
def test_a_wrong_config_or_region_is_a_finding_and_no_crash(proxy: Proxy, stack: Stack) -> None:
    stack.config.file.write_text("stakc: x\n")
    broken = run(proxy, stack, "--json")
    assert broken.exit_code == 1
    (found,) = json.loads(broken.stdout)["findings"]
    assert "did you mean stack?" in found["why"]
    stack.config.file.write_text(SMALL)
    where = ["--endpoint-url", proxy.url, "--config", str(stack.config.file), "--json"]
    lost = CliRunner().invoke(diagnose.app, ["doctor", *where])
    assert lost.exit_code == 1
    assert json.loads(lost.stdout)["findings"][0]["what"] == "No region is chosen"


@pytest.mark.slow
def test_a_handler_that_cannot_be_packed_is_an_error(proxy: Proxy, stack: Stack) -> None:
    broken = stack.config.file.with_name("broken.py")
    broken.write_text("def lambda_handler(:\n")
    stack.config.file.write_text(SMALL.replace("handlers/connect.py", "broken.py"))
    shown = run(proxy, stack, "--json")
    assert shown.exit_code == 1
    assert "broken.py:1" in json.loads(shown.stdout)["findings"][0]["why"]
