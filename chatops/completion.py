"""What a shell is offered at Tab where a value is due: names from the config, connection ids from the table.

Nothing is told of what goes wrong there: a shell would write it into the line that is being typed.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from .session import Options, Session, forget_credentials

if TYPE_CHECKING:
    from .aws import Aws

LIMIT = 2.0
"""Seconds that AWS has to answer: nobody waits longer for a Tab."""
MOST = 1000
"""How many rows of the table are read at most."""
PLAIN = re.compile(r"[\w+/][\w+/.=-]*")
"""What a shell takes as it is; it would obey other text, or read it as an option or as several words."""

Offer = tuple[str, str]
"""A value, and what is said of it."""


def functions(ctx: Any) -> list[Offer]:
    """The config's functions."""
    return _offered(ctx, lambda session: ((key, "") for key in session.config.functions))


def http_apis(ctx: Any) -> list[Offer]:
    """The config's HTTP APIs."""
    return _offered(ctx, lambda session: ((key, "") for key in session.config.http_apis))


def connection_ids(ctx: Any, incomplete: str) -> list[Offer]:
    """The ids in the table of the connections that begin as what is typed does, the longest connected first.

    One that is typed in full is left out: bash starts a word of its own after a `=`, and would repeat the id there.
    """
    offered = _offered(ctx, _connections)
    return [(one, told) for one, told in offered if one.startswith(incomplete) and one != incomplete]


def is_asked_for() -> bool:
    """Whether it is a shell that runs this process, to complete a line."""
    return os.environ.get("_CHATOPS_COMPLETE", "").startswith("complete_")


def prepare() -> None:
    """Readies this process to answer a shell, in silence: what it told would stand in the midst of that line."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    # botocore asks for the code of an MFA device by it; it has to be replaced before botocore is loaded.
    getpass.getpass = _answer_nothing
    words, current = os.environ.get("COMP_WORDS", ""), os.environ.get("COMP_CWORD", "")
    if "\n" in words and current.isdecimal():
        whole = rejoined(words.split("\n")[: int(current) + 1])
        os.environ |= {"COMP_WORDS": "\n".join(whole), "COMP_CWORD": str(len(whole) - 1)}


def rejoined(words: Sequence[str]) -> list[str]:
    """The words of a line as they were typed: bash splits them at `:` and `=` too.

    A `=` belongs to what follows it in `--option=value` alone: at the end of an id it is a part of the id.
    """
    whole: list[str] = []
    is_open = False
    for word in words:
        is_break = bool(whole) and re.fullmatch("[:=]+", word) is not None
        if whole and (is_break or (is_open and not word.startswith("-"))):
            whole[-1] += word
        else:
            whole.append(word)
        is_open = is_break and (word[-1] == ":" or re.fullmatch("--[^=]+=", whole[-1]) is not None)
    return whole


def _offered(ctx: Any, find: Callable[[Session], Iterable[Offer]]) -> list[Offer]:
    """What is found that a shell takes as it is, and that is not on the line yet; nothing when anything goes wrong."""
    taken = {one for value in ctx.params.values() if isinstance(value, (list, tuple)) for one in value}
    with suppress(Exception):
        found = find(Session(_options(ctx.params)))
        return [(one, told) for one, told in found if PLAIN.fullmatch(one) and one not in taken]
    return []


def _options(typed: dict[str, Any]) -> Options:
    config = typed.get("config")
    return Options(
        config=Path(config).expanduser() if config else None,
        region=typed.get("region"),
        profile=typed.get("profile"),
        endpoint_url=typed.get("endpoint_url"),
        local=bool(typed.get("local")),
    )


def _connections(session: Session) -> list[Offer]:
    from datetime import datetime, timezone

    from .ops import connections, ownership
    from .stack import Stack
    from .times import duration

    found = list[connections.Connection]()

    def look() -> None:
        with suppress(Exception):
            stack = Stack(session.config, _aws(session))
            found.extend(connections.some(stack.aws, ownership.owned_table(stack), MOST))

    # Left to itself when it takes too long: it ends with the process, whatever it waits for.
    thread = Thread(target=look, name="completion", daemon=True)
    thread.start()
    thread.join(LIMIT)
    now = datetime.now(timezone.utc)
    return [
        (one.connection_id, f"connected {duration(one.age_seconds(now))} ago" if one.connected_at else "")
        for one in connections.in_order(found)
    ]


def _aws(session: Session) -> Aws:
    """The session's, but a local AWS that does not run is not started."""
    if not session.options.local:
        return session.aws
    from .aws import Aws
    from .local import server

    running = server.remembered().aws
    if running is None or running.find() is None:
        raise LookupError("no local AWS runs")
    forget_credentials()
    return Aws(session.region, endpoint_url=running.url, keys=server.keys().pair)


def _answer_nothing(*_: Any, **__: Any) -> str:
    raise EOFError("nobody is there to be asked")
