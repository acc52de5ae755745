"""Whether the local AWS runs, and where, for a person's eyes or as JSON."""

from __future__ import annotations

from ..documents.local import local_document
from ..local.process import Process
from ..local.server import Local
from .output import Output


def show(output: Output, local: Local) -> None:
    """A line for each process, with its address and its log; and what became of the stacks of one that has ended."""
    if output.as_json:
        output.document(local_document(local))
        return
    if not local.aws:
        output.line("The local AWS is not running. `chatops local start` starts it.")
    fronts = {f"Its front for {region}": one for region, one in local.fronts.items()}
    for what, one in {"The local AWS": local.aws, **fronts}.items():
        if one:
            output.line(f"{what} {_health(one)} (pid {one.pid}). Log: {one.log}")
    if local.aws in local.crashed:
        output.line("Its stacks went with it. Its log may say why; `chatops up --local` starts and deploys anew.")
    elif local.crashed:
        output.line("The stacks are kept. Its log may say why; `chatops local start` starts it again.")


def _health(process: Process) -> str:
    if process.find() is None:
        return "has ended by itself"
    return f"runs at {process.url}" if process.is_healthy else f"does not answer at {process.url}"
