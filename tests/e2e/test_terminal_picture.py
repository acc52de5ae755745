"""A picture of the terminal: what `up` and `status` show, drawn from what they wrote. It stands in the README."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from .conftest import Chatops

pytestmark = pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="SCREENSHOTS names no folder for pictures")

COLUMNS, LINES = 118, 60


def seen(chatops: Chatops, *arguments: str) -> list[Text]:
    """The lines that a terminal shows when a command has ended, with their colours."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    environment = {**chatops.full_environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "chatops", *arguments],
        cwd=str(chatops.folder),
        env=environment,
        encoding="utf-8",
        dimensions=(LINES, COLUMNS),
        timeout=120,
    )
    terminal.expect(pexpect.EOF)
    stream.feed(terminal.before or "")
    lines = [Text.assemble(*cells(screen.buffer[row])) for row in range(LINES)]
    for line in lines:
        line.rstrip()
    last = max(number for number, line in enumerate(lines) if line.plain.strip())
    return lines[: last + 1]


def cells(row: Any) -> Iterator[tuple[str, Style]]:
    """The texts of a row that look alike; pyte puts an empty character behind each wide one."""
    styled = ((row[column].data, row[column].fg, row[column].bold) for column in range(COLUMNS))
    for (colour, bold), run in groupby(styled, key=lambda one: one[1:]):
        style = Style(color=None if colour == "default" else {"brown": "yellow"}.get(colour, colour), bold=bold or None)
        yield "".join(text for text, *_ in run), style


def test_a_picture_is_taken(chatops: Chatops, connect: Callable[[], Any]) -> None:
    chatops.local("down")
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
    for arguments, show in (
        (("up", "--local"), "chatops up --local"),
        (("status", "--local"), "chatops status --local"),
    ):
        if arguments[0] == "status":
            connect(), connect()
        console.print(Text(f"$ {show}", style="bold"))
        console.print(*seen(chatops, *arguments), sep="\n")
        console.print()
    folder = Path(os.environ["SCREENSHOTS"])
    # Rich names a font on a server; whoever looks at the picture has one of their own.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="chatops", theme=MONOKAI), flags=re.S)
    (folder / "terminal.svg").write_text(picture, encoding="utf-8")
