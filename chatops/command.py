"""What every command has in common: its options, its Session, and its errors told in words."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import INTERRUPTED, explain
from .session import Options, Session
from .text import redacted, visible_lines

COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="CHATOPS_CONFIG", help="Config file; else ./config.yaml or the default."),
    ],
    "region": Annotated[str | None, typer.Option("--region", "-r", help="AWS region, such as ap-northeast-2.")],
    "profile": Annotated[str | None, typer.Option("--profile", help="Profile of the AWS CLI.")],
    "endpoint_url": Annotated[str | None, typer.Option("--endpoint-url", help="Talk to this instead of AWS.")],
    "local": Annotated[
        bool, typer.Option("--local", envvar="CHATOPS_LOCAL", help="Use the local AWS; started when it is not running.")
    ],
    "as_json": Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")],
}
DEFAULTS = {"local": False, "as_json": False, "debug": False}


def command(
    group: typer.Typer, name: str | None = None, *, options: Iterable[str] = tuple(COMMON)
) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Registers a command that takes a Session first; it gets the common options, and its errors are told in words.

    The function gives the exit code; nothing is 0. `options` are those of the common ones that it takes.
    """
    chosen = {key: COMMON[key] for key in options}

    def register(function: Callable[..., int | None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            session = Session(Options(**{key: given.pop(key) for key in chosen}))
            raise typer.Exit(_guarded(lambda: function(session, **given), session))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        common = [
            inspect.Parameter(key, keyword, default=DEFAULTS.get(key), annotation=kind) for key, kind in chosen.items()
        ]
        parameters = [*(one.replace(kind=keyword) for one in own), *common]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__doc__, run.__name__ = function.__doc__, function.__name__
        group.command(name)(run)
        return run

    return register


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _guarded(run: Callable[[], int | None], session: Session) -> int:
    try:
        with session.interrupt.raising():
            return run() or 0
    except (typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        session.note(f"Interrupted. {session.interrupt.so_far}")
        return INTERRUPTED
    except Exception as error:
        told = explain(error)
        if session.options.debug and told.is_ours:
            import traceback

            # Without the values of variables: they hold credentials. What the messages hold is taken out.
            sys.stderr.write(visible_lines(redacted("".join(traceback.format_exception(error)))))
        session.output.error(error)
        return told.exit_code
