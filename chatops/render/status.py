"""The stack's health and who is connected: once, or again and again, in place or a line for each change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..deploy.resource import listen
from ..documents.status import resource_state, status_document
from ..errors import explain
from ..ops.roster import changes
from ..ops.watch import Reading
from ..text import visible
from .output import Output
from .steps import LOOKS
from .summary import address_lines
from .tables import Marks, connections_table


def show(output: Output, where: Mapping[str, Any], reading: Reading) -> None:
    """The stack's health, its addresses, and who is connected."""
    if output.as_json:
        output.document(status_document(where, reading))
        return
    if not reading.exists and reading.trouble:
        output.error(reading.trouble)
        return
    for line in _health(reading):
        output.out.print(line)
    if not reading.plan.in_sync:
        output.say("`chatops plan` shows the differences, `chatops up` mends them.", "cyan")
    for line in address_lines(reading.outputs):
        output.out.print(line)
    output.out.print(connections_table(reading.roster, width=_width(output)))
    if reading.trouble:
        output.error(reading.trouble)


def watch(output: Output, where: Mapping[str, Any], now: Reading, looks: Iterable[Reading]) -> None:
    """Shows one look after another. Without a terminal the first is shown whole, and then what differs."""
    marks, is_drawn = Marks(), output.out.is_terminal and not output.as_json
    if is_drawn:
        # A line between would tear the picture; what lasts is shown in it as trouble.
        listen(lambda _: None)
    else:
        show(output, where, now)
    board = _board(output, now, marks)
    with Live(board, console=output.out, auto_refresh=False) if is_drawn else nullcontext() as live:
        seen = now.roster
        for reading in looks:
            # Who came and who went while nobody could be asked is told when somebody can.
            came, went = changes(seen, reading.roster) if not reading.roster.refusal else ([], [])
            seen = seen if reading.roster.refusal else reading.roster
            if output.as_json:
                output.document(status_document(where, reading))
            elif live:
                marks.add(came, went)
                live.update(_board(output, reading, marks), refresh=True)
            else:
                _tell(output, now, reading)
                for mark, ids in (("+", came), ("-", went)):
                    for one in ids:
                        output.line(f"{mark} {visible(one)}")
            now = reading


def _health(reading: Reading) -> Iterator[Text]:
    """How many resources are as they should be, and each that is not; nothing where the stack does not exist."""
    if not reading.exists:
        return
    plan = reading.plan
    states = [(step, resource_state(step, plan.live.get(step.name))) for step in plan.steps]
    wrong = [(step, state) for step, state in states if state != "ok"]
    told = f"{len(states) - len(wrong)} of {len(states)} resources ok"
    yield Text(told, style="bold yellow" if wrong else "")
    for step, state in wrong:
        style = "bold red" if state == "failing" else LOOKS[step.action][1]
        yield Text.assemble((f"  {state:<10}", style), visible(step.name))


def _board(output: Output, reading: Reading, marks: Marks) -> Group:
    """Everything that `show` shows, to be drawn in place."""
    trouble = [output.told(explain(reading.trouble))] if reading.trouble else []
    table = connections_table(reading.roster, marks.came, marks.went, _width(output))
    return Group(*_health(reading), *address_lines(reading.outputs), *trouble, table)


def _tell(output: Output, before: Reading, now: Reading) -> None:
    """Trouble and the resources' health, where they differ from the look before."""
    if now.trouble and (not before.trouble or str(before.trouble) != str(now.trouble)):
        output.error(now.trouble)
    old, new = list(_health(before)), list(_health(now))
    if [one.plain for one in old] != [one.plain for one in new]:
        for line in new:
            output.out.print(line)


def _width(output: Output) -> int | None:
    return output.out.width if output.out.is_terminal else None
