"""Plans, events and summaries as `--json` prints them, which is a promise."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from chatops.deploy import events
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change
from chatops.documents import changes as documents
from chatops.errors import UsageError
from chatops.resources.log_group import LogGroup

from ..resources.stand import function

WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NAME = "log_group./aws/lambda/send"
NOW = datetime(2025, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def step(action: Action, *changes: Change, reason: str | None = None, hint: str | None = None) -> Step:
    return Step(LogGroup("chat", "send", 14), action, changes, reason, hint)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.Started(NAME, Action.CREATE), {"event": "started", "action": "create"}),
        (
            events.Progressed(NAME, Action.CREATE, "waiting"),
            {"event": "progress", "action": "create", "text": "waiting"},
        ),
        (
            events.Finished(NAME, Action.CREATE, 1.2345, ("a",)),
            {"event": "finished", "action": "create", "seconds": 1.23},
        ),
        (
            events.Finished(NAME, Action.UPDATE, 0.5, ("a", "b")),
            {"event": "finished", "action": "update", "seconds": 0.5, "paths": ["a", "b"]},
        ),
        (
            events.Finished(NAME, Action.ADOPT, 1.0, ("retention",)),
            {"event": "finished", "action": "adopt", "seconds": 1.0, "paths": ["retention"]},
        ),
        (
            events.Finished(NAME, Action.KEEP, 0.0, (), "it does not exist"),
            {"event": "finished", "action": "keep", "seconds": 0.0, "reason": "it does not exist"},
        ),
        (
            events.Failed(NAME, Action.DELETE, UsageError("a-code", "What", "why", "hint")),
            {"event": "failed", "action": "delete", "code": "a-code", "what": "What", "why": "why", "hint": "hint"},
        ),
        (events.Skipped(NAME, Action.ADOPT), {"event": "skipped", "action": "adopt"}),
    ],
)
def test_every_event_says_what_happened_to_which_resource(event: events.Event, expected: dict[str, object]) -> None:
    assert documents.event_document(event) == {"resource": NAME, **expected}


def test_the_summary_lists_every_resource_under_what_became_of_it() -> None:
    outcome = Outcome(
        done={
            "table.b": Action.CREATE,
            "table.a": Action.CREATE,
            "role.u": Action.UPDATE,
            "role.d": Action.DELETE,
            "role.k": Action.KEEP,
            "role.o": Action.ADOPT,
        },
        failed={"function.f": ValueError()},
        skipped=["stage.z", "stage.s"],
        seconds=1.239,
    )
    outputs = {"websocket_url": "wss://x/demo", "http_urls": {"page": "https://y"}}
    assert documents.summary_document(WHERE, outcome, outputs) == {
        "event": "summary",
        **WHERE,
        "created": ["table.a", "table.b"],
        "updated": ["role.u"],
        "adopted": ["role.o"],
        "deleted": ["role.d"],
        "unchanged": ["role.k"],
        "failed": ["function.f"],
        "skipped": ["stage.s", "stage.z"],
        "seconds": 1.24,
        "outputs": outputs,
    }


def test_a_plan_lists_every_step_with_its_changes() -> None:
    plan = Plan((step(Action.UPDATE, Change("retention", None, 14)), step(Action.BLOCKED, reason="why", hint="what")))
    assert documents.plan_document(WHERE, plan, ["/shared/db.py"]) == {
        **WHERE,
        "in_sync": False,
        "steps": [
            {
                "resource": NAME,
                "action": "update",
                "changes": [{"path": "retention", "before": None, "after": 14}],
            },
            {"resource": NAME, "action": "blocked", "changes": [], "reason": "why", "hint": "what"},
        ],
        "outside_files": ["/shared/db.py"],
    }
    in_sync = documents.plan_document(WHERE, Plan((step(Action.KEEP),)))
    assert (in_sync["in_sync"], in_sync["outside_files"]) == (True, [])


def test_a_value_that_may_be_a_secret_is_in_no_plan() -> None:
    changes = (Change("environment.DB_PASSWORD", "hunter1", "hunter2"), Change("memory", 128, 256))
    told = documents.step_document(Step(function(), Action.UPDATE, changes))["changes"]
    assert told == [
        {"path": "environment.DB_PASSWORD", "before": "(hidden)", "after": "(hidden)"},
        {"path": "memory", "before": 128, "after": 256},
    ]


def test_a_step_lists_what_its_update_deletes() -> None:
    removing = Step(LogGroup("chat", "send", 14), Action.UPDATE, removes=("the route x",))
    assert documents.step_document(removing)["deletes"] == ["the route x"]
    assert "deletes" not in documents.step_document(step(Action.UPDATE))


def test_a_plan_that_up_refuses_says_so() -> None:
    refusal = UsageError("a-code", "What", "why", "hint")
    refused = {"code": "a-code", "what": "What", "why": "why", "hint": "hint"}
    assert documents.plan_document(WHERE, Plan(()), refusal=refusal)["refused"] == refused
    assert "refused" not in documents.plan_document(WHERE, Plan(()))
