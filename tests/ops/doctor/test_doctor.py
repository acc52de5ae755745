"""The doctor as a whole: a healthy stack, checks that cannot be made, and the command."""

from __future__ import annotations

import json
import threading

import pytest

from chatops.ops.doctor import CHECKS, examine
from chatops.ops.doctor.finding import Severity
from chatops.stack import Stack

from ..stand_ins import REGION, Proxy, Request
from .breakages import ACCOUNT_SETTINGS, WARNING, again, bad, change_a_timeout, delete_the_table, quota, run, say


@pytest.mark.e2e
def test_a_healthy_stack_has_nothing_but_what_is_good_to_know(stack: Stack) -> None:
    diagnosis = examine(lambda: stack)
    assert diagnosis.is_ok
    assert bad(diagnosis) == []
    assert [one.what for one in diagnosis.of(Severity.INFO)] == ["Anyone who knows the URL can join the chat"]
    assert diagnosis.where == {"stack": "websocket-chat", "account": "000000000000", "region": REGION}
    told = " ".join(one.what for one in diagnosis.of(Severity.OK))
    for word in ("credentials", "clock", "region", "permissions", "Lambda", "tables", "roles", "12 of 12 resources"):
        assert word in told
    assert "All 3 functions are Active" in told


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ThrottledForGood", 400),
        ("UnknownOperationException", 404),
        ("ValidationException", 400),
    ],
)
def test_when_everything_but_the_identity_is_refused_it_still_ends_well(
    proxy: Proxy, stack: Stack, code: str, status: int
) -> None:
    proxy.refuse(lambda one: one.service != "sts", code, "no", status)
    diagnosis = examine(lambda: again(stack))
    assert diagnosis.is_ok
    assert len([one for one in diagnosis.of(Severity.INFO) if "could not be checked" in one.what]) >= 6


@pytest.mark.e2e
def test_an_answer_that_is_nonsense_breaks_one_check_and_is_called_our_mistake(proxy: Proxy, stack: Stack) -> None:
    quota(proxy, ACCOUNT_SETTINGS, {"nothing": "useful"})
    (found,) = bad(examine(lambda: again(stack)))
    assert (found.severity, found.what) == (WARNING, "Lambda's quotas could not be checked")
    assert "KeyError" in found.why


@pytest.mark.e2e
def test_the_checks_are_made_at_the_same_time(proxy: Proxy, stack: Stack) -> None:
    meeting = threading.Barrier(3)

    def wait(one: Request) -> None:
        if one.operation in ("GetAccountSummary", "ListTables", ACCOUNT_SETTINGS):
            meeting.wait(timeout=30)  # breaks when the others are not under way too

    proxy.rules.append(wait)
    assert bad(examine(lambda: again(stack))) == []
    assert not meeting.broken


@pytest.mark.e2e
@pytest.mark.slow
def test_it_exits_with_one_only_when_something_is_broken(proxy: Proxy, stack: Stack) -> None:
    assert run(proxy, stack).exit_code == 0
    change_a_timeout(stack)
    assert run(proxy, stack).exit_code == 0, "a warning is no error"
    delete_the_table(stack)
    assert run(proxy, stack).exit_code == 1


@pytest.mark.e2e
def test_json_is_one_document_of_findings(proxy: Proxy, stack: Stack) -> None:
    delete_the_table(stack)
    shown = run(proxy, stack, "--json")
    (line,) = shown.stdout.splitlines()
    document = json.loads(line)
    assert document["ok"] is False
    assert document["region"] == REGION
    assert all(set(one) == {"severity", "what", "why", "hint"} for one in document["findings"])
    assert document["findings"][0]["severity"] == "error", "the worst first"
    assert {one["severity"] for one in document["findings"]} <= {"error", "warning", "info", "ok"}


@pytest.mark.e2e
def test_it_is_plain_in_a_pipe_and_each_finding_ends_with_what_mends_it(proxy: Proxy, stack: Stack) -> None:
    delete_the_table(stack)
    lines = run(proxy, stack).stdout.splitlines()
    assert lines[:3] == [
        "✗ table.websocket-connections is missing",
        "  the config asks for it",
        f"  → chatops up --config {stack.config.file} --region {REGION} --endpoint-url {proxy.url}",
    ]
    assert lines[-1].startswith("1 error, 1 note, ")
    assert not [line for line in lines if "\x1b" in line]


@pytest.mark.e2e
@pytest.mark.slow
def test_what_somebody_saw_is_told_with_its_causes_first(proxy: Proxy, stack: Stack) -> None:
    document = json.loads(run(proxy, stack, "--json", "--saw", '{"message": "Internal server error"}').stdout)
    first, second = document["findings"][:2]
    assert first["what"] == second["what"] == "'Internal server error' may come from this"
    assert first["why"] == "API Gateway may not invoke the function of this route"
    unknown = json.loads(run(proxy, stack, "--json", "--saw", "a purple cow").stdout)
    assert "no symptom that chatops knows" in unknown["findings"][0]["what"]


@pytest.mark.e2e
@pytest.mark.slow
def test_escape_sequences_in_a_log_are_shown_and_not_obeyed(proxy: Proxy, stack: Stack) -> None:
    say(stack, "[ERROR] boom \x1b[2Jgone \u202e")
    shown = run(proxy, stack)
    assert "\x1b" not in shown.stdout and "\u202e" not in shown.stdout
    assert "boom \\x1b[2Jgone \\u202e" in shown.stdout


def test_every_check_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(set(CHECKS.values())) == len(CHECKS)
    assert all((check.__doc__ or "").strip().endswith((".", "html")) for check in CHECKS.values())
