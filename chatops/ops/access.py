"""Who gets in: the signed URLs that open a closed chat.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from ..errors import UsageError
from ..stack import Stack

LONGEST = 7 * 24 * 3600
"""Seconds for which a signature may be good."""
ONE_HANDSHAKE = 60
"""Seconds: what a client that is about to connect needs, with clocks that differ a little."""


@dataclass(frozen=True)
class Invite:
    """What lets its holder in: the chat's URL, signed, and the page's, where the stack has one."""

    url: str
    page: str | None
    expires_at: datetime
    is_temporary: bool
    """Whether the credentials that sign it end by themselves, and the invite with them."""


def signed_websocket_url(stack: Stack, url: str | None = None, seconds: int = ONE_HANDSHAKE) -> str:
    """The address for one attempt to connect: the chat's own, signed where the chat is closed.

    Ask for one before every attempt; `url` is the chat's own address, where that is known already.
    """
    url = url or stack.url(None)
    return _signed(stack, url, seconds) if is_closed(stack) else url


def is_closed(stack: Stack) -> bool:
    """Whether the chat asks for a signature."""
    return stack.config.websocket.auth == "iam"


def invite(stack: Stack, seconds: int) -> Invite:
    """An invite that is good for this long. Raises UsageError where nobody needs one, or for too long a time."""
    if not is_closed(stack):
        raise UsageError(
            "This chat is open: nobody needs an invite",
            f"{stack.config.file} has websocket: {{auth: none}}",
            "`chatops url` prints its address. To close it, set websocket: {auth: iam} and run `chatops up`.",
        )
    if not 1 <= seconds <= LONGEST:
        raise UsageError("No invite can last that long", "AWS takes signatures of 1 second to 7 days", "--expires 7d")
    began = datetime.now(timezone.utc)
    credentials = stack.aws.credentials
    url = _signed(stack, stack.url(None), seconds)
    ends = began + timedelta(seconds=seconds)
    session_ends = stack.aws.credentials_end
    page = next(iter(stack.config.pages), None)
    return Invite(
        url,
        f"{stack.url(page)}/#{url.partition('?')[2]}" if page else None,
        min(ends, session_ends) if session_ends else ends,
        bool(credentials.token),
    )


def _signed(stack: Stack, url: str, seconds: int) -> str:
    # The signer leaves out the port of the Host only where the scheme is http's or https's.
    request = AWSRequest("GET", "http" + url.removeprefix("ws"))
    SigV4QueryAuth(stack.aws.credentials, "execute-api", stack.aws.region, expires=seconds).add_auth(request)
    return "ws" + str(request.url).removeprefix("http")
