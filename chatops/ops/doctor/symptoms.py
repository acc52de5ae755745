"""What people see when a serverless chat is broken, and what it comes from: data, the most specific first.

docs/troubleshooting.md says the same to a reader; a test holds the two together, and another provokes each.
"""

from __future__ import annotations

from itertools import chain

from .finding import Severity
from .symptom import Cause, Symptom


def recognise(text: str) -> Symptom | None:
    """The symptom that a text shows, wherever it was seen, or that it names."""
    asked = text.strip().casefold()
    named = (one for one in SYMPTOMS if one.name.casefold() == asked)
    mentioned = (one for one in SYMPTOMS if one.name.casefold() in asked)
    shown = (one for one in SYMPTOMS if one.is_in(text))
    return next(chain(named, shown, mentioned), None)


def in_log(text: str) -> Symptom | None:
    """The symptom that a function's log event shows."""
    return next((one for one in SYMPTOMS if one.terms and one.is_in(text)), None)


UP, DOCTOR, PRUNE, POLICY = "chatops up", "chatops doctor", "chatops prune", "chatops policy"
URL, FIND, LOGS, INVITE = "chatops url", "chatops find", "chatops logs --since 10m", "chatops invite"

IN_LOGS = (
    Symptom(
        "403 on post",
        r'"post_failed".*"status": 403|"event": "forbidden"|perform: execute-api:ManageConnections'
        r"|\((Forbidden(Exception)?|403)\) when calling the (Post|Get|Delete)\w*Connection",
        (
            Cause("the send function's role does not allow ManageConnections on this API and stage", UP),
            Cause("it posts to another API or stage than the one that called it", UP),
        ),
        terms=("post_failed", "forbidden", "ForbiddenException"),
    ),
    Symptom(
        "410 on post",
        r'"post_failed".*"status": 410|GoneException|\(410\) when calling the (Post|Get|Delete)\w*Connection',
        (
            Cause("the client is gone and its row is still in the table; a broadcast deletes such rows", PRUNE),
            Cause("$connect posted to its own connection, which opens only after $connect has answered", LOGS),
        ),
        Severity.WARNING,
        terms=("GoneException",),
    ),
    Symptom(
        "413 on post",
        r'"post_failed".*"status": 413|PayloadTooLargeException|\(413\)',
        (Cause("a message is longer than 128 KB, the most that API Gateway posts", LOGS),),
        Severity.WARNING,
        terms=("post_failed", "PayloadTooLargeException"),
    ),
    Symptom(
        "429 on post",
        r'"post_failed".*"status": 429|"post_failed".*(Too ?Many ?Requests|LimitExceeded)',
        (
            Cause("more is posted than the account's requests per second allow", "chatops metrics --since 1h"),
            Cause("one client reads more slowly than others write", "chatops kick --idle 5m"),
        ),
        Severity.WARNING,
        terms=("post_failed",),
    ),
    Symptom(
        "AccessDenied in a function",
        r"AccessDenied|is not authorized to perform",
        (
            Cause("the function's role lost an action that the config allows", UP),
            Cause("the function does something new: add the action to its `allow` in the config", UP),
        ),
        terms=("AccessDeniedException", "AccessDenied"),
    ),
    Symptom(
        "The table is not there",
        r"ResourceNotFoundException.*(PutItem|DeleteItem|Scan)|^ResourceNotFoundException$",
        (
            Cause("the table was deleted by hand", UP),
            Cause("the function's WEBSOCKET_TABLE names another one", UP),
        ),
        terms=("ResourceNotFoundException",),
    ),
    Symptom(
        "Task timed out",
        r"Task timed out after|Error Type: Sandbox\.Timedout|Status: timeout",
        (
            Cause("the function's `timeout` or `memory` is too small for its work", UP),
            Cause("what it calls does not answer", LOGS),
        ),
        terms=("Task timed out",),
    ),
    Symptom(
        "Out of memory",
        r"signal: killed|Runtime\.OutOfMemory|Runtime\.ExitError|MemoryError",
        (Cause("the function's `memory` is too small: raise it in the config", UP),),
        terms=("signal: killed", "Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError"),
    ),
    Symptom(
        "The function cannot be loaded",
        r"Runtime\.ImportModuleError|Runtime\.HandlerNotFound|Runtime\.UserCodeSyntaxError|Unable to import module"
        r"|ModuleNotFoundError",
        (Cause("its zip lacks a module, or its handler's name is wrong; chatops packs what it can find", UP),),
        terms=(
            "Runtime.ImportModuleError",
            "Runtime.HandlerNotFound",
            "Runtime.UserCodeSyntaxError",
            "Unable to import module",
            "ModuleNotFoundError",
        ),
    ),
    Symptom(
        "Malformed Lambda proxy response",
        r"Malformed Lambda proxy response",
        (
            Cause(
                "the handler returned nothing, or something else than an object with `statusCode` and a text `body`",
                LOGS,
            ),
        ),
        terms=("Malformed Lambda proxy response",),
    ),
    Symptom(
        "The page does not know its chat",
        r"\bNoWebSocketUrl\b",
        (Cause("the function's WEBSOCKET_URL is missing or wrong", UP),),
        terms=("NoWebSocketUrl",),
    ),
    Symptom(
        "A page may not open the chat",
        r"\bOriginNotAllowed\b",
        (Cause("the origin of the page is not among `websocket.allowed_origins` in the config", UP),),
        Severity.WARNING,
        terms=("OriginNotAllowed",),
    ),
    Symptom(
        "A handler failed",
        r'^Traceback \(most recent|^\[ERROR\]|Runtime\.\w+Error|"(connect|disconnect|scan|delete|post)_failed"',
        (Cause("its code met something that it does not handle; the client was told Internal server error", LOGS),),
        terms=(
            "Traceback",
            "[ERROR]",
            "connect_failed",
            "disconnect_failed",
            "scan_failed",
            "delete_failed",
            "post_failed",
        ),
    ),
)

