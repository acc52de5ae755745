"""Whether the local AWS runs, in words that say what became of its stacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chatops.local.process import Process
from chatops.local.server import Local
from chatops.render import local
from chatops.render.output import Output

from .screens import Captured


@dataclass(frozen=True)
class Told(Process):
    """A process of which it is said whether it runs and answers."""

    runs: bool = True
    is_healthy: bool = True

    def find(self) -> Any:
        return self if self.runs else None


def process(pid: int, **more: bool) -> Told:
    return Told("m", (), pid, f"http://127.0.0.1:{pid}", "/", f"/logs/{pid}", **more)


def shown(capsys: Captured, one: Local) -> list[str]:
    local.show(Output(), one)
    return capsys.readouterr().out.splitlines()


def test_each_process_that_runs_is_told_with_its_address_and_its_log(capsys: Captured) -> None:
    assert shown(capsys, Local(process(1), {"eu-west-1": process(2)})) == [
        "The local AWS runs at http://127.0.0.1:1 (pid 1). Log: /logs/1",
        "Its front for eu-west-1 runs at http://127.0.0.1:2 (pid 2). Log: /logs/2",
    ]


def test_one_that_was_never_started_is_told_with_what_starts_it(capsys: Captured) -> None:
    assert shown(capsys, Local()) == ["The local AWS is not running. `chatops local start` starts it."]


def test_one_that_runs_and_does_not_answer_is_told_from_one_that_has_ended(capsys: Captured) -> None:
    (line,) = shown(capsys, Local(process(1, is_healthy=False)))
    assert line.startswith("The local AWS does not answer at http://127.0.0.1:1 (pid 1).")


def test_the_stacks_go_with_the_local_aws(capsys: Captured) -> None:
    first, last = shown(capsys, Local(process(1, runs=False)))
    assert first.startswith("The local AWS has ended by itself (pid 1).")
    assert last.startswith("Its stacks went with it.")
    assert "chatops up --local" in last


def test_the_stacks_stay_when_only_a_front_has_ended(capsys: Captured) -> None:
    last = shown(capsys, Local(process(1), {"eu-west-1": process(2, runs=False)}))[-1]
    assert last.startswith("The stacks are kept.")
    assert "chatops local start" in last


def test_for_a_program_it_is_one_document(capsys: Captured) -> None:
    local.show(Output(as_json=True), Local(process(1), {"eu-west-1": process(2, runs=False)}))
    document = json.loads(capsys.readouterr().out)
    assert (document["running"], document["crashed"], document["fronts"]["eu-west-1"]["running"]) == (False, [2], False)
