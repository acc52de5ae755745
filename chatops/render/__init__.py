"""Plans, events and tables for a person's eyes, or as JSON lines for a program's. The only module that knows rich.

Data goes to stdout; progress, questions, hints and errors go to stderr.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from .. import documents
from ..deploy.apply import Outcome
from ..deploy.plan import Action, Plan
from ..errors import FAILED, Explanation, explain
from ..text import visible, visible_lines
from .advice import Advice
from .events import Lines, live_board
from .steps import CHANGING, LOOKS, explained, step_text

if TYPE_CHECKING:
    from ..local.process import Process
    from ..local.server import Local
    from ..ops.connections import Tally
    from ..ops.smoke import Report


class Output:
    """Where everything goes that the tool says; `as_json` makes it one document per line.

    `advice` are the options of this run, which the commands in its hints need too.
    """

    def __init__(self, *, as_json: bool = False, advice: Mapping[str, str | None] | None = None) -> None:
        self.as_json = as_json
        self.advised = Advice(advice or {})
        plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}
        # Nothing is cut off where nobody watches the width.
        self.out = Console(**plain, width=None if sys.stdout.isatty() else 1000)
        self.err = Console(stderr=True, **plain)
        self._lock = threading.Lock()

    @property
    def is_interactive(self) -> bool:
        """True when a person can be asked."""
        return sys.stdin.isatty() and self.err.is_terminal

    def document(self, document: Mapping[str, Any]) -> None:
        """One JSON document, on one line of stdout."""
        text = json.dumps(self._advised(document), default=str)
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def _advised(self, part: Any) -> Any:
        """The document with its hints completed."""
        if isinstance(part, (list, tuple)):
            return [self._advised(one) for one in part]
        if not isinstance(part, Mapping):
            return part
        return {
            key: self.advised(one) if key == "hint" and isinstance(one, str) else self._advised(one)
            for key, one in part.items()
        }

    def told(self, told: Explanation, indent: str = "") -> Text:
        """An error in words, whose hint leads where this run went."""
        return explained(replace(told, hint=self.advised(told.hint)), indent)

    def line(self, text: str) -> None:
        """Data: a line on stdout, exactly as it is."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        """Something for a person to know, on stderr."""
        self.err.print(Text(visible_lines(self.advised(text)), style=style))

    def leave(self) -> None:
        """Brings out what was said, and gives the terminal its cursor back."""
        self.out.show_cursor()
        self.err.show_cursor()
        sys.stdout.flush()

    def head(self, where: Mapping[str, Any], note: str = "") -> None:
        """Account, region and stack: what a change is about to touch."""
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
            self.err.print(self.told(told))
        return told

    def plan(self, where: Mapping[str, Any], plan: Plan) -> None:
        """What would be done, property by property."""
        if self.as_json:
            self.document(documents.plan_document(dict(where), plan))
            return
        for step in plan.steps:
            if step.action is not Action.KEEP:
                self.out.print(step_text(step, self.advised))
        counts = {action: len(plan.of(action)) for action in Action}
        told = [f"{count} to {action.value}" for action, count in counts.items() if count and action in CHANGING]
        if counts[Action.BLOCKED]:
            told.append(f"{counts[Action.BLOCKED]} blocked")
        same = f"{counts[Action.KEEP]} unchanged"
        self.out.print(Text("In sync: " + same if plan.in_sync else ", ".join([*told, same])))

    def blocked(self, plan: Plan) -> None:
        """Why a plan cannot be carried out."""
        for step in plan.of(Action.BLOCKED):
            if self.as_json:
                why = {"code": step.code, "what": f"{step.name} is blocked", "why": step.reason, "hint": step.hint}
                self.document({"event": "error", "resource": step.name, **why})
            else:
                self.err.print(step_text(step, self.advised))
        if not self.as_json:
            self.say("Nothing was changed.", "bold")

    @contextmanager
    def watching(self) -> Iterator[Any]:
        """Gives a listener for the events of an apply: live lines in a terminal, plain ones elsewhere, or JSON."""
        if self.as_json:
            yield lambda event: self.document(documents.event_document(event))
        elif self.err.is_terminal:
            with live_board(self.err, self.told) as take:
                yield take
        else:
            yield Lines(self.err, self.told).take

    def summary(self, where: Mapping[str, Any], outcome: Outcome, outputs: dict[str, Any], next_step: str) -> None:
        """How it ended, and the addresses to use."""
        if self.as_json:
            self.document(documents.summary_document(dict(where), outcome, outputs))
            return
        counts = [(len(outcome.names(action)), LOOKS[action][2]) for action in Action]
        counts += [(len(outcome.failed), "failed"), (len(outcome.skipped), "skipped")]
        told = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to do"
        self.say(f"{told} in {outcome.seconds:.1f} s", "bold red" if outcome.failed else "bold")
        self.addresses(outputs)
        if next_step:
            self.say(next_step)

    def addresses(self, outputs: Mapping[str, Any]) -> None:
        """The stack's addresses, a line each."""
        for line in self.address_lines(outputs):
            self.out.print(line)

    def address_lines(self, outputs: Mapping[str, Any]) -> Iterator[Text]:
        """The same lines, to be printed with others."""
        for label, url in _urls(outputs):
            yield Text.assemble((f"{visible(label):<22}", "dim"), visible(url))

    def result(self, document: Mapping[str, Any], text: str) -> None:
        """What a command did: a document, or a sentence."""
        self.document(document) if self.as_json else self.line(text)

    def failures(self, tally: Tally) -> int:
        """Tells the first failure of many calls, if there is one; gives the exit code."""
        if tally.error:
            self.say(f"{tally.failed} failed. The first of them:", "bold red")
            self.error(tally.error)
        return FAILED if tally.error else 0

    def smoke(self, report: Report) -> None:
        """Every check with its time, then the percentiles of single deliveries."""
        if self.as_json:
            self.document(documents.smoke_document(report))
            return
        for one in report.checks:
            mark, style = ("✓", "green") if one.ok else ("✗", "bold red")
            line = Text.assemble((f"{mark} {one.name:<12}", style), f" {one.milliseconds:8.1f} ms")
            self.out.print(line.append(f"  {visible(one.detail)}" if one.detail else ""))
        if report.deliveries:
            p50, p95 = report.percentile(50), report.percentile(95)
            self.out.print(Text(f"a message arrives within p50 {p50} ms, p95 {p95} ms", style="bold"))
        if report.cause:
            self.out.print(self.told(Explanation("cause", report.cause.what, report.cause.why, report.cause.hint)))
        elif not report.ok:
            self.say("`chatops doctor` looks for the cause, `chatops logs` shows what the functions said.", "cyan")

    def local(self, local: Local) -> None:
        """Whether the local AWS runs, and where."""
        if self.as_json:
            from ..local.server import document

            self.document(document(local))
            return
        if not local.aws:
            self.line("The local AWS is not running. `chatops local start` starts it.")
        for what, one in (("The local AWS", local.aws), *((f"Its front for {r}", p) for r, p in local.fronts.items())):
            if one:
                self.line(f"{what} {_health(one)} (pid {one.pid}). Log: {one.log}")
        if local.aws in local.crashed:
            self.line("Its stacks went with it. Its log may say why; `chatops up --local` starts and deploys anew.")
        elif local.crashed:
            self.line("The stacks are kept. Its log may say why; `chatops local start` starts it again.")


def _health(process: Process) -> str:
    if process.find() is None:
        return "has ended by itself"
    return f"runs at {process.url}" if process.is_healthy else f"does not answer at {process.url}"


def _urls(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if outputs.get("websocket_url"):
        yield "WebSocket URL", outputs["websocket_url"]
    yield from outputs.get("http_urls", {}).items()
