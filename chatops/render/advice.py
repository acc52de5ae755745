"""The commands that hints name, with the options that lead them where this run went."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

COMMANDS = (
    "up",
    "plan",
    "down",
    "export",
    "status",
    "prune",
    "kick",
    "send",
    "smoke",
    "url",
    "open",
    "chat",
    "logs",
    "metrics",
    "find",
    "doctor",
    "invite",
    "policy",
)
"""Those that take the options."""
VALUED = ("config", "region", "profile", "endpoint-url", "since", "idle", "for", "expires", "saw")
"""Options of theirs that a value follows."""
NAMED = re.compile(rf"\bchatops ({'|'.join(COMMANDS)})\b((?: --(?:{'|'.join(VALUED)}) [^\s`,;]+| --[a-z-]+)*)")


class Advice:
    """Puts options behind each command that a text names: without them it would act elsewhere, on AWS for example.

    `options` are those that were given, each with its value, or with nothing where it takes none.
    """

    def __init__(self, options: Mapping[str, str | None]) -> None:
        self._options = options

    def __call__(self, text: str) -> str:
        return NAMED.sub(self._completed, text) if self._options else text

    def _completed(self, found: re.Match[str]) -> str:
        command, rest = found.groups()
        more = [f"{name} {shlex.quote(value)}" if value else name for name, value in self._options.items()]
        told = [one for one in more if one.partition(" ")[0] not in rest.split()]
        return " ".join([f"chatops {command}{rest}", *told])