ELSEWHERE = (
    Symptom(
        "Internal server error",
        r"Internal server error|server response: 50[02]|HTTP 50[02]",
        (
            Cause("API Gateway may not invoke the function of this route", UP),
            Cause("the function fails, times out or is throttled", DOCTOR),
        ),
    ),
    Symptom(
        "Endpoint request timed out",
        r"Endpoint request timed out|server response: 504|HTTP 504",
        (Cause("the function took more than the 29 seconds for which API Gateway waits", LOGS),),
    ),
    Symptom(
        "CloudWatch Logs role ARN",
        r"CloudWatch Logs role ARN must be set",
        (
            Cause(
                "logging of a WebSocket stage needs a role that the account gives to API Gateway, once per region",
                "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN",
            ),
        ),
    ),
    Symptom(
        "cannot be assumed by Lambda",
        r"cannot be assumed|unable to assume the (provided )?role",
        (
            Cause("the role is seconds old, and IAM has not spread the news; chatops waits for it", UP),
            Cause("the role's trust policy was changed by hand", UP),
        ),
    ),
    Symptom(
        "The clock is wrong",
        r"Signature (expired|not yet current)|RequestTimeTooSkewed|RequestExpired|must be within \d+ minutes",
        (Cause("this machine's clock is more than five minutes off", "timedatectl set-ntp true"),),
    ),
    Symptom(
        "The security token is expired",
        r"ExpiredToken|(security )?token[^.]{0,40} expired",
        (Cause("temporary credentials live for hours only", "aws sso login"),),
    ),
    Symptom(
        "The security token is invalid",
        r"InvalidClientTokenId|UnrecognizedClientException|(security )?token[^.]{0,40} invalid|OptInRequired",
        (
            Cause("the access key was deleted, or belongs to another partition", "aws configure list"),
            Cause("the region is not enabled for this account", FIND),
        ),
    ),
    Symptom(
        "Closed with 1009",
        r"\b1009\b|message too (big|long)|frame too (big|long)",
        (Cause("the client sent more than 128 KB, or a frame of more than 32 KB", LOGS),),
        Severity.WARNING,
    ),
    Symptom(
        "Closed with 1001",
        r"\b1001\b|going away",
        (Cause("the connection was idle for 10 minutes, or open for 2 hours: send a ping, connect again", URL),),
        Severity.INFO,
    ),
    Symptom(
        "Too Many Requests",
        r"Too ?Many ?Requests|server response: 429|Rate Exceeded|Limit Exceeded|ThrottlingException",
        (
            Cause("a function's reserved concurrency, or the account's, is used up", DOCTOR),
            Cause("the route takes no more requests per second: see `throttle` in the config", UP),
            Cause("the account takes no more requests per second", "chatops metrics --since 1h"),
        ),
        Severity.WARNING,
    ),
    Symptom(
        "Forbidden",
        r"Forbidden|server response: 403|HTTP 403",
        (
            Cause("a message has no route that is live, and the API has no $default route", UP),
            Cause("the URL's stage or API does not exist (any more)", URL),
            Cause("the chat asks for a signature (`websocket.auth: iam`) and the client sent none", INVITE),
            Cause("the invite has ended; on AWS it may after five minutes, whatever it says", INVITE),
        ),
    ),
)

SYMPTOMS = (*IN_LOGS, *ELSEWHERE)
