"""How many rows of the table belong to connections that have ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ...aws.refusal import absent_is_fine
from .. import connections, ownership
from .finding import Finding, ok, warning
from .patient import Patient

SAMPLE = 200
"""Rows that are asked about. A scan's order has nothing to do with age, so its beginning is a fair sample."""
MANY, FEW = 0.5, 10
"""The share of stale rows from which a broadcast wastes its time, and how many of them are not worth a word."""


def check(patient: Patient) -> Iterator[Finding]:
    """The share of stale rows among some of the table's."""
    live = patient.observed.plan.live
    table, management = ownership.table_among(patient.stack, live), ownership.management_among(patient.stack, live)
    if table is None or management is None:
        return
    with absent_is_fine():
        sample = list(islice(connections.rows(patient.aws, table), SAMPLE))
        stale = sum(one.is_live is False for one in connections.probe(management, sample))
        told = f"{stale} of {len(sample)} rows that were asked about are stale"
        if stale >= FEW and stale >= MANY * len(sample):
            why = "every broadcast posts to each of them in vain; $disconnect is not always called, or fails"
            yield warning(told, why, "chatops prune")
        else:
            yield ok(told if sample else "Nobody is connected")
