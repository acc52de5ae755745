"""One run's way from options to account, region and stack, and what stops it before any change."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chatops.commands import diagnose
from chatops.deploy.resource import progress
from chatops.errors import WRONG_USAGE, UsageError, explain
from chatops.session import Options, Session

SEOUL, TOKYO, IRELAND, OHIO = "ap-northeast-2", "ap-northeast-1", "eu-west-1", "us-east-2"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an AWS config file with one profile."""
    monkeypatch.chdir(tmp_path)
    aws_config = tmp_path / "aws-config"
    aws_config.write_text(f"[profile work]\nregion = {OHIO}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(aws_config))
    return tmp_path


def session(config: str = "", **options: str | bool) -> Session:
    """A run with this config."""
    Path("chat.yaml").write_text(config)
    return Session(Options(Path("chat.yaml"), **options))  # type: ignore[arg-type]


def refusal(run: Callable[[], object]) -> UsageError:
    with pytest.raises(UsageError) as raised:
        run()
    assert raised.value.exit_code == WRONG_USAGE
    return raised.value


def test_the_flag_wins_over_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", IRELAND)
    assert session(f"region: {TOKYO}", region=SEOUL, profile="work").region == SEOUL


def test_the_config_wins_over_environment_and_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", IRELAND)
    assert session(f"region: {TOKYO}", profile="work").region == TOKYO


def test_another_account_than_the_pinned_one_is_refused(moto: Callable[[], None]) -> None:
    error = refusal(lambda: session("account: '999999999999'", region=SEOUL).aws)
    assert "123456789012" in error.what
    assert "999999999999" in error.why
    assert "nothing was changed" in error.hint


def test_the_pinned_account_is_let_through(moto: Callable[[], None]) -> None:
    assert session("account: '123456789012'", region=SEOUL).aws.account == "123456789012"


def test_without_a_pin_nobody_is_asked_for_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatops.aws.Aws.account", property(lambda _: pytest.fail("asked")))
    assert session(region=SEOUL).aws.region == SEOUL


def test_a_wrong_config_is_told_before_aws_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatops.aws.Aws.client", lambda *_: pytest.fail("asked"))
    assert "problem" in refusal(lambda: session("stak: x", region=SEOUL).aws).what


def test_where_is_stack_account_region_and_config(moto: Callable[[], None]) -> None:
    where = session("stack: mine\nprefix: dev-", region=SEOUL).where
    assert where == {"stack": "dev-+mine", "account": "123456789012", "region": SEOUL, "config": "chat.yaml"}


def test_the_head_tells_stack_account_and_region_on_stderr(
    moto: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    session("stack: mine", region=SEOUL).head()
    out, err = capsys.readouterr()
    assert out == ""
    assert all(one in err for one in ("mine", "123456789012", SEOUL, "config chat.yaml"))
    assert "wins" not in err


def test_a_program_that_reads_json_leaves_the_head_on_stderr_to_its_person(
    moto: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    session("stack: mine", region=SEOUL, as_json=True).head()
    out, err = capsys.readouterr()
    assert out == ""
    assert all(one in err for one in ("mine", "123456789012", SEOUL))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_flag_that_wins_over_the_config_says_so(
    moto: Callable[[], None], capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    session(f"region: {TOKYO}", region=SEOUL, as_json=as_json).head()
    out, err = capsys.readouterr()
    assert f"--region {SEOUL} wins over region: {TOKYO}" in err
    assert out == ""


@pytest.mark.parametrize(
    "endpoint",
    ["nonsense", "", "ftp://a", "http://", "http://[", "http://a b", "http://localhost:99999", "http://localhost:x"],
)
def test_an_endpoint_that_is_no_url_is_the_users_mistake_not_ours(endpoint: str) -> None:
    with pytest.raises(Exception) as raised:
        session(region=SEOUL, endpoint_url=endpoint).aws.client("sts")
    told = explain(raised.value)
    assert not told.is_ours
    assert told.exit_code == WRONG_USAGE
    assert "--endpoint-url" in told.hint


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "https://localhost", "http://[::1]:4566/aws"])
def test_an_endpoint_that_is_a_url_is_used(endpoint: str) -> None:
    assert session(region=SEOUL, endpoint_url=endpoint).aws.client("sts").meta.endpoint_url == endpoint


@pytest.mark.parametrize("option", ["profile", "endpoint_url"])
def test_local_is_not_mixed_with_what_means_another_aws(option: str) -> None:
    error = refusal(lambda: session(local=True, **{option: "http://127.0.0.1:1"}).aws)
    assert f"--{option.replace('_', '-')}" in error.what


def test_yes_and_local_are_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda: pytest.fail("asked"))
    assert session().may("Sure?", yes=True, unattended=False)
    assert session(local=True).may("Sure?", yes=False, unattended=False)


def test_with_nobody_there_creating_goes_on_and_deleting_is_refused() -> None:
    assert session().may("Create it?", yes=False, unattended=True)
    error = refusal(lambda: session().may("Delete it?", yes=False, unattended=False))
    assert "--yes" in error.hint


@pytest.mark.parametrize(("answer", "may"), [("y", True), ("YES ", True), ("예", True), ("n", False), ("", False)])
def test_a_person_is_asked_once_and_only_a_clear_yes_is_one(
    monkeypatch: pytest.MonkeyPatch, answer: str, may: bool
) -> None:
    one = session()
    monkeypatch.setattr(type(one.output), "is_interactive", property(lambda _: True))
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert one.may("Delete it?", yes=False, unattended=False) is may


def test_a_program_that_reads_json_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(as_json=True)
    monkeypatch.setattr(type(one.output), "is_interactive", property(lambda _: True))
    monkeypatch.setattr("builtins.input", lambda: pytest.fail("asked"))
    assert "--yes" in refusal(lambda: one.may("Delete it?", yes=False, unattended=False)).hint


@pytest.mark.parametrize(("as_json", "listed"), [(True, ["- table.a", "- table.b"]), (False, [])])
def test_a_program_reads_in_the_error_what_would_be_deleted_and_a_person_has_read_it_by_then(
    as_json: bool, listed: list[str]
) -> None:
    one = session(as_json=as_json)
    error = refusal(lambda: one.may("Sure?", yes=False, unattended=False, deletes=["table.a", "table.b"]))
    assert error.why.splitlines()[1:] == listed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_without_raising_and_only_while_it_lasts(number: signal.Signals) -> None:
    one, before = session(), signal.getsignal(number)
    with one.interrupt.raising(), one.stoppable():
        os.kill(os.getpid(), number)
        assert one.stop.wait(30)
    assert signal.getsignal(number) is before


def test_the_next_run_reads_the_config_anew_and_keeps_the_account(moto: Callable[[], None]) -> None:
    one = session("stack: first", region=SEOUL)
    assert one.config.stack == "first"
    aws = one.aws
    Path("chat.yaml").write_text("stack: second")
    again = one.again()
    assert again.config.stack == "second"
    assert again.aws is aws
    assert again.stop is one.stop


def test_the_same_run_with_another_option_is_stopped_with_it() -> None:
    one = session(region=SEOUL)
    other = one.other(local=True)
    assert other.options.local and other.options.region == SEOUL
    assert other.stop is one.stop
    assert other.interrupt is one.interrupt


def test_what_makes_a_run_wait_is_told_whichever_command_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    _ = session(region=SEOUL, endpoint_url="http://127.0.0.1:1", as_json=True).aws
    progress("sts does not take GetCallerIdentity now")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("… sts does not take GetCallerIdentity now\n")


ENDPOINT = "http://user:pass-word@127.0.0.1:4566"


@pytest.mark.parametrize("place", ["option", "variable", "profile"])
def test_an_endpoint_is_the_same_wherever_it_is_configured(
    place: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, str] = {"option": {"endpoint_url": ENDPOINT}, "profile": {"profile": "near"}}.get(place, {})
    if place == "variable":
        monkeypatch.setenv("AWS_ENDPOINT_URL", ENDPOINT)
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (nowhere / "aws-config").write_text(f"[profile near]\nendpoint_url = {ENDPOINT}\n{keys}")
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    one = session(region=SEOUL, **options)
    assert one.aws.client("sts").meta.endpoint_url == ENDPOINT
    assert one.aws.connections_url("abc", "demo").startswith(f"{ENDPOINT}/_aws/execute-api/")
    one.head()
    err = capsys.readouterr().err
    assert "(endpoint http://127.0.0.1:4566)" in err
    assert "pass-word" not in err


def test_the_endpoint_of_one_service_stays_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000")
    aws = session(region=SEOUL).aws
    assert aws.client("dynamodb").meta.endpoint_url == "http://127.0.0.1:8000"
    assert aws.client("sts").meta.endpoint_url == "http://127.0.0.1:4566"


def test_an_option_or_a_refusal_to_read_settings_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert session(region=SEOUL, endpoint_url="http://127.0.0.1:1").aws.endpoint_url == "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert session(region=SEOUL).aws.endpoint_url is None


GENERAL = "http://127.0.0.1:4566"


@pytest.mark.parametrize("general", [None, GENERAL])
def test_the_head_names_the_services_that_are_redirected(
    moto: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], general: str | None
) -> None:
    if general:
        monkeypatch.setenv("AWS_ENDPOINT_URL", general)
    for service in ("DYNAMODB", "CLOUDWATCH_LOGS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://user:secret@127.0.0.1:8000")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000")
    one = session(region=SEOUL)
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    one.head()
    err = capsys.readouterr().err.replace("\n", " ")
    assert "cloudwatch_logs, dynamodb at http://127.0.0.1:8000)" in err
    assert (f"(endpoint {GENERAL}; " in err) is bool(general)
    assert "secret" not in err and "9000" not in err


