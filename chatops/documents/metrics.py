"""What CloudWatch measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..times import iso
from . import Document

if TYPE_CHECKING:
    from ..ops.metrics import Measured


def metrics_document(
    where: Mapping[str, Any], measured: Measured, note: str = "", missing: Sequence[str] = ()
) -> Document:
    """What was measured; times in ISO 8601 and UTC, each the begin of a point."""
    return {
        **where,
        "start": iso(measured.start, "seconds"),
        "end": iso(measured.end, "seconds"),
        "period_seconds": measured.period,
        "note": note,
        "missing": list(missing),
        "series": [
            {
                "resource": resource,
                "metric": one.metric.name,
                "statistic": one.metric.statistic,
                "unit": one.metric.unit,
                "figures": one.figures,
                "values": list(one.values),
            }
            for resource, some in measured.series.items()
            for one in some
        ],
    }
