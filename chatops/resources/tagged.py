"""What one listing says of everything that carries the stack's tag, and tags as DynamoDB and IAM have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..aws import STACK_TAG, Aws
from ..deploy.resource import is_hearsay_enough, once


def tagged(aws: Aws, stack: str) -> list[str]:
    """The ARN of everything in the region that the Tagging API knows to carry the stack's tag."""
    wanted = [{"Key": STACK_TAG, "Values": [stack]}]

    def listed() -> list[str]:
        pages = aws.pages("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=wanted)
        return [one["ResourceARN"].removesuffix(":*") for one in pages]

    return once(f"tagged {stack}", listed)


def owner(aws: Aws, stack: str, arn: str, ask: Callable[[], str | None]) -> str | None:
    """Whose a thing is: what the listing says, where that is enough and it knows the thing; else what `ask` gives.

    The listing lags behind: what it does not show may be ours, and what it shows may have lost its tag a moment ago.
    """
    return stack if is_hearsay(aws, stack, arn) else ask()


def is_hearsay(aws: Aws, stack: str, arn: str) -> bool:
    """Whether `owner` takes the listing's word for a thing."""
    return is_hearsay_enough() and arn in tagged(aws, stack)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the form that DynamoDB and IAM take them in."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_value(tags: list[dict[str, str]], key: str) -> str | None:
    """The value of one tag in the form that DynamoDB and IAM give them in."""
    return next((one["Value"] for one in tags if one["Key"] == key), None)
