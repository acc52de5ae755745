"""Where everything goes that the tool says: text for a person's eyes, or JSON lines for a program's.

Data goes to stdout; progress, questions, hints and errors go to stderr.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..documents import error_document
from ..documents.changes import event_document
from ..errors import FAILED, Explanation, explain
from ..text import visible, visible_lines
from .advice import Advice
from .events import EVERY, Lines, live_board
from .steps import explained

if TYPE_CHECKING:
    from ..ops.connections import Tally


HEAD_COLUMNS = 80


def shortened(text: str, columns: int) -> str:
    """Return the text with its middle left out where it is wider than so many columns of a terminal."""
    if cell_len(text) <= columns:
        return text
    head, tail = text, text
    while cell_len(head) > (columns - 1) // 2:
        head = head[:-1]
    while cell_len(tail) > columns - 1 - cell_len(head):
        tail = tail[1:]
    return f"{head}…{tail}"


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
        self._quiet_until = 0.0

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

    def waiting(self, text: str) -> None:
        """What AWS makes a command wait for. It is told again and again while it lasts, and shown now and then."""
        with self._lock:
            is_due, now = time.monotonic() >= self._quiet_until, time.monotonic()
            self._quiet_until = now + EVERY if is_due else self._quiet_until
        if is_due:
            self.say(f"… {text}", "dim")

    def leave(self) -> None:
        """Brings out what was said, and gives the terminal its cursor back."""
        self.out.show_cursor()
        self.err.show_cursor()
        sys.stdout.flush()

    def head(self, where: Mapping[str, Any], note: str = "") -> None:
        """Print what a command is about to touch: stack, account, region and the config in use, as far as known.

        No line is longer than `HEAD_COLUMNS`: the parts are wrapped, and a longer value loses its middle.
        """
        parts = []
        for label in ("stack", "account", "region", "config"):
            if label in where:
                value = shortened(visible(str(where[label])), HEAD_COLUMNS - len(label) - 1)
                parts.append(Text.assemble((f"{label} ", "dim"), (value, "bold")))
        parts += [Text(note, style="cyan")] if note else []
        lines: list[Text] = []
        for part in parts:
            if lines and lines[-1].cell_len + 2 + part.cell_len <= HEAD_COLUMNS:
                lines[-1].append("  ").append(part)
            else:
                lines.append(part)
        self.err.print(Text("\n").join(lines))

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
            self.document(error_document(error))
        else:
            self.err.print(self.told(told))
        return told

    @contextmanager
    def watching(self) -> Iterator[Any]:
        """Gives a listener for the events of an apply: live lines in a terminal, plain ones elsewhere, or JSON."""
        if self.as_json:
            yield lambda event: self.document(event_document(event))
        elif self.err.is_terminal:
            with live_board(self.err, self.told) as take:
                yield take
        else:
            yield Lines(self.err, self.told).take

    def result(self, document: Mapping[str, Any], text: str) -> None:
        """What a command did: a document, or a sentence."""
        self.document(document) if self.as_json else self.line(text)

    def failures(self, tally: Tally) -> int:
        """Tells the first failure of many calls, if there is one; gives the exit code."""
        if tally.error:
            self.say(f"{tally.failed} failed. The first of them:", "bold red")
            self.error(tally.error)
        return FAILED if tally.error else 0
