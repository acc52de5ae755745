"""Emoji of several characters in the line that is being typed: families, skin tones, flags, keycaps.

Terminals disagree on how many cells such a sequence takes (two, or as many as its parts), and a terminal that takes
others than prompt_toolkit believes shows the cursor in the wrong place. So within the input line a sequence is shown by
its first character, whose width is never in doubt; what is sent, and what is shown of it above, is the whole.
"""

from __future__ import annotations

import re

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

SEQUENCE = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag: two regional letters
    "|[^\\s\u200d](?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d[^\\s\u200d])+"
)
REGIONAL_A = 0x1F1E6


def steady(text: str) -> str:
    """The text with each sequence replaced by what takes the same number of cells everywhere."""
    return SEQUENCE.sub(lambda found: _short(found[0]), text)


def _short(sequence: str) -> str:
    if ord(sequence[0]) in range(REGIONAL_A, REGIONAL_A + 26):
        return "[" + "".join(chr(ord(one) - REGIONAL_A + ord("A")) for one in sequence) + "]"
    return sequence[0] + ("+" if sequence[1:].strip("\ufe0e\ufe0f") else "")


class Steady(Processor):
    """Shows the input line with `steady` sequences."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        text = fragment_list_to_text(transformation_input.fragments)
        shown, starts = "", [0]  # starts[i] is where the i-th character of the text begins in what is shown
        at = 0
        for found in [*SEQUENCE.finditer(text), None]:
            plain = text[at : found.start() if found else len(text)]
            for one in plain:
                shown += one
                starts.append(len(shown))
            if found:
                begin, shown = len(shown), shown + _short(found[0])
                starts += [begin] * (len(found[0]) - 1) + [len(shown)]
                at = found.end()
        if shown == text:
            return Transformation(transformation_input.fragments)

        def to_source(position: int) -> int:
            return max(i for i, start in enumerate(starts) if start <= position)

        return Transformation([("", shown)], lambda i: starts[min(i, len(starts) - 1)], to_source)


def _length(sequences: list[re.Match[str]], *, ending: int | None = None, starting: int | None = None) -> int:
    lengths = [len(one[0]) for one in sequences if ending == one.end() or starting == one.start()]
    return lengths[0] if lengths else 1


def keys() -> KeyBindings:
    """Keys that take a sequence as the one character that it looks like."""
    bindings = KeyBindings()

    def before(buffer: Buffer) -> int:
        return _length(list(SEQUENCE.finditer(buffer.text)), ending=buffer.cursor_position)

    def after(buffer: Buffer) -> int:
        return _length(list(SEQUENCE.finditer(buffer.text)), starting=buffer.cursor_position)

    @bindings.add("backspace")
    def _backspace(event: KeyPressEvent) -> None:
        event.current_buffer.delete_before_cursor(before(event.current_buffer))

    @bindings.add("delete")
    def _delete(event: KeyPressEvent) -> None:
        event.current_buffer.delete(after(event.current_buffer))

    @bindings.add("left")
    def _left(event: KeyPressEvent) -> None:
        event.current_buffer.cursor_left(before(event.current_buffer))

    @bindings.add("right")
    def _right(event: KeyPressEvent) -> None:
        event.current_buffer.cursor_right(after(event.current_buffer))

    return bindings
