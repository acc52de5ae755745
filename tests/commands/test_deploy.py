"""What up and down tell a person who interrupts them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from chatops import cli, plans
from chatops.aws import Interrupted
from chatops.commands import deploy
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Plan


def test_a_down_that_is_stopped_while_it_looks_again_still_tells_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def remains(*_: object) -> list[str]:
        raise Interrupted

    monkeypatch.setattr(plans, "remains", remains)
    session: Any = SimpleNamespace(stack=None)
    with pytest.raises(Interrupted):
        deploy._prove_gone(session, Plan(()), Outcome(), told.append)
    assert told == [deploy.NOT_LOOKED_AT]


@pytest.fixture
def with_outside_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project one of whose functions is made from a file outside; where that lies. Nothing on AWS differs."""
    handler = "def lambda_handler(event, context): ...\n"
    (tmp_path / "project").mkdir()
    (tmp_path / "shared.py").write_text(handler)
    text = "outside_files: [../shared.py]\nfunctions: {f: {source: ../shared.py}}\n"
    (tmp_path / "project" / "config.yaml").write_text(text + "websocket: {routes: {x: f}}\nhttp_apis: {}\n")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("chatops.session.Session.prepare", lambda _: None)
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    monkeypatch.setattr(plans, "up", lambda *_, **__: Plan(()))
    monkeypatch.setattr(plans, "is_there", lambda *_: True)
    return str(tmp_path / "shared.py")


@pytest.mark.parametrize("command", [["plan"], ["up", "--dry-run"], ["up"]])
def test_the_files_from_outside_are_listed(command: list[str], with_outside_file: str) -> None:
    ended = CliRunner().invoke(cli.app, [*command, "--region", "ap-northeast-2"])
    assert "Files from outside the config's folder, uploaded to Lambda (1):" in ended.stderr
    assert with_outside_file in ended.stderr.replace("\n", "")


@pytest.mark.parametrize("command", [["plan"], ["up", "--dry-run"]])
def test_the_files_from_outside_are_in_the_plans_document(command: list[str], with_outside_file: str) -> None:
    ended = CliRunner().invoke(cli.app, [*command, "--region", "ap-northeast-2", "--json"])
    assert json.loads(ended.stdout)["outside_files"] == [with_outside_file]
