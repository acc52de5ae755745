"""The rows of this run's own clients, in a table that others use at the same time."""

from __future__ import annotations

import secrets
from contextlib import suppress

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import Aws
from ..resources.table import OwnedTable
from . import connections
from .management import InvalidConnectionId, Management


class OwnRows:
    """Tells them by the user agent that API Gateway knows of each connection: it names the run.

    When a connection has ended nobody knows its user agent any more: `found` has to be asked before.
    """

    def __init__(self, aws: Aws, table: OwnedTable, management: Management) -> None:
        self._aws, self._table, self._management = aws, table, management
        self.agent = f"chatops-smoke/{secrets.token_hex(8)}"
        """The user agent that the clients have to send."""
        self._others = self._ids()
        self._known: set[str] = set()
        self._present: set[str] = set()

    def found(self) -> set[str]:
        """The ids of the rows that are in the table now."""
        now = self._ids()
        new = sorted(now - self._known - self._others)
        for connection_id, agent in zip(new, self._management.each(self._agent, new), strict=True):
            # Of one that has ended, or is about to open, nothing is known.
            if agent is not None:
                (self._known if agent == self.agent else self._others).add(connection_id)
        self._present = now & self._known
        return self._present

    def forget(self) -> None:
        """Deletes the rows that were there when they were last looked for. One that stays is pruned as any other."""
        for one in self._present:
            with suppress(BotoCoreError, ClientError):
                connections.delete(self._aws, self._table, one)

    def _ids(self) -> set[str]:
        return {one.connection_id for one in connections.rows(self._aws, self._table)}

    def _agent(self, connection_id: str) -> str | None:
        try:
            known = self._management.get(connection_id)
        except InvalidConnectionId:
            return None
        return None if known is None else str(known.get("identity", {}).get("userAgent", ""))
