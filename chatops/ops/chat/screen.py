"""The chat in a terminal: what is said scrolls by above, what is being typed stays below.

It draws on the ordinary screen, so that the terminal's own scrollback, search and copying work on what was said. Only
characters that have the same width everywhere stand in the part that is drawn again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from zlib import crc32

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from ...errors import ChatopsError, explain
from .client import Client, Item
from .emoji import Steady, keys, steady
from .tasks import first_of
from .wire import Message, Notice, checked_nick, shown
from .words import HELP, name, plain

LONGEST = 4000
"""Characters of one message that are shown: nobody can push everybody's screen away."""
PATIENCE = 5.0
"""Seconds that the last messages may take to come back after the user has left."""
COLOURS = ("ansicyan", "ansimagenta", "ansigreen", "ansiyellow", "ansiblue", "ansibrightcyan", "ansibrightmagenta")
STYLE = Style.from_dict({"time": "ansibrightblack", "notice": "ansiyellow", "own": "bold"})
STATES = {"connected": "connected", "connecting": "connecting", "waiting": "not connected, trying again"}


class Screen:
    """One conversation of one person."""

    def __init__(self, client: Client, nick: str, who: Callable[[], Awaitable[str]]) -> None:
        """`who` tells who is connected, for /who."""
        self._client, self._nick, self._who = client, nick, who
        self._prompt: PromptSession[str] = PromptSession(
            lambda: [("class:time", f"-- {self._state}\n"), ("class:own", f"<{steady(self._nick)}> ")],
            input_processors=[Steady()],
            key_bindings=keys(),
            style=STYLE,
            reserve_space_for_menu=0,
            enable_suspend=True,
            output=_output(),
            erase_when_done=True,
        )
        self._is_interrupted = False
        client.changed = self._prompt.app.invalidate

    async def run(self) -> None:
        """Returns when the user leaves. Raises KeyboardInterrupt when that was by Ctrl-C."""
        await first_of(self._client.run(), self._show(), self._listen())
        if self._is_interrupted:
            raise KeyboardInterrupt

    async def _listen(self) -> None:
        await self._tell("/help tells what can be done here.")
        typed = ""
        while typed.strip() != "/quit":
            await self._do(typed)
            try:
                typed = await self._prompt.prompt_async()
            except EOFError:
                break
            except KeyboardInterrupt:
                self._is_interrupted = True
                break
        await self._finish()

    async def _do(self, typed: str) -> None:
        if not typed.strip():
            return
        if not typed.startswith("/") or typed.startswith("//"):
            await self._client.say(self._nick, typed[1:] if typed.startswith("//") else typed)
            return
        command, _, rest = typed.strip().partition(" ")
        if command == "/nick":
            try:
                self._nick = checked_nick(rest)
            except ChatopsError as error:
                await self._tell(f"{error.what}: {error.why}")
        elif command == "/who":
            self._asking = asyncio.create_task(self._tell_who())
        elif command == "/help":
            await self._tell(HELP)
        else:
            await self._tell(f"There is no {command}; /help tells what there is. To say it, type /{typed}")

    async def _tell(self, text: str) -> None:
        await self._client.items.put(Notice("", text))

    async def _tell_who(self) -> None:
        try:
            await self._tell(await self._who())
        except Exception as error:  # whatever AWS says, the conversation goes on
            told = explain(error)
            await self._tell(f"{told.what}: {told.why}")

    async def _finish(self) -> None:
        """Waits a little for what is still on its way, and tells what did not get there."""
        patience = 0.0 if self._is_interrupted else PATIENCE
        deadline = asyncio.get_running_loop().time() + patience
        while len(self._client.outbox) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        await self._client.give_up("you left before it came back")
        await self._client.items.join()

    async def _show(self) -> None:
        items = self._client.items
        while True:
            batch = [await items.get()]
            while not items.empty():
                batch.append(items.get_nowait())
            text = FormattedText(part for item in batch for part in [*self._fragments(item), ("", "\n")])
            await run_in_terminal(partial(print_formatted_text, text, style=STYLE, end=""))
            for _ in batch:
                items.task_done()

    def _fragments(self, item: Item) -> StyleAndTextTuples:
        clock = ("class:time", f"{datetime.now():%H:%M} ")
        if not isinstance(item, Message):
            return [clock, ("class:notice", f"! {plain(item, LONGEST)}")]
        if item.author is None:
            return [clock, ("class:time", "- "), ("", shown(item.text, LONGEST))]
        style = "class:own" if item.own else COLOURS[crc32(item.author.encode("utf-8", "replace")) % len(COLOURS)]
        return [clock, (style, f"<{name(item.author)}> "), ("", shown(item.text, LONGEST))]

    @property
    def _state(self) -> str:
        outbox = self._client.outbox
        parts = [STATES[self._client.state]]
        if outbox.sent:
            parts.append(f"{len(outbox.sent)} on its way")
        if outbox.waiting:
            parts.append(f"{len(outbox.waiting)} waiting")
        if outbox.unconfirmed:
            parts.append(f"{len(outbox.unconfirmed)} not confirmed")
        return " | ".join(parts)


def _output() -> Output:
    output = create_output()
    if isinstance(output, Vt100_Output):
        # An answer to "where is the cursor?" that comes when the next message has been printed already would make
        # prompt_toolkit reserve rows that are not there, and push what was said off the screen.
        output.enable_cpr = False
    return output
