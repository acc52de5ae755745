"""Compares chatops's front, MiniStack alone and serverless-offline with AWS, and writes the table in docs/local.md.

    python -m tests.local.front.conformance

SERVERLESS_OFFLINE names a folder in which `npm install --ignore-scripts serverless@3 serverless-offline@13` was run.
Without it, or any other of the columns, nothing is written.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .behaviours import BEHAVIOURS, Behaviour
from .targets import TARGETS, NotMeasurable, Target

DOCUMENT = Path(__file__).parents[3] / "docs" / "local.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
Results = Mapping[str, Mapping[str, str]]
"""What was seen of each behaviour, by target and name; nothing where it cannot be seen."""


def see(behaviour: Behaviour, target: Target) -> str | None:
    """What a target does; an error on the way is told by its name, and nothing where there is no way to see it."""
    try:
        return behaviour.see(target)
    except NotMeasurable:
        return None
    except TimeoutError:
        return "no answer"
    except Exception as error:
        return f"({type(error).__name__})"


def compare(target_type: type[Target], folder: Path) -> dict[str, str]:
    """Every behaviour of one target. Ends the program when the target cannot be had at all."""
    try:
        target = target_type(folder)
    except NotMeasurable as reason:
        sys.exit(f"{target_type.name} cannot be measured: {reason}. The table is left as it is.")
    seen = {}
    try:
        for behaviour in BEHAVIOURS:
            found = see(behaviour, target)
            if found is not None:
                seen[behaviour.name] = found
            print(f"{target.name}: {behaviour.sentence}: {found}", file=sys.stderr)
    finally:
        target.close()
    return seen


def table(results: Results) -> str:
    """The table in Markdown: ✓ where a target does what AWS does, else what it does."""
    names = list(results)
    lines = [f"| | AWS | {' | '.join(names)} |", f"|---|---|{'---|' * len(names)}"]
    group = ""
    for one in BEHAVIOURS:
        if one.group != group:
            group = one.group
            lines.append(f"| **{group}** |{' |' * (len(names) + 1)}")
        cells = (cell(results[name].get(one.name), one.aws) for name in names)
        lines.append(f"| {one.sentence} | {aws_cell(one)} | {' | '.join(cells)} |")
    agreed = (f"{sum(results[name].get(b.name) == b.aws for b in BEHAVIOURS)} of {len(BEHAVIOURS)}" for name in names)
    return "\n".join([*lines, f"| **agree** | | {' | '.join(agreed)} |"])


def aws_cell(one: Behaviour) -> str:
    """What AWS does, with its page, and a mark where no source settles it."""
    return f"[{code(one.aws)}]({one.page}){'' if one.settled else ' (?)'}"


def cell(seen: str | None, aws: str) -> str:
    if seen is None:
        return "–"
    return "✓" if seen == aws else code(seen if len(seen) <= 120 else f"{seen[:119]}…")


def code(text: str) -> str:
    return f"`{text.replace('|', '¦')}`"


def main() -> None:
    results: dict[str, Mapping[str, str]] = {}
    for target_type in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            results[target_type.name] = compare(target_type, Path(folder))
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}")


if __name__ == "__main__":
    main()
