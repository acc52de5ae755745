"""How a change ended, and the addresses to use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from ..deploy.apply import Outcome
from ..deploy.plan import Action
from ..documents.changes import summary_document
from ..text import visible
from .output import Output
from .steps import LOOKS


def show(
    output: Output, where: Mapping[str, Any], outcome: Outcome, outputs: Mapping[str, Any], next_step: str
) -> None:
    """How many resources ended in which way, the stack's addresses, and what to do next."""
    if output.as_json:
        output.document(summary_document(where, outcome, outputs))
        return
    counts = [(len(outcome.names(action)), LOOKS[action][2]) for action in Action]
    counts += [(len(outcome.failed), "failed"), (len(outcome.skipped), "skipped")]
    told = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to do"
    output.say(f"{told} in {outcome.seconds:.1f} s", "bold red" if outcome.failed else "bold")
    for line in address_lines(outputs):
        output.out.print(line)
    if next_step:
        output.say(next_step)


def address_lines(outputs: Mapping[str, Any]) -> Iterator[Text]:
    """The stack's addresses, a line each."""
    chat = [("WebSocket URL", outputs["websocket_url"])] if outputs.get("websocket_url") else []
    for label, url in [*chat, *outputs.get("http_urls", {}).items()]:
        yield Text.assemble((f"{visible(label):<22}", "dim"), visible(url))
