"""The regions in which a stack was found, for a person's eyes or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..documents.find import find_document
from ..ops.find import Place
from ..text import visible
from .output import Output

LOOKS = {
    "stack": ("✓", "green"),
    "twin": ("!", "yellow"),
    "refused": ("?", "red"),
    "nothing": ("·", "dim"),
    "disabled": ("·", "dim"),
}


def show(output: Output, where: Mapping[str, Any], places: Sequence[Place]) -> None:
    """A line per region that has something or refused; the others are counted."""
    if output.as_json:
        output.document(find_document(where, places))
        return
    meant = where["region"]
    for one in places:
        if one.state in ("stack", "twin", "refused") or one.region == meant:
            _region(output, one, is_meant=one.region == meant)
    quiet = [one for one in places if one.state == "nothing"]
    disabled = [one for one in places if one.state == "disabled"]
    told = f"{len(quiet)} regions have nothing of it"
    output.out.print(f"{told}, {len(disabled)} are not enabled." if disabled else f"{told}.")
    _advise(output, where, places)


def _region(output: Output, one: Place, *, is_meant: bool) -> None:
    symbol, style = LOOKS[one.state]
    counts = {
        "stack": f"{len(one.owned)} resources of the stack",
        "twin": f"{len(one.strangers)} resources with its names, not created by this stack",
        "refused": f"could not be asked: {visible(one.refusal or '')}",
        "nothing": "nothing",
        "disabled": "not enabled for this account",
    }
    mark = "  ← the region that is meant" if is_meant else ""
    output.out.print(
        Text.assemble((f"{symbol} {visible(one.region):<15}", style), f" {counts[one.state]}", (mark, "bold"))
    )
    for other in one.strangers:
        owner = f"the stack {other.owner}" if other.owner else "no chatops tag"
        output.out.print(Text(f"    {visible(other.name)}: {visible(owner)}", style="yellow"))


def _advise(output: Output, where: Mapping[str, Any], places: Sequence[Place]) -> None:
    meant = where["region"]
    elsewhere = [one.region for one in places if one.owned and one.region != meant]
    if meant is None:
        output.say("No region is chosen: neither --region, the config, AWS_REGION nor the profile names one.", "yellow")
    if elsewhere:
        output.say(f"To work there: chatops status --region {elsewhere[0]}", "cyan")
    if any(one.state == "twin" and one.region == meant for one in places):
        output.say("To take it over: chatops up --adopt", "cyan")
