"""Plans, events and tables for a person's eyes, or as JSON lines for a program's. The only module that knows rich.

Data goes to stdout; progress, questions, hints and errors go to stderr.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from . import documents
from .deploy import events
from .deploy.apply import Outcome
from .deploy.plan import Action, Plan, Step
from .errors import Explanation, explain
from .ops.connections import Connection
from .text import visible

if TYPE_CHECKING:
    from .local.server import Status

LOOKS = {
    Action.CREATE: ("+", "green", "created"),
    Action.UPDATE: ("~", "yellow", "updated"),
    Action.ADOPT: ("»", "cyan", "adopted"),
    Action.DELETE: ("-", "red", "deleted"),
    Action.KEEP: ("=", "dim", "unchanged"),
    Action.BLOCKED: ("!", "bold red", "blocked"),
}


class Output:
    """Where everything goes that the tool says; `as_json` makes it one document per line."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
        self.out = Console(**plain)
        self.err = Console(stderr=True, **plain)
        self._lock = threading.Lock()

    @property
    def is_interactive(self) -> bool:
        """True when a person can be asked."""
        return sys.stdin.isatty() and self.err.is_terminal

    def document(self, document: Mapping[str, Any]) -> None:
        """One JSON document, on one line of stdout."""
        with self._lock:
            sys.stdout.write(json.dumps(document, default=str) + "\n")
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """Data: a line on stdout, exactly as it is."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        """Something for a person to know, on stderr."""
        self.err.print(Text(text, style=style))

    def head(self, where: Mapping[str, Any], note: str = "") -> None:
        """Account, region and stack: what a change is about to touch."""
        if not self.as_json:
            text = Text.assemble(
                ("stack ", "dim"),
                (str(where["stack"]), "bold"),
                ("  account ", "dim"),
                (str(where["account"]), "bold"),
                ("  region ", "dim"),
                (str(where["region"]), "bold"),
                (f"  {note}" if note else "", "cyan"),
            )
            self.err.print(text)

    def confirm(self, question: str) -> bool:
        """Asks a person; only a clear yes is one."""
        self.err.print(Text(f"{question} [y/N] ", style="bold"), end="")
        try:
            return input().strip().lower() in ("y", "yes", "예", "네", "ㅛ")
        except EOFError:
            return False

    def error(self, error: BaseException) -> Explanation:
        """Tells what happened, why, and what to do next; gives the explanation."""
        told = explain(error)
        if self.as_json:
            self.document(documents.error_document(error))
        else:
            self.err.print(_explained(told))
        return told

    def plan(self, where: Mapping[str, Any], plan: Plan) -> None:
        """What would be done, property by property."""
        if self.as_json:
            self.document(documents.plan_document(dict(where), plan))
            return
        for step in plan.steps:
            if step.action is not Action.KEEP:
                self.out.print(_step(step))
        counts = {action: len(plan.of(action)) for action in Action}
        told = [f"{count} to {action.value}" for action, count in counts.items() if count and action in _CHANGING]
        if counts[Action.BLOCKED]:
            told.append(f"{counts[Action.BLOCKED]} blocked")
        same = f"{counts[Action.KEEP]} unchanged"
        self.out.print(Text("In sync: " + same if plan.in_sync else ", ".join([*told, same])))

    def blocked(self, plan: Plan) -> None:
        """Why a plan cannot be carried out."""
        for step in plan.of(Action.BLOCKED):
            if self.as_json:
                why = {"what": f"{step.name} is blocked", "why": step.reason, "hint": step.hint}
                self.document({"event": "error", "resource": step.name, **why})
            else:
                self.err.print(_step(step))
        if not self.as_json:
            self.say("Nothing was changed.", "bold")

    @contextmanager
    def watching(self) -> Iterator[Any]:
        """Gives a listener for the events of an apply: live lines in a terminal, plain ones elsewhere, or JSON."""
        if self.as_json:
            yield lambda event: self.document(documents.event_document(event))
        elif self.err.is_terminal:
            board = _Board()
            with Live(board, console=self.err, refresh_per_second=12, transient=True) as live:
                yield lambda event: board.take(event, live)
        else:
            yield lambda event: _plainly(event, self.err)

    def summary(self, where: Mapping[str, Any], outcome: Outcome, outputs: dict[str, Any], next_step: str) -> None:
        """How it ended, and the addresses to use."""
        if self.as_json:
            self.document(documents.summary_document(dict(where), outcome, outputs))
            return
        counts = [(len(outcome.names(action)), LOOKS[action][2]) for action in Action]
        counts += [(len(outcome.failed), "failed"), (len(outcome.skipped), "skipped")]
        told = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to do"
        self.say(f"{told} in {outcome.seconds:.1f} s", "bold red" if outcome.failed else "bold")
        for label, url in _urls(outputs):
            self.out.print(Text.assemble((f"{label:<22}", "dim"), url))
        if next_step:
            self.say(next_step)

    def status(
        self,
        where: Mapping[str, Any],
        plan: Plan,
        websocket_url: str | None,
        connections: Sequence[Connection],
        total: int,
    ) -> None:
        """The stack's health, its address, and who is connected."""
        if self.as_json:
            self.document(documents.status_document(dict(where), plan, websocket_url, connections, total))
            return
        states = [(step, documents.resource_state(step)) for step in plan.steps]
        healthy = sum(state == "ok" for _, state in states)
        self.out.print(Text(f"{healthy} of {len(states)} resources ok", style="" if plan.in_sync else "bold yellow"))
        for step, state in states:
            if state != "ok":
                self.out.print(Text.assemble((f"  {state:<10}", LOOKS[step.action][1]), step.name))
        if not plan.in_sync:
            self.say("`chatops plan` shows the differences, `chatops up` mends them.", "cyan")
        self.out.print(Text.assemble(("WebSocket URL  ", "dim"), websocket_url or "(none)"))
        self.out.print(_connections(connections, total))

    def local(self, status: Status) -> None:
        """Whether the local AWS runs, and where."""
        server = status.server or status.crashed
        if self.as_json:
            document: dict[str, Any] = {"running": status.running, "endpoint_url": None, "pid": None, "log": None}
            if server:
                document["log"] = server.log
            if server and status.running:
                document |= {"endpoint_url": server.endpoint_url, "pid": server.pid}
            self.document(document)
        elif status.running and server:
            self.line(f"The local AWS runs at {server.endpoint_url} (pid {server.pid}). Log: {server.log}")
        elif status.crashed:
            self.line(f"The local AWS (pid {status.crashed.pid}) has ended by itself. Log: {status.crashed.log}")
        elif server:
            self.line(f"The local AWS (pid {server.pid}) does not answer at {server.endpoint_url}. Log: {server.log}")
        else:
            self.line("The local AWS is not running. `chatops local start` starts it.")


