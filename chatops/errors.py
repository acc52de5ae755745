"""Every way in which chatops ends other than well, and the words for it.

    ChatopsError            what happened, why, what to do next, and the exit code (1)
      UsageError            wrong usage (2)
        NoRegion            nothing names a region (2)
        ConfigError         the config file is wrong (2); lists every problem in it
      LocalError            the local AWS could not be used (1)

All else travels untouched, and `explain` finds words for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

FAILED, WRONG_USAGE, NOT_IN_SYNC, INTERRUPTED = 1, 2, 3, 130


@dataclass(frozen=True)
class Explanation:
    """An error in words a person can use: what happened, why, and what to do next."""

    what: str
    why: str
    hint: str
    exit_code: int = FAILED
    is_ours: bool = False
    """True when it is a mistake of chatops, and a traceback helps."""


class ChatopsError(Exception):
    """Something that the user can understand and act upon."""

    exit_code = FAILED

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(": ".join(part for part in (what, why) if part))
        self.what, self.why, self.hint = what, why, hint


class UsageError(ChatopsError):
    """The command cannot be run as it was written."""

    exit_code = WRONG_USAGE


class NoRegion(UsageError):
    """Neither the options, the config nor the environment name a region."""

    def __init__(self) -> None:
        super().__init__(
            "No region is chosen",
            "neither --region, the config, AWS_REGION nor the profile names one",
            "Check the region you mean, then add for example --region ap-northeast-2.",
        )


class ConfigError(UsageError):
    """The config file is wrong; `problems` lists everything that is, each with its line and key path."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        super().__init__(
            f"The config {file} has {count}", "\n".join(problems), "Mend the lines named above; nothing was changed."
        )
        self.problems = tuple(problems)


class LocalError(ChatopsError):
    """The local AWS could not be started, found or stopped."""


AWS_HINTS = {
    "ExpiredToken": "Sign in again (for example `aws sso login`), then run the same command.",
    "ExpiredTokenException": "Sign in again (for example `aws sso login`), then run the same command.",
    "RequestExpired": "Set this machine's clock right, or sign in again.",
    "InvalidClientTokenId": "The access key does not exist (any more): check AWS_PROFILE and `aws configure list`.",
    "UnrecognizedClientException": "The access key is not known in this region: check AWS_PROFILE, and the region.",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key, or this machine's clock is wrong.",
    "AuthFailure": "Check the credentials with `aws configure list`.",
    "AccessDenied": "Ask for this permission, or use a profile that has it (`--profile`).",
    "AccessDeniedException": "Ask for this permission, or use a profile that has it (`--profile`).",
    "OptInRequired": "Enable this region for the account in the AWS console, or choose another with --region.",
    "TooManyRequestsException": "AWS is being asked too much at once: wait a minute and run the command again.",
    "ThrottlingException": "AWS is being asked too much at once: wait a minute and run the command again.",
    "LimitExceededException": "A quota is used up: raise it in Service Quotas, or delete what is unused.",
    "CodeStorageExceededException": "Lambda's storage quota is used up: delete old functions or versions.",
}


def explain(error: BaseException) -> Explanation:
    """What happened, why, and what to do next, for any error at all; without secrets that its text may hold."""
    from .text import redacted

    told = _told(error)
    return replace(told, what=redacted(told.what), why=redacted(told.why), hint=redacted(told.hint))


def _told(error: BaseException) -> Explanation:
    if isinstance(error, ChatopsError):
        return Explanation(error.what, error.why, error.hint, error.exit_code)
    from botocore import exceptions as boto

    from .aws import Interrupted, TimedOut
    from .deploy.apply import NotConverged, Stopped
    from .deploy.resource import Blocked
    from .resources.function import FunctionFailed
    from .resources.stage import DeploymentFailed

    again = "Run the same command again; it continues where this one ended."
    if isinstance(error, (Interrupted, Stopped)):
        return Explanation("Stopped", "the run was interrupted while it waited", again, INTERRUPTED)
    if isinstance(error, Blocked):
        return Explanation("Blocked", error.why, error.hint)
    if isinstance(error, NotConverged):
        return Explanation(
            "AWS took the change, and yet shows something else", f"these still differ: {', '.join(error.paths)}", again
        )
    if isinstance(error, TimedOut):
        return Explanation("AWS was not ready in time", str(error), again)
    if isinstance(error, (FunctionFailed, DeploymentFailed)):
        return Explanation("AWS took the change and then failed", str(error), again)
    if isinstance(error, boto.ClientError):
        return _explain_client_error(error)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return Explanation(
            "No AWS credentials",
            _first_line(error),
            "Run `aws configure` or `aws sso login`, or set AWS_PROFILE; to try without AWS, add --local.",
            WRONG_USAGE,
        )
    if isinstance(error, boto.ProfileNotFound):
        hint = "`aws configure list-profiles` lists the profiles that exist."
        return Explanation("No such profile", _first_line(error), hint, WRONG_USAGE)
    if isinstance(error, (boto.SSOError, boto.UnauthorizedSSOTokenError, boto.TokenRetrievalError)):
        return Explanation("The SSO session is over", _first_line(error), "Run `aws sso login` and try again.")
    if isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ConnectionError)):
        return Explanation(
            "AWS could not be reached",
            _first_line(error),
            "Check the network and the region's name; `chatops local status` tells whether a local AWS is running.",
        )
    if isinstance(error, boto.HTTPClientError):
        return Explanation("The connection to AWS broke", _first_line(error), again)
    if isinstance(error, (boto.ConfigParseError, boto.ConfigNotFound, boto.InvalidConfigError)):
        return Explanation("The AWS config file cannot be read", _first_line(error), "Mend ~/.aws/config.", WRONG_USAGE)
    if isinstance(error, (boto.ParamValidationError, boto.DataNotFoundError, boto.BotoCoreError)):
        return Explanation("botocore refused the call", str(error), "Run with --debug and report it.", is_ours=True)
    if isinstance(error, OSError):
        what = error.strerror or type(error).__name__
        hint = "Check the path, whether a file or a folder is meant, and whether you may use it."
        return Explanation("A file could not be used", f"{error.filename or ''}: {what}".strip(": "), hint)
    return Explanation(
        "chatops made a mistake",
        f"{type(error).__name__}: {_first_line(error)}",
        "Run the same command with --debug and report what it prints.",
        is_ours=True,
    )


def _explain_client_error(error: BaseException) -> Explanation:
    from botocore.exceptions import ClientError

    assert isinstance(error, ClientError)
    detail = error.response.get("Error", {})
    code = str(detail.get("Code", "unknown"))
    hint = AWS_HINTS.get(code, "Run the same command again to go on; `chatops doctor` looks for the cause.")
    return Explanation(
        f"AWS refused {error.operation_name}", f"{code}: {str(detail.get('Message', '')).strip() or 'no message'}", hint
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
