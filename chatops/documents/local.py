"""The local AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import Document

if TYPE_CHECKING:
    from ..local.server import Local


def local_document(local: Local) -> Document:
    """Whether the local AWS runs, and where."""
    return {
        "running": local.is_running,
        "endpoint_url": local.aws.url if local.aws else None,
        "pid": local.aws.pid if local.aws else None,
        "log": local.aws.log if local.aws else None,
        "crashed": [one.pid for one in local.crashed],
        "fronts": {
            region: {
                "url": one.url,
                "pid": one.pid,
                "log": one.log,
                "running": one.find() is not None,
                "options": local.front_options.get(region, []),
            }
            for region, one in local.fronts.items()
        },
    }
