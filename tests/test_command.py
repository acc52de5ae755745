"""What every command has in common: its options, its exit code, and its errors told in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from chatops.command import command
from chatops.errors import FAILED, INTERRUPTED, WRONG_USAGE, UsageError
from chatops.session import Session


def run(function: Callable[..., int | None], *arguments: str, options: tuple[str, ...] | None = None) -> Result:
    """What a command that is made of a function does with these arguments."""
    group = typer.Typer()
    group.callback()(lambda: None)
    chosen = {} if options is None else {"options": options}
    command(group, "try", **chosen)(function)
    return CliRunner().invoke(group, ["try", *arguments])


def raising(error: BaseException) -> Callable[[Session], int]:
    def function(session: Session) -> int:
        """Fails."""
        raise error

    return function


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (3, 3)])
def test_a_command_ends_with_what_its_function_gives_and_nothing_is_a_success(given: int | None, code: int) -> None:
    def function(session: Session) -> int | None:
        """Ends."""
        return given

    assert run(function).exit_code == code


def test_the_common_options_become_the_session_and_the_others_the_functions_own() -> None:
    seen: list[object] = []

    def function(session: Session, name: str, times: Annotated[int, typer.Option("--times")] = 1) -> None:
        """Looks."""
        seen.extend([session.options.region, session.options.local, session.options.as_json, name, times])

    assert run(function, "me", "--times", "2", "--region", "eu-west-1", "--json").exit_code == 0
    assert seen == ["eu-west-1", False, True, "me", 2]


def test_a_command_takes_only_those_of_the_common_options_that_it_asks_for() -> None:
    def function(session: Session) -> None:
        """Looks."""
        assert session.options.as_json and session.options.region is None

    assert run(function, "--json", options=("as_json",)).exit_code == 0
    assert run(function, "--region", "eu-west-1", options=("as_json",)).exit_code == WRONG_USAGE


def test_an_error_is_told_in_words_and_has_its_own_exit_code() -> None:
    ended = run(raising(UsageError("a-code", "What", "why", "next")))
    assert ended.exit_code == WRONG_USAGE
    assert (ended.stdout, ended.stderr.splitlines()) == ("", ["What: why", "→ next"])


def test_an_error_is_a_document_for_a_program() -> None:
    ended = run(raising(UsageError("a-code", "What", "why", "next")), "--json")
    assert json.loads(ended.stdout)["code"] == "a-code"
    assert ended.stderr == ""


def test_a_traceback_is_shown_only_of_a_mistake_of_ours_and_only_to_who_asks_for_it() -> None:
    ours, theirs = RuntimeError("boom"), UsageError("a-code", "What", "why", "next")
    assert "Traceback" not in run(raising(ours)).stderr
    assert "Traceback" not in run(raising(theirs), "--debug").stderr
    ended = run(raising(ours), "--debug")
    assert ended.exit_code == FAILED
    assert ended.stderr.startswith("Traceback") and "RuntimeError: boom" in ended.stderr


def test_a_traceback_holds_no_secret_and_nothing_that_a_terminal_obeys() -> None:
    told = run(raising(RuntimeError("X-Amz-Signature=5ec2e7 \x1b[2J")), "--debug").stderr
    assert "5ec2e7" not in told and "\x1b" not in told
    assert "X-Amz-Signature=…" in told and r"\x1b[2J" in told


def test_an_interrupted_command_says_what_became_of_it() -> None:
    def function(session: Session) -> None:
        """Is interrupted."""
        session.interrupt.so_far = "Half of it was done."
        raise KeyboardInterrupt

    ended = run(function)
    assert (ended.exit_code, ended.stderr) == (INTERRUPTED, "Interrupted. Half of it was done.\n")
