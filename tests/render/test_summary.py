"""How a change ended."""

from __future__ import annotations

import json
from typing import Any

from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Action
from chatops.render import summary
from chatops.render.output import Output

from .screens import WHERE, Captured


def outcome(**more: Any) -> Outcome:
    return Outcome(done={"table.t": Action.CREATE, "role.r": Action.KEEP}, seconds=2.34, **more)


def test_the_summary_counts_on_stderr_and_gives_the_addresses_on_stdout(capsys: Captured) -> None:
    outputs = {"websocket_url": "wss://x/demo", "http_urls": {"page": "https://y"}}
    summary.show(Output(), WHERE, outcome(), outputs, "Try it.")
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [["WebSocket", "URL", "wss://x/demo"], ["page", "https://y"]]
    assert err.splitlines() == ["1 created, 1 unchanged in 2.3 s", "Try it."]


def test_the_summary_counts_what_failed_and_what_was_skipped(capsys: Captured) -> None:
    summary.show(Output(), WHERE, outcome(failed={"x": ValueError()}, skipped=["y", "z"]), {}, "")
    assert capsys.readouterr().err == "1 created, 1 unchanged, 1 failed, 2 skipped in 2.3 s\n"


def test_a_run_with_nothing_to_do_says_so(capsys: Captured) -> None:
    summary.show(Output(), WHERE, Outcome(), {}, "")
    assert capsys.readouterr().err.startswith("nothing to do")


def test_the_summary_for_a_program_is_one_document(capsys: Captured) -> None:
    summary.show(Output(as_json=True), WHERE, outcome(), {"websocket_url": None, "http_urls": {}}, "Try it.")
    out, err = capsys.readouterr()
    assert json.loads(out)["created"] == ["table.t"]
    assert err == ""