_CHANGING = (Action.CREATE, Action.UPDATE, Action.ADOPT, Action.DELETE)


class _Board:
    """The lines of what is under way, below those of what has ended."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[Action, float, str]] = {}
        self._lock = threading.Lock()

    def take(self, event: events.Event, live: Live) -> None:
        with self._lock:
            if isinstance(event, events.Started):
                self.running[event.resource] = (event.action, time.monotonic(), "")
                return
            if isinstance(event, events.Progressed):
                action, began, _ = self.running.get(event.resource, (event.action, time.monotonic(), ""))
                self.running[event.resource] = (action, began, event.text)
                return
            self.running.pop(event.resource, None)
        line = _event_line(event)
        if line:
            live.console.print(line)

    def __rich__(self) -> Group:
        with self._lock:
            running = dict(self.running)
        lines = []
        for name, (action, began, text) in running.items():
            symbol, style, _ = LOOKS[action]
            told = Text.assemble(
                (f"{symbol} {name}", style), (f"  {time.monotonic() - began:.0f} s", "dim"), (f"  {text}", "dim")
            )
            lines.append(Spinner("dots", told))
        return Group(*lines)


def _connections(connections: Sequence[Connection], total: int) -> Table:
    now = datetime.now(timezone.utc)
    live = sum(one.is_live is True for one in connections)
    stale = sum(one.is_live is False for one in connections)
    shown = "" if len(connections) == total else f", {len(connections)} of {total} rows shown"
    table = Table(title=f"{live} live, {stale} stale{shown}", title_justify="left", title_style="bold", box=None)
    for heading in ("connection", "state", "since", "idle", "address", "client"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, header_style="dim")
    for one in connections:
        state = Text(one.state, style={"live": "green", "stale": "yellow"}.get(one.state, "dim"))
        table.add_row(
            Text(visible(one.connection_id)),
            state,
            _duration(one.age_seconds(now)),
            _duration(one.idle_seconds(now)),
            Text(visible(one.source_ip or "")),
            Text(visible(one.user_agent or "", limit=24)),
        )
    return table


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds % 60:02}s"


def _plainly(event: events.Event, console: Console) -> None:
    line = _event_line(event)
    if line:
        console.print(line)


def _event_line(event: events.Event) -> Text | None:
    symbol, style, word = LOOKS[event.action]
    if isinstance(event, events.Finished):
        if event.action is Action.KEEP:
            return Text(f"{symbol} {event.resource}  {event.reason}", style="dim") if event.reason else None
        paths = f"  {', '.join(event.paths)}" if event.action is Action.UPDATE else ""
        done = (f"{symbol} {event.resource}", style)
        return Text.assemble(done, f"  {word}", (f"  {event.seconds:.1f} s{visible(paths)}", "dim"))
    if isinstance(event, events.Failed):
        return Text.assemble((f"✗ {event.resource}  failed\n", "bold red"), _explained(explain(event.error), "    "))
    if isinstance(event, events.Skipped):
        return Text(f"· {event.resource}  skipped", style="dim")
    return None


def _step(step: Step) -> Text:
    symbol, style, _ = LOOKS[step.action]
    text = Text.assemble((f"{symbol} {step.action.value:<7} {step.name}", style))
    if step.reason:
        text.append(f": {visible(step.reason)}")
    if step.action in (Action.UPDATE, Action.ADOPT, Action.BLOCKED):
        for change in step.changes:
            before, after = _value(change.before), _value(change.after)
            text.append(f"\n    {visible(change.path)}: ").append(before, "red").append(" → ").append(after, "green")
    if step.hint:
        text.append(f"\n    {step.hint}", "cyan")
    return text


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), limit=200)


def _explained(told: Explanation, indent: str = "") -> Text:
    text = Text.assemble((f"{indent}{visible(told.what)}", "bold red"))
    lines = [visible(line) for line in told.why.splitlines()]
    if len(lines) == 1:
        text.append(f": {lines[0]}")
    else:
        for line in lines:
            text.append(f"\n{indent}  {line}")
    if told.hint:
        text.append(f"\n{indent}→ {told.hint}", "cyan")
    return text


def _urls(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if outputs.get("websocket_url"):
        yield "WebSocket URL", outputs["websocket_url"]
    yield from outputs.get("http_urls", {}).items()
