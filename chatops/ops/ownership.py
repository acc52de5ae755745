"""The stack's own chat: the table and the API that both carry its tag. Commands reach items and connections by it only.

A name in the config is no proof of ownership: `table: {name: users}` may name anyone's table. So whoever reads, deletes
or posts starts here, and gets types (`OwnedTable`, `Management`) that nothing else returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .. import plans
from ..aws import STACK_TAG
from ..aws.refusal import absent_is_fine
from ..deploy.resource import Live, sharing
from ..errors import ChatopsError
from ..resources.function import owner as function_owner
from ..resources.log_group import log_group_arn
from ..resources.table import OwnedTable
from . import addresses
from .management import Management

if TYPE_CHECKING:
    from ..stack import Stack


class OwnedChat(NamedTuple):
    """The table of connections and the @connections endpoint of one stack."""

    table: OwnedTable
    management: Management


def owned_chat(stack: Stack) -> OwnedChat:
    """Return the stack's table and @connections endpoint. Raise ChatopsError unless both carry its tag.

    Both are asked themselves: the Tagging API's listing lags behind.
    """
    table, url = stack.aws.together(lambda: owned_table(stack), lambda: addresses.connections(stack))
    return OwnedChat(table, Management(stack.aws, url))


def owned_table(stack: Stack) -> OwnedTable:
    """Return the stack's table. Raise ChatopsError when it does not exist, is not the stack's, or has another key."""
    with sharing(glance=True):
        live = stack.table.observe(stack.aws, lambda _: None)
    if live is None:
        raise addresses.not_deployed(stack, stack.table.name)
    found = stack.table.owned(live)
    if found is None:
        raise not_ours(stack, live)
    if live.properties["key"] != {stack.table.key: "S"}:
        key = ", ".join(f"{name} ({kind})" for name, kind in live.properties["key"].items())
        raise ChatopsError(
            "table-key-differs",
            f"The table {found.name} has another key than the config names",
            f"its key is {key}, and `table.key` is {stack.table.key}",
            "Set `table.key` in the config to the table's key, or choose another table name.",
        )
    return found


class LogOwners(NamedTuple):
    """The functions whose log groups are the stack's, and those whose are somebody else's."""

    own: list[str]
    foreign: list[str]


def owned_logs(stack: Stack, functions: Sequence[str]) -> LogOwners:
    """Return whose the log groups of these functions are. Raise ChatopsError where nothing of the stack exists."""
    owners = stack.aws.together(*(partial(log_owner, stack, one) for one in functions))
    pairs = list(zip(functions, owners, strict=True))
    own = [name for name, owner in pairs if owner is Owner.OURS]
    if not own:
        seen = plans.down(stack)  # which needs no handler that can be packed
        if not plans.is_there(stack, seen):
            raise addresses.not_deployed_beside(stack, seen.live)
    return LogOwners(own, [name for name, owner in pairs if owner is Owner.SOMEBODY])


class Owner(Enum):
    """Whose a function's log is."""

    OURS = "ours"
    NOBODY = "nobody"
    SOMEBODY = "somebody"


def log_owner(stack: Stack, function: str) -> Owner:
    """Return whose a function's log is: the stack's when the function or its log group carries the tag.

    A last invocation brings a log group back without a tag, and a function that is gone may have left its own.
    """
    aws, ours = stack.aws, stack.config.stack
    exists = False
    with absent_is_fine():
        found = aws.client("lambda").get_function(FunctionName=function)
        exists = True
        if function_owner(aws, found) == ours:
            return Owner.OURS
    with absent_is_fine():
        tags = aws.client("logs").list_tags_for_resource(resourceArn=log_group_arn(aws, function))["tags"]
        return Owner.OURS if tags.get(STACK_TAG) == ours else Owner.SOMEBODY
    return Owner.SOMEBODY if exists else Owner.NOBODY


def table_among(stack: Stack, live: Mapping[str, Live | None]) -> OwnedTable | None:
    """Return the stack's table when it is among what was observed and carries its tag: what a listing says is asked."""
    return stack.table.owned(stack.table.confirmed(stack.aws, live.get(stack.table.name)))


def foreign_table(stack: Stack, live: Mapping[str, Live | None]) -> ChatopsError | None:
    """Return the error for a table that was observed and is not the stack's, else None."""
    found = live.get(stack.table.name)
    return not_ours(stack, found) if found and not stack.table.owned(found) else None


def not_ours(stack: Stack, live: Live) -> ChatopsError:
    """Return the error for a table with the config's name that does not carry the stack's tag."""
    return ChatopsError(
        "table-not-ours",
        f"The table {stack.table.table} does not belong to this stack",
        addresses.whose(live),
        "Name another table under `table:` in the config."
        if live.owner
        else "Name another table under `table:` in the config. If this one is the chat's, run `chatops up --adopt`.",
    )


def management_among(stack: Stack, live: Mapping[str, Live | None]) -> Management | None:
    """Return the @connections endpoint when the WebSocket API is among what was observed and carries the tag."""
    url = addresses.connections_among(stack, live)
    return Management(stack.aws, url) if url else None
