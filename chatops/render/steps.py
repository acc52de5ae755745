"""Steps of a plan, and errors, as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rich.text import Text

from ..deploy.plan import Action, Step
from ..errors import Explanation
from ..text import visible

LOOKS = {
    Action.CREATE: ("+", "green", "created"),
    Action.UPDATE: ("~", "yellow", "updated"),
    Action.ADOPT: ("»", "cyan", "adopted"),
    Action.DELETE: ("-", "red", "deleted"),
    Action.KEEP: ("=", "dim", "unchanged"),
    Action.BLOCKED: ("!", "bold red", "blocked"),
}


CHANGING = (Action.CREATE, Action.UPDATE, Action.ADOPT, Action.DELETE)


def step_text(step: Step, advised: Callable[[str], str] = str) -> Text:
    """What a step would do, with the properties that it changes; `advised` completes its hint."""
    symbol, style, _ = LOOKS[step.action]
    text = Text.assemble((f"{symbol} {step.action.value:<7} {visible(step.name)}", style))
    if step.reason:
        text.append(f": {visible(step.reason)}")
    if step.action in (Action.UPDATE, Action.ADOPT, Action.BLOCKED):
        for change in step.shown:
            before, after = _value(change.before), _value(change.after)
            text.append(f"\n    {visible(change.path)}: ").append(before, "red").append(" → ").append(after, "green")
    if step.hint:
        text.append(f"\n    {visible(advised(step.hint))}", "cyan")
    return text


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), limit=200)


def explained(told: Explanation, indent: str = "") -> Text:
    """An error in words: what, why, and what next."""
    text = Text.assemble((f"{indent}{visible(told.what)}", "bold red"))
    lines = [visible(line) for line in told.why.splitlines()]
    if len(lines) == 1:
        text.append(f": {lines[0]}")
    else:
        for line in lines:
            text.append(f"\n{indent}  {line}")
    if told.hint:
        text.append(f"\n{indent}→ {visible(told.hint)}", "cyan")
    return text
