"""Endpoints in AWS's place that are no URLs: told as the user's mistake, wherever they are configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatops.aws.endpoint import check
from chatops.errors import UsageError

WRONG = ["nonsense", "ftp://a", "http://", "http://[", "http://a b", "http://localhost:99999", "http://localhost:x"]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
@pytest.mark.parametrize("url", WRONG)
def test_a_variable_that_is_no_url_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(UsageError) as refused:
        check(None, None)
    assert url in refused.value.what
    assert refused.value.why.startswith(f"{variable} must be")
    assert variable in refused.value.hint


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:4566", "https://[::1]/aws"])
def test_a_variable_that_is_empty_or_a_url_is_let_through(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    check(None, None)


def test_what_is_not_used_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    check("http://127.0.0.1:4566", None)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    check(None, None)


def test_a_profile_whose_endpoint_is_no_url_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aws").write_text("[profile work]\nendpoint_url = nonsense\n[profile home]\nregion = us-east-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    with pytest.raises(UsageError, match="endpoint_url in the AWS config file"):
        check(None, "work")
    check(None, "home")


def test_the_endpoint_of_a_service_that_a_profile_uses_is_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aws").write_text(
        "[profile work]\nservices = near\n[profile home]\nservices = far\n[profile lost]\nservices = nowhere\n"
        "[services near]\ndynamodb =\n  endpoint_url = http://127.0.0.1:8000\niam =\n  endpoint_url = nonsense\n"
        "[services far]\ndynamodb =\n  endpoint_url = http://127.0.0.1:8000\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    with pytest.raises(UsageError, match="endpoint_url of iam in the AWS config file must be"):
        check(None, "work")
    check(None, "home")
    check(None, "lost")
