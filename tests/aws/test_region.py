"""The region of a run: who wins over whom, and what is no region."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ProfileNotFound

from chatops.aws import region as region_module
from chatops.errors import WRONG_USAGE, UsageError, explain

SEOUL, TOKYO, IRELAND, OHIO = "ap-northeast-2", "ap-northeast-1", "eu-west-1", "us-east-2"


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An AWS config file with one profile."""
    aws_config = tmp_path / "aws-config"
    aws_config.write_text(f"[profile work]\nregion = {OHIO}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws_config))


def chosen(
    flag: str | None = None, written: str | None = None, *, profile: str | None = None, local: bool = False
) -> str:
    return region_module.chosen(flag, written, profile=profile, local=local)


def refusal(run: Callable[[], object]) -> UsageError:
    with pytest.raises(UsageError) as raised:
        run()
    assert raised.value.exit_code == WRONG_USAGE
    return raised.value


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_environment_wins_over_the_profile(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, IRELAND)
    assert chosen(profile="work") == IRELAND


def test_aws_region_wins_over_aws_default_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", IRELAND)
    monkeypatch.setenv("AWS_DEFAULT_REGION", TOKYO)
    assert chosen() == IRELAND


def test_the_profile_is_the_last_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(profile="work") == OHIO
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert chosen() == OHIO


def test_no_region_at_all_is_never_a_silent_default() -> None:
    error = refusal(chosen)
    assert "No region" in error.what
    for place in ("--region", "config", "AWS_REGION", "profile"):
        assert place in error.why
    assert "--region" in error.hint


def test_a_local_run_that_names_no_region_has_one_and_asks_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert chosen(local=True) == SEOUL
    assert chosen(TOKYO, local=True) == TOKYO


@pytest.mark.parametrize("place", ["flag", "config", "environment"])
def test_a_region_that_does_not_exist_is_told_with_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    wrong = "ap-northest-2"
    if place == "environment":
        monkeypatch.setenv("AWS_REGION", wrong)
    flag, written = (wrong if place == one else None for one in ("flag", "config"))
    error = refusal(lambda: chosen(flag, written))
    assert wrong in error.what
    assert error.hint == f"Did you mean {SEOUL}?"
    assert error.why.startswith("the config names it") is (place == "config")


def test_a_region_that_is_like_no_other_may_be_a_new_one() -> None:
    assert "boto3" in refusal(lambda: chosen("moon")).hint


def test_a_profile_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(ProfileNotFound) as raised:
        chosen(profile="nobody")
    assert explain(raised.value).exit_code == WRONG_USAGE
