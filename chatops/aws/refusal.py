"""What AWS's refusals mean: there already, not there, too much asked, or another change under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

NOT_FOUND = {"ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "NoSuchEntityException"}
ALREADY_EXISTS = {
    "ResourceAlreadyExistsException",
    "ResourceInUseException",
    "ResourceConflictException",
    "EntityAlreadyExists",
    "EntityAlreadyExistsException",
    "ConflictException",
}
THROTTLED = {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"}


def passes_by_itself(error: ClientError) -> bool:
    """Whether any call may be made again after this refusal: too much was asked, or an API's other change is under way.

    What Lambda refuses meanwhile is left to who calls it: there it may be more than another change that has to end.
    """
    return code(error) in THROTTLED or (code(error) == "ConflictException" and is_busy(error))


def is_busy(error: ClientError) -> bool:
    """Whether a call was refused because another change is under way: Lambda and API Gateway take one at a time.

    https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
    """
    text = str(error)
    if code(error) not in ("ResourceConflictException", "ConflictException") or "already exist" in text:
        return False
    return any(word in text for word in ("progress", "concurrent", "Pending"))


def code(error: ClientError) -> str:
    """AWS's own name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def absent_is_fine() -> Iterator[None]:
    """Ends the block quietly when the thing it asks for does not exist."""
    try:
        yield
    except ClientError as error:
        if code(error) not in NOT_FOUND:
            raise


@contextmanager
def existing_is_fine() -> Iterator[None]:
    """Ends the block quietly when the thing that it creates exists already."""
    try:
        yield
    except ClientError as error:
        if code(error) not in ALREADY_EXISTS or is_busy(error):
            raise
