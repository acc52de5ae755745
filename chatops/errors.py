"""Every way in which chatops ends other than well, and the words for it.

    ChatopsError            its code, what happened, why, what to do next, and the exit code (1)
      UsageError            wrong usage (2)
        NoRegion            nothing names a region (2)
        MissingExtra        a package of an extra is not installed (2)
        ConfigError         the config file is wrong (2); lists every problem in it
        HandlerError        the handlers' code is wrong (2); lists every problem in it
      LocalError            the local AWS could not be used (1)

All else travels untouched, and `explain` finds words for it. A code is one error's name for ever, and no other has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

FAILED, WRONG_USAGE, NOT_IN_SYNC, INTERRUPTED = 1, 2, 3, 130
MAX_PROBLEMS = 20
"""Problems of a config or of handlers that an error lists."""
MAX_PROBLEM_CHARACTERS = 500
"""Of one problem, without the file's name: a file may hold a line of a megabyte."""
FIX_LINES = "Fix the lines above. No changes were made."


@dataclass(frozen=True)
class Explanation:
    """An error in words a person can use: what happened, why, and what to do next; and its code, for a program."""

    code: str
    what: str
    why: str
    hint: str
    exit_code: int = FAILED
    is_ours: bool = False
    """True when it is a mistake of chatops, and a traceback helps."""


class ChatopsError(Exception):
    """Something that the user can understand and act upon."""

    exit_code = FAILED

    def __init__(self, code: str, what: str, why: str, hint: str) -> None:
        super().__init__(f"{what}: {why}")
        self.code, self.what, self.why, self.hint = code, what, why, hint


class UsageError(ChatopsError):
    """The command cannot be run as it was written."""

    exit_code = WRONG_USAGE


class NoRegion(UsageError):
    """Neither the options, the config nor the environment name a region."""

    def __init__(self) -> None:
        super().__init__(
            "no-region",
            "No region is chosen",
            "neither --region, the config, AWS_REGION nor the profile names one",
            "Check the region you mean, then add for example --region ap-northeast-2.",
        )


class MissingExtra(UsageError):
    """A command needs packages that are installed with an extra only; `command` installs them."""

    def __init__(self, extra: str, packages: Sequence[str], command: str) -> None:
        super().__init__(
            "extra-missing",
            f"This command needs the extra [{extra}] of chatops",
            f"{', '.join(packages)} {'are' if len(packages) > 1 else 'is'} not installed",
            f"Run: {command}",
        )


class ConfigError(UsageError):
    """The config file is wrong; `problems` lists everything that is, each with its line and key path.

    `handler_problems` is what is wrong with the handlers' code besides.
    """

    def __init__(self, file: str, problems: Sequence[str], handler_problems: Sequence[str] = ()) -> None:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        what = f"The config {file} has {count}" + (", and the handler code is invalid" if handler_problems else "")
        is_complete = len(handler_problems) <= MAX_PROBLEMS
        super().__init__("config", what, _listed([*problems, *handler_problems], is_complete), FIX_LINES)
        self.problems, self.handler_problems = tuple(problems), tuple(handler_problems)


class HandlerError(UsageError):
    """The handlers' code cannot run in Lambda; `problems` lists what is wrong, each with file and line.

    It ends with the first one that is not shown any more: the code is searched no further.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        is_complete = len(problems) <= MAX_PROBLEMS
        super().__init__("handler", "Invalid handler code", _listed(problems, is_complete), FIX_LINES)
        self.problems = tuple(problems)


def shortened(text: str, limit: int) -> str:
    """The text; longer than `limit` characters, its beginning with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _listed(problems: Sequence[str], is_complete: bool) -> str:
    """The first problems, a line each, and how many more there are, or at least are."""
    more = len(problems) - MAX_PROBLEMS
    rest = [f"and {'' if is_complete else 'at least '}{more:,} more"] if more > 0 else []
    return "\n".join([*problems[:MAX_PROBLEMS], *rest])


class LocalError(ChatopsError):
    """The local AWS could not be started, found or stopped."""


@dataclass(frozen=True)
class Refusal:
    """What AWS says no for: our code for it, AWS's own ones, and what to do next."""

    code: str
    names: tuple[str, ...]
    hint: str


REFUSALS = (
    Refusal(
        "credentials-expired",
        ("ExpiredToken", "ExpiredTokenException"),
        "Sign in again (for example `aws sso login`), then run the same command.",
    ),
    Refusal("request-expired", ("RequestExpired",), "Set this machine's clock right, or sign in again."),
    Refusal(
        "unknown-access-key",
        ("InvalidClientTokenId", "UnrecognizedClientException"),
        "The access key does not exist (any more), or this region is not enabled for its account: check AWS_PROFILE, "
        "`aws configure list` and the region.",
    ),
    Refusal(
        "wrong-signature",
        ("SignatureDoesNotMatch", "InvalidSignatureException"),
        "The secret key does not belong to the access key, or this machine's clock is wrong: check both.",
    ),
    Refusal("wrong-credentials", ("AuthFailure",), "Check the credentials with `aws configure list`."),
    Refusal(
        "access-denied",
        ("AccessDenied", "AccessDeniedException"),
        "Ask for this permission, or use a profile that has it (`--profile`); `chatops policy` prints what is needed.",
    ),
    Refusal(
        "region-not-enabled",
        ("OptInRequired",),
        "Enable this region for the account in the AWS console, or choose another with --region.",
    ),
    Refusal(
        "throttled",
        ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"),
        "AWS is being asked too much at once: wait a minute and run the command again.",
    ),
    Refusal(
        "quota-used-up",
        ("LimitExceededException", "LimitExceeded", "ServiceQuotaExceededException"),
        "A quota is used up: raise it in Service Quotas, or delete what is unused.",
    ),
    Refusal(
        "code-storage-full",
        ("CodeStorageExceededException",),
        "Lambda's storage quota is used up: delete old functions or versions.",
    ),
)
OTHER = Refusal("aws-refused", (), "Run the same command again to go on; `chatops doctor` looks for the cause.")


