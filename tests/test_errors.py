"""Every error in words: what happened, why, and what to do next."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from chatops import errors
from chatops.aws import Interrupted, TimedOut
from chatops.deploy.apply import NotConverged, UnknownValue
from chatops.deploy.resource import Blocked
from chatops.errors import FAILED, INTERRUPTED, WRONG_USAGE, ChatopsError, ConfigError, LocalError, UsageError, explain
from chatops.resources.deployment import DeploymentFailed
from chatops.resources.function import FunctionFailed


def refused(code: str, message: str = "no", operation: str = "CreateTable") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


OURS = [
    (ChatopsError("a-code", "What", "why", "hint"), FAILED),
    (UsageError("a-code", "What", "why", "hint"), WRONG_USAGE),
    (ConfigError("c.yaml", ["c.yaml:1: x"]), WRONG_USAGE),
    (LocalError("a-code", "What", "why", "hint"), FAILED),
]
THEIRS = [
    (Interrupted(), INTERRUPTED),
    (Blocked("two-of-them", "there are two", "Delete one."), FAILED),
    (NotConverged("table.t", ["billing", "key"]), FAILED),
    (TimedOut("table t becoming ACTIVE took more than 120 seconds"), FAILED),
    (FunctionFailed("send: no such runtime"), FAILED),
    (DeploymentFailed("chat: no such method"), FAILED),
    (refused("AccessDeniedException"), FAILED),
    (boto.NoCredentialsError(), WRONG_USAGE),
    (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), WRONG_USAGE),
    (boto.CredentialRetrievalError(provider="sso", error_msg="no"), WRONG_USAGE),
    (boto.ProfileNotFound(profile="work"), WRONG_USAGE),
    (boto.SSOTokenLoadError(error_msg="gone"), FAILED),
    (boto.UnauthorizedSSOTokenError(), FAILED),
    (boto.TokenRetrievalError(provider="sso", error_msg="gone"), FAILED),
    (boto.EndpointConnectionError(endpoint_url="https://lambda.ap-northeast-2.amazonaws.com"), FAILED),
    (boto.ConnectTimeoutError(endpoint_url="https://x"), FAILED),
    (boto.ReadTimeoutError(endpoint_url="https://x"), FAILED),
    (boto.ConnectionClosedError(endpoint_url="https://x"), FAILED),
    (boto.SSLError(endpoint_url="https://x", error="bad"), FAILED),
    (boto.ProxyConnectionError(proxy_url="http://p"), FAILED),
    (boto.ConfigParseError(path="config", error="x"), WRONG_USAGE),
    (boto.ConfigNotFound(path="config"), WRONG_USAGE),
    (FileNotFoundError(2, "No such file or directory", "handlers/connect.py"), FAILED),
    (PermissionError(13, "Permission denied", "config.yaml"), FAILED),
    (IsADirectoryError(21, "Is a directory", "handlers"), FAILED),
]
MISTAKES = [
    KeyError("x"),
    ValueError("x"),
    AssertionError(),
    RuntimeError("x\ny"),
    UnknownValue("stage.chat was to be sent a value that is not known yet"),
    boto.ParamValidationError(report="Missing required parameter"),
    boto.DataNotFoundError(data_path="x"),
    boto.UnknownServiceError(service_name="x", known_service_names="y"),
]


@pytest.mark.parametrize(("error", "code"), [*OURS, *THEIRS], ids=lambda one: type(one).__name__)
def test_every_error_that_is_not_our_mistake_is_told_in_words_with_its_exit_code(error: Exception, code: int) -> None:
    told = explain(error)
    assert told.what and told.why
    assert (told.exit_code, told.is_ours) == (code, False)


@pytest.mark.parametrize("error", MISTAKES, ids=lambda one: type(one).__name__)
def test_everything_else_is_our_mistake_and_says_how_to_report_it(error: Exception) -> None:
    told = explain(error)
    assert told.is_ours
    assert told.exit_code == FAILED
    assert "--debug" in told.hint
    assert told.why


def test_every_class_of_the_tree_in_the_docstring_exists_and_no_other() -> None:
    listed = {line.split()[0] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")}
    classes = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    assert listed == classes


def test_an_error_of_ours_is_told_as_it_was_written() -> None:
    told = explain(UsageError("no-region", "No region is chosen", "nothing names one", "Add --region."))
    assert (told.what, told.why, told.hint) == ("No region is chosen", "nothing names one", "Add --region.")


def test_what_aws_refused_is_told_with_its_operation_code_and_message() -> None:
    told = explain(refused("AccessDeniedException", "User x is not authorized to perform: dynamodb:CreateTable"))
    assert told.what == "AWS refused CreateTable"
    assert told.why == "AccessDeniedException: User x is not authorized to perform: dynamodb:CreateTable"
    assert "--profile" in told.hint


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ExpiredToken", "Sign in again"),
        ("ExpiredTokenException", "Sign in again"),
        ("InvalidClientTokenId", "aws configure list"),
        ("UnrecognizedClientException", "AWS_PROFILE"),
        ("SignatureDoesNotMatch", "clock"),
        ("AccessDenied", "permission"),
        ("OptInRequired", "Enable this region"),
        ("TooManyRequestsException", "wait a minute"),
        ("LimitExceededException", "quota"),
        ("SomethingNew", "chatops doctor"),
    ],
)
def test_what_aws_refuses_most_often_has_a_hint_of_its_own(code: str, hint: str) -> None:
    assert hint in explain(refused(code)).hint


def test_a_refusal_without_a_message_or_even_a_code_is_told_all_the_same() -> None:
    assert explain(refused("X", "")).why == "X: no message"
    assert explain(ClientError({}, "CreateTable")).why == "unknown: no message"


def test_what_did_not_converge_is_told_with_its_paths() -> None:
    assert "billing, key" in explain(NotConverged("table.t", ["billing", "key"])).why


def test_a_block_is_told_with_what_to_do() -> None:
    told = explain(Blocked("two-of-them", "there are two", "Delete one."))
    assert (told.why, told.hint) == ("there are two", "Delete one.")


def test_what_goes_on_by_running_again_says_so() -> None:
    for error in (NotConverged("x", ["y"]), TimedOut("x"), FunctionFailed("x"), Interrupted()):
        assert "again" in explain(error).hint


def test_a_file_that_cannot_be_used_is_named() -> None:
    assert explain(FileNotFoundError(2, "No such file or directory", "a.py")).why == "a.py: No such file or directory"
    assert explain(OSError("broken")).why
    assert explain(IsADirectoryError(21, "Is a directory", "handlers")).hint


def test_no_credentials_lead_to_the_ways_to_get_some_and_to_local() -> None:
    hint = explain(boto.NoCredentialsError()).hint
    assert "aws configure" in hint and "--local" in hint


def test_an_error_as_text_is_what_and_why() -> None:
    assert str(ChatopsError("a-code", "What", "why", "hint")) == "What: why"
