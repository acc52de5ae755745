"""Wrong usage is told before AWS is asked for anything, and before a region is looked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chatops.cli import app
from chatops.errors import WRONG_USAGE


@pytest.fixture(autouse=True)
def nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an AWS that must not be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("chatops.aws.Aws.client", lambda *_: pytest.fail("asked"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["up", "--watch"], "--watch is for the local AWS"),
        (["invite", "--expires", "8d"], "An invite lasts from 1 second to 7 days"),
        (["invite", "--expires", "0s"], "An invite lasts from 1 second to 7 days"),
        (["invite", "--expires", "soon"], "'soon' is no duration"),
        (["kick", "--idle", "x"], "'x' is no duration"),
        (["kick"], "Whom to kick is not clear"),
        (["metrics", "--since", "31d"], "--since 31d cannot be plotted"),
        (["doctor", "--since", "x"], "'x' is no duration"),
        (["logs", "--since", "x"], "'x' is no duration"),
        (["logs", "--function", "x"], "The config has no function 'x'"),
        (["chat", "--nick", "<x>"], "'<x>' cannot be a name"),
        (["url", "x"], "The config has no HTTP API 'x'"),
        (["open", "x"], "The config has no HTTP API 'x'"),
    ],
)
def test_wrong_usage_is_told_first(arguments: list[str], what: str) -> None:
    ended = CliRunner().invoke(app, [*arguments, "--json", "--region", "ap-northeast-2"])
    assert ended.exit_code == WRONG_USAGE
    assert json.loads(ended.stdout)["what"] == what


@pytest.mark.parametrize("name", ["start", "stop", "status"])
@pytest.mark.parametrize("option", ["--profile", "--endpoint-url"])
def test_the_commands_for_the_local_aws_take_no_option_that_means_another(name: str, option: str) -> None:
    ended = CliRunner().invoke(app, ["local", name, option, "http://127.0.0.1:1"])
    assert ended.exit_code == WRONG_USAGE


@pytest.mark.parametrize("name", ["url", "open"])
def test_a_url_is_printed_below_a_head_with_a_word_about_the_region_that_won(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    monkeypatch.setattr("chatops.aws.Aws.pages", lambda *_, **__: iter(()))
    Path("config.yaml").write_text("region: ap-northeast-1")
    ended = CliRunner().invoke(app, [name, "--region", "ap-northeast-2"])
    assert "config config.yaml" in ended.stderr
    assert "--region ap-northeast-2 wins over region: ap-northeast-1" in ended.stderr