def explain(error: BaseException) -> Explanation:
    """What happened, why, and what to do next, for any error at all; without secrets that its text may hold."""
    from .text import redacted

    told = _told(error)
    return replace(told, what=redacted(told.what), why=redacted(told.why), hint=redacted(told.hint))


def _told(error: BaseException) -> Explanation:
    if isinstance(error, ChatopsError):
        return Explanation(error.code, error.what, error.why, error.hint, error.exit_code)
    if isinstance(error, ModuleNotFoundError):
        from .extras import explain_missing

        if missing := explain_missing(error.name):
            return _told(missing)
    # Some of botocore's exceptions are OSErrors, too.
    if told := _told_of_aws(error):
        return told
    if isinstance(error, OSError):
        what = error.strerror or type(error).__name__
        hint = "Check the path, whether a file or a folder is meant, and whether you may use it."
        return Explanation("file", "A file could not be used", f"{error.filename or ''}: {what}".strip(": "), hint)
    return Explanation(
        "unexpected",
        "chatops made a mistake",
        f"{type(error).__name__}: {_first_line(error)}",
        "Run the same command with --debug and report what it prints.",
        is_ours=True,
    )


def _told_of_aws(error: BaseException) -> Explanation | None:
    from botocore import exceptions as boto

    from .aws import Interrupted, TimedOut
    from .deploy.apply import NotConverged, Stopped
    from .deploy.resource import Blocked
    from .resources.deployment import DeploymentFailed
    from .resources.function import FunctionFailed

    why = _first_line(error)
    again = "Run the same command again; it continues where this one ended."
    if isinstance(error, (Interrupted, Stopped)):
        return Explanation("interrupted", "Stopped", "the run was interrupted while it waited", again, INTERRUPTED)
    if isinstance(error, Blocked):
        return Explanation(error.code, "Blocked", error.why, error.hint)
    if isinstance(error, NotConverged):
        what, paths = "AWS took the change, and yet shows something else", ", ".join(error.paths)
        return Explanation("not-converged", what, f"these still differ: {paths}", again)
    if isinstance(error, TimedOut):
        return Explanation("timed-out", "AWS was not ready in time", str(error), again)
    if isinstance(error, FunctionFailed):
        hint = "Mend what it names in the config or the handler, then run the same command again."
        return Explanation("function-failed", "Lambda took a function, and cannot run it", str(error), hint)
    if isinstance(error, DeploymentFailed):
        return Explanation("deployment-failed", "The routes could not be deployed", str(error), again)
    if isinstance(error, boto.ClientError):
        return _explain_client_error(error)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        hint = "Run `aws configure` or `aws sso login`, or set AWS_PROFILE; to try without AWS, add --local."
        return Explanation("no-credentials", "No AWS credentials", why, hint, WRONG_USAGE)
    if isinstance(error, boto.ProfileNotFound):
        hint = "`aws configure list-profiles` lists the profiles that exist."
        return Explanation("no-such-profile", "No such profile", why, hint, WRONG_USAGE)
    if isinstance(error, (boto.SSOError, boto.UnauthorizedSSOTokenError, boto.TokenRetrievalError)):
        return Explanation(
            "sso-session-over",
            "The SSO session is over",
            why,
            "Run `aws sso login` for this profile, then the same command again.",
        )
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError)):
        from .aws.network import reason

        why, hint = reason(error)
        if isinstance(error, boto.ConnectionError):
            return Explanation("aws-unreachable", "AWS could not be reached", why, hint)
        return Explanation("connection-broke", "The connection to AWS broke", why, hint)
    if isinstance(error, (boto.ConfigParseError, boto.ConfigNotFound, boto.InvalidConfigError)):
        hint = "Mend ~/.aws/config, or the file that AWS_CONFIG_FILE names."
        return Explanation("aws-config-unreadable", "The AWS config file cannot be read", why, hint, WRONG_USAGE)
    if isinstance(error, (boto.ParamValidationError, boto.DataNotFoundError, boto.BotoCoreError)):
        hint = "Run the same command with --debug and report what it prints."
        return Explanation(
            "botocore-refused", "chatops made a call that botocore refuses", str(error), hint, is_ours=True
        )
    return None


def _explain_client_error(error: BaseException) -> Explanation:
    from botocore.exceptions import ClientError

    assert isinstance(error, ClientError)
    detail = error.response.get("Error", {})
    name = str(detail.get("Code", "unknown"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status in (500, 502, 503, 504) and name in (str(status), "unknown"):
        # No service of AWS answers without an error code of its own: it comes from what stands in between.
        why = f"HTTP {status} without an error code of AWS, after all retries"
        hint = "Check the endpoint URL and the proxy, and https://health.aws.amazon.com; then run the command again."
        return Explanation(OTHER.code, f"The server could not handle {error.operation_name}", why, hint)
    refusal = next((one for one in REFUSALS if name in one.names), OTHER)
    why = f"{name}: {str(detail.get('Message', '')).strip() or 'no message'}"
    return Explanation(refusal.code, f"AWS refused {error.operation_name}", why, refusal.hint)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