def test_a_service_that_a_profile_redirects_is_named_unless_a_variable_is_for_all(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "aws-config").write_text(
        "[profile work]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "services = near\n[services near]\ndynamodb =\n  endpoint_url = http://127.0.0.1:8000\n"
    )
    one = session(region=SEOUL, profile="work")
    assert one.place(one.aws) == "(dynamodb at http://127.0.0.1:8000)"
    assert one.aws.client("dynamodb").meta.endpoint_url == "http://127.0.0.1:8000"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert session(region=SEOUL, profile="work").place(one.aws) == ""
    monkeypatch.delenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    monkeypatch.setenv("AWS_ENDPOINT_URL", GENERAL)
    again = session(region=SEOUL, profile="work")
    assert again.place(again.aws) == f"(endpoint {GENERAL})"
    given = session(region=SEOUL, endpoint_url="http://127.0.0.1:1")
    assert given.place(given.aws) == "(endpoint http://127.0.0.1:1)"


def test_what_is_known_without_aws_names_the_config_and_the_region_that_is_given() -> None:
    known = session("stack: mine\n", region=SEOUL).known
    assert known == {"account": "unknown", "stack": "mine", "config": "chat.yaml", "region": SEOUL}
    broken = session("stak: mine\n", region=SEOUL).known
    assert broken == {"account": "unknown", "config": "chat.yaml", "region": SEOUL}
    assert "region" not in session("stack: mine\n", profile="nobody").known


@pytest.mark.parametrize("text", ["stack: mine\n", "stak: mine\n"])
def test_the_doctor_prints_a_header_though_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    Path("chat.yaml").write_text(text)
    ended = CliRunner().invoke(diagnose.app, ["doctor", "--config", "chat.yaml", "--region", SEOUL])
    assert ended.exit_code == 1
    assert "account unknown" in ended.stderr and "config chat.yaml" in ended.stderr and SEOUL in ended.stderr
    assert ("stack mine" in ended.stderr) is text.startswith("stack")


def test_a_region_that_does_not_exist_is_told_with_its_line_in_the_config() -> None:
    told = refusal(lambda: session("stack: mine\nregion: mars-west-9\n").region)
    assert told.why.startswith("chat.yaml:2 names it, and ")
