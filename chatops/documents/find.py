"""Where a stack was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import Document

if TYPE_CHECKING:
    from ..ops.find import Place


def find_document(where: Mapping[str, Any], places: Sequence[Place]) -> Document:
    """What of the stack is in which region; `region` is the one that is meant, or null."""
    regions = [
        {
            "region": one.region,
            "state": one.state,
            "meant": one.region == where["region"],
            "owned": list(one.owned),
            "strangers": [{"name": other.name, "owner": other.owner} for other in one.strangers],
            "why": one.refusal,
        }
        for one in places
    ]
    return {**where, "regions": regions}
