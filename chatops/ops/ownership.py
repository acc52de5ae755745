"""The stack's own chat: the table and the API that both carry its tag. Commands reach items and connections by it only.

A name in the config is no proof of ownership: `table: {name: users}` may name anyone's table. So whoever reads, deletes
or posts starts here, and gets types (`OwnedTable`, `Management`) that nothing else returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..deploy.resource import Live, sharing
from ..errors import ChatopsError
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
