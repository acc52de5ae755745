"""A stack and its connections, looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .. import plans
from . import addresses, ownership
from .management import Management
from .roster import Roster, read

if TYPE_CHECKING:
    from ..deploy.plan import Plan
    from ..stack import Stack

PLANNED_EVERY = 15.0
"""Seconds between two looks at the resources: each takes a few of the few requests that the control planes allow."""
PAUSE = 1.0
"""Seconds between two looks at the connections."""
ROWS_PER_SECOND = 500
"""Beyond which the pause grows: a look is a request for each row, and the chat needs most of what the account has."""


@dataclass(frozen=True)
class Reading:
    """What one look showed: what `up` would do, the addresses, and who is connected.

    `trouble` is why some of it is as it was before, or unknown; where nothing of the stack `exists`, it says so.
    """

    plan: Plan
    outputs: dict[str, Any]
    roster: Roster
    trouble: Exception | None = None
    exists: bool = True


class Watch:
    """Looks at a stack: at its resources now and then, at its connections every time."""

    def __init__(self, stack: Stack, *, probe: bool = True, limit: int | None = None) -> None:
        self._stack, self._probe, self._limit = stack, probe, limit
        self._plan: Plan | None = None
        self._planned_at = 0.0
        self._management: tuple[str, Management] | None = None

    def look(self) -> Reading:
        """One look. What AWS refuses, or a network that is away, does not end it: only the first plan must come."""
        plan, trouble = self._planned()
        if not plans.is_there(self._stack, plan):
            # A table with our name is somebody else's then: its rows are not read.
            return Reading(
                plan,
                addresses.outputs(self._stack, {}),
                Roster(),
                trouble or addresses.not_deployed_beside(self._stack, plan.live),
                exists=False,
            )
        table = ownership.table_among(self._stack, plan.live)
        roster = read(self._stack.aws, table, self._asked(plan), probe=self._probe, limit=self._limit)
        if table is None:
            roster = replace(roster, refusal=ownership.foreign_table(self._stack, plan.live))
        return Reading(plan, addresses.outputs(self._stack, plan.live), roster, roster.refusal or trouble)

    def looks(self) -> Iterator[Reading]:
        """One look after another, without end."""
        rows = 0
        while True:
            self._stack.aws.pause(max(PAUSE, rows / ROWS_PER_SECOND))
            reading = self.look()
            rows = reading.roster.total
            yield reading

    def _planned(self) -> tuple[Plan, Exception | None]:
        if self._plan and time.monotonic() - self._planned_at < PLANNED_EVERY:
            return self._plan, None
        trouble = None
        try:
            self._plan = self._confirmed(plans.up(self._stack))
        except (BotoCoreError, ClientError) as error:
            if self._plan is None:
                raise
            trouble = error
        self._planned_at = time.monotonic()
        return self._plan, trouble

    def _confirmed(self, plan: Plan) -> Plan:
        """The plan, with the table's own word for whose it is: its rows are read again and again until the next one."""
        table = self._stack.table
        live = plan.live.get(table.name)
        if live is None or not live.is_hearsay:
            return plan
        return replace(plan, live={**plan.live, table.name: table.confirmed(self._stack.aws, live)})

    def _asked(self, plan: Plan) -> Management | None:
        """One and the same pool of connections for all looks at an API."""
        url = addresses.connections_among(self._stack, plan.live)
        if url is None:
            return None
        if self._management is None or self._management[0] != url:
            self._management = url, Management(self._stack.aws, url)
        return self._management[1]
