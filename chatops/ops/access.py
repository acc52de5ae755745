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
from . import addresses

LONGEST = 7 * 24 * 3600
"""Seconds for which a signature may be good."""
CERTAIN = 5 * 60
"""Seconds for which API Gateway certainly takes a signature. On a REST API it was seen to take none for longer, nor
for less, whatever X-Amz-Expires said; the connect function refuses what has ended sooner.

https://stackoverflow.com/q/66961500
"""
ONE_HANDSHAKE = CERTAIN
"""Seconds for a client that is about to connect: as far as API Gateway lets clocks differ."""


@dataclass(frozen=True)
class Invite:
    """What lets its holder in: the chat's URL, signed, and the page's, where the stack has one."""

    url: str
    page: str | None
    expires_at: datetime
    certain_until: datetime
    """Until when AWS certainly takes it: sooner than it expires where it lives for more than five minutes."""
    is_temporary: bool
    """Whether the credentials that sign it end by themselves, and the invite with them."""


def signed_websocket_url(stack: Stack, url: str | None = None, seconds: int = ONE_HANDSHAKE) -> str:
    """The address for one attempt to connect: the chat's own, signed where the chat is closed.

    Ask for one before every attempt; `url` is the chat's own address, where that is known already.
    """
    url = url or addresses.url(stack)
    return _signed(stack, url, seconds) if is_closed(stack) else url


def page_url(stack: Stack, name: str | None = None) -> str:
    """Return the URL of an HTTP API, or of the chat page; a closed chat's page gets an invite for one handshake."""
    name = name or addresses.page(stack.config)
    url = addresses.url(stack, name)
    is_invited = name in stack.config.pages and is_closed(stack)
    return _with_invite(url, signed_websocket_url(stack)) if is_invited else url


def is_closed(stack: Stack) -> bool:
    """Whether the chat asks for a signature."""
    return stack.config.websocket.auth == "iam"


def lasting(seconds: int) -> int:
    """The same number of seconds. Raises UsageError where no signature is good for so long."""
    if not 1 <= seconds <= LONGEST:
        raise UsageError(
            "invite-length",
            "An invite lasts from 1 second to 7 days",
            "AWS takes no signature that is good for any other time",
            "For example: --expires 7d",
        )
    return seconds


def invite(stack: Stack, seconds: int) -> Invite:
    """An invite that is good for this long. Raises UsageError where nobody needs one, or for too long a time."""
    if not is_closed(stack):
        raise UsageError(
            "chat-is-open",
            "This chat is open: nobody needs an invite",
            f"{stack.config.file} has websocket: {{auth: none}}",
            "`chatops url` prints its address. To close it, set websocket: {auth: iam} and run `chatops up`.",
        )
    lasting(seconds)
    began = datetime.now(timezone.utc)
    credentials = stack.aws.credentials
    url = _signed(stack, addresses.url(stack), seconds)
    ends = began + timedelta(seconds=seconds)
    session_ends = stack.aws.credentials_end
    ends = min(ends, session_ends) if session_ends else ends
    # What stands in for API Gateway keeps to what an address says.
    certain = ends if stack.aws.front_url else min(ends, began + timedelta(seconds=CERTAIN))
    page = next(iter(stack.config.pages), None)
    return Invite(
        url,
        _with_invite(addresses.url(stack, page), url) if page else None,
        ends,
        certain,
        bool(credentials.token),
    )


def _with_invite(page: str, signed_url: str) -> str:
    """The page's URL with the signature in its fragment, which a browser sends to no server."""
    return f"{page}/#{signed_url.partition('?')[2]}"


def _signed(stack: Stack, url: str, seconds: int) -> str:
    # The signer leaves out the port of the Host only where the scheme is http's or https's.
    request = AWSRequest("GET", "http" + url.removeprefix("ws"))
    SigV4QueryAuth(stack.aws.credentials, "execute-api", stack.aws.region, expires=seconds).add_auth(request)
    return "ws" + str(request.url).removeprefix("http")
