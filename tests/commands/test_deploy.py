"""What up, plan and down ask, refuse and tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chatops import cli, plans
from chatops.aws import Interrupted
from chatops.commands import deploy
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Live
from chatops.local import watch
from chatops.local.keys import LocalKeys
from chatops.render.output import Output
from chatops.resources.log_group import LogGroup
from chatops.session import Session

GROUP, OTHER = LogGroup("websocket-chat", "websocket-send", 14), LogGroup("websocket-chat", "old", 14)
THERE = {GROUP.name: Live({}, owner="websocket-chat")}
DELETING = Plan((Step(OTHER, Action.DELETE),), THERE)
REMOVING = Plan((Step(GROUP, Action.UPDATE, removes=("the route x",)),), THERE)
CHANGING = Plan((Step(GROUP, Action.UPDATE),), THERE)
CREATING = Plan((Step(GROUP, Action.CREATE),))
Run = Callable[..., Result]


@pytest.fixture
def applied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that were carried out; nothing else happens."""
    done: list[Plan] = []

    def apply(plan: Plan, *_: object) -> Outcome:
        done.append(plan)
        return Outcome()

    monkeypatch.setattr("chatops.deploy.apply.apply", apply)
    monkeypatch.setattr("chatops.session.Session.prepare", lambda _: None)
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    monkeypatch.setattr("chatops.local.server.ensure", lambda *_: ("http://127.0.0.1:1", "http://127.0.0.1:2"))
    monkeypatch.setattr("chatops.local.server.keys", LocalKeys.create)
    monkeypatch.setattr("chatops.session.forget_credentials", lambda: None)
    monkeypatch.setattr("chatops.ops.addresses.outputs", lambda *_: {"websocket_url": "wss://x/demo", "http_urls": {}})
    (folder / "config.yaml").write_text("")
    return done


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command when this is the plan, at a terminal where somebody gives this answer, or without one."""

    def run(plan: Plan, *arguments: str, answer: str | None = None) -> Result:
        for verb in ("up", "down"):
            monkeypatch.setattr(f"chatops.plans.{verb}", lambda *_, **__: plan)
        monkeypatch.setattr(Output, "is_interactive", property(lambda _: answer is not None))
        return CliRunner().invoke(cli.app, [*arguments, "--region", "ap-northeast-2"], input=f"{answer}\n")

    return run


@pytest.mark.parametrize(("plan", "deleted"), [(DELETING, OTHER.name), (REMOVING, f"{GROUP.name}: the route x")])
def test_up_lists_what_it_deletes_and_goes_on_after_a_yes_alone(
    run: Run, applied: list[Plan], plan: Plan, deleted: str
) -> None:
    refused = run(plan, "up", answer="n")
    assert (refused.exit_code, applied) == (1, [])
    listed, question = refused.stderr.splitlines()[-2:]
    assert (listed, question) == (f"  - {deleted}", "Delete this? [y/N] No changes were made.")
    assert run(plan, "up", answer="y").exit_code == 0
    assert applied == [plan]


@pytest.mark.parametrize("plan", [DELETING, REMOVING])
def test_without_a_terminal_up_deletes_only_with_yes(run: Run, applied: list[Plan], plan: Plan) -> None:
    refused = run(plan, "up")
    assert (refused.exit_code, applied) == (2, [])
    assert plan.deletions[0] in refused.stderr and "Pass --yes to continue." in refused.stderr
    assert run(plan, "up", "--yes").exit_code == 0
    assert applied == [plan]


@pytest.mark.parametrize("answer", [None, "y"])
def test_a_program_that_reads_json_is_told_what_would_be_deleted_and_has_to_say_yes(
    run: Run, applied: list[Plan], answer: str | None
) -> None:
    refused = run(DELETING, "up", "--json", answer=answer)
    (told,) = [json.loads(line) for line in refused.stdout.splitlines()]
    assert (refused.exit_code, told["code"], applied) == (2, "nobody-to-ask", [])
    assert OTHER.name in told["why"]
    assert run(DELETING, "up", "--json", "--yes").exit_code == 0


def test_creating_and_changing_go_on_without_a_terminal_and_a_change_without_a_question(
    run: Run, applied: list[Plan]
) -> None:
    assert run(CREATING, "up").exit_code == 0
    assert run(CHANGING, "up").exit_code == 0
    assert run(CHANGING, "up", answer="n").exit_code == 0
    assert run(CREATING, "up", answer="n").exit_code == 1
    assert applied == [CREATING, CHANGING, CHANGING]


def test_local_never_asks(run: Run, applied: list[Plan]) -> None:
    for plan in (CREATING, DELETING, REMOVING):
        assert run(plan, "up", "--local", answer="n").exit_code == 0
    assert applied == [CREATING, DELETING, REMOVING]


@pytest.mark.parametrize("more", [(), ("--yes",), ("--local",), ("--local", "--yes"), ("--json", "--yes")])
def test_up_stops_before_any_change_whatever_the_answer_where_the_config_is_another(
    run: Run, applied: list[Plan], more: tuple[str, ...]
) -> None:
    foreign = Plan((Step(OTHER, Action.DELETE),), {OTHER.name: Live({}, owner="websocket-chat")})
    refused = run(foreign, "up", *more, answer="y")
    assert (refused.exit_code, applied) == (2, [])
    Path("config.yaml").unlink()
    assert run(DELETING, "up", *more, answer="y").exit_code == 2
    assert run(CHANGING, "up", *more, answer="y").exit_code == 0
    assert applied == [CHANGING]


@pytest.mark.parametrize("command", [("plan",), ("up", "--dry-run")])
def test_a_plan_that_up_refuses_says_so(run: Run, applied: list[Plan], command: tuple[str, ...]) -> None:
    Path("config.yaml").unlink()
    shown = run(DELETING, *command)
    assert OTHER.name in shown.stdout
    assert "would stop" in shown.stderr and "built-in defaults would delete" in shown.stderr
    assert json.loads(run(DELETING, *command, "--json").stdout)["refused"]["code"] == "defaults-would-delete"
    assert run(DELETING, "plan", "--check").exit_code == 3
    assert applied == []


def test_down_lists_for_a_program_what_it_would_delete(run: Run, applied: list[Plan]) -> None:
    refused = run(DELETING, "down", "--json")
    told = json.loads(refused.stdout.splitlines()[-1])
    assert (refused.exit_code, told["code"], applied) == (2, "nobody-to-ask", [])
    assert OTHER.name in told["why"]


def test_only_on_aws_up_says_that_the_chat_is_open_and_what_an_attack_would_cost(run: Run, applied: list[Plan]) -> None:
    for more, told in (((), True), (("--endpoint-url", "http://127.0.0.1:1"), True), (("--local",), False)):
        said = run(CHANGING, "up", *more).stderr
        assert ("open to everyone" in said, "an hour" in said) == (told, told)
    assert len(applied) == 3


def test_the_summary_and_the_head_name_the_config_in_use(run: Run, applied: list[Plan]) -> None:
    told = run(CHANGING, "up", "--json")
    assert json.loads(told.stdout.splitlines()[-1])["config"] == "config.yaml"
    assert "config config.yaml" in told.stderr
    Path("config.yaml").unlink()
    told = run(CHANGING, "up", "--json")
    assert json.loads(told.stdout.splitlines()[-1])["config"] == "built-in defaults"
    assert "config built-in defaults" in told.stderr


def test_a_down_that_is_stopped_while_it_looks_again_still_tells_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def remains(*_: object) -> list[str]:
        raise Interrupted

    monkeypatch.setattr(plans, "remains", remains)
    session: Any = SimpleNamespace(stack=None)
    with pytest.raises(Interrupted):
        deploy._prove_gone(session, Plan(()), Outcome(), told.append)
    assert told == [deploy.NOT_LOOKED_AT]


@pytest.fixture
def with_outside_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project one of whose functions is made from a file outside; where that lies. Nothing on AWS differs."""
    handler = "def lambda_handler(event, context): ...\n"
    (tmp_path / "project").mkdir()
    (tmp_path / "shared.py").write_text(handler)
    text = "outside_files: [../shared.py]\nfunctions: {f: {source: ../shared.py}}\n"
    (tmp_path / "project" / "config.yaml").write_text(text + "websocket: {routes: {x: f}}\nhttp_apis: {}\n")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("chatops.session.Session.prepare", lambda _: None)
    monkeypatch.setattr("chatops.aws.Aws.account", "123456789012")
    monkeypatch.setattr(plans, "up", lambda *_, **__: Plan(()))
    monkeypatch.setattr(plans, "is_there", lambda *_: True)
    return str(tmp_path / "shared.py")


@pytest.mark.parametrize("command", [["plan"], ["up", "--dry-run"], ["up"]])
def test_the_files_from_outside_are_listed(command: list[str], with_outside_file: str) -> None:
    ended = CliRunner().invoke(cli.app, [*command, "--region", "ap-northeast-2"])
    assert "Files from outside the config's folder, uploaded to Lambda (1):" in ended.stderr
    assert with_outside_file in ended.stderr.replace("\n", "")


@pytest.mark.parametrize("command", [["plan"], ["up", "--dry-run"]])
def test_the_files_from_outside_are_in_the_plans_document(command: list[str], with_outside_file: str) -> None:
    ended = CliRunner().invoke(cli.app, [*command, "--region", "ap-northeast-2", "--json"])
    assert json.loads(ended.stdout)["outside_files"] == [with_outside_file]


def test_where_local_env_names_the_local_aws_up_says_nothing_of_the_public_or_of_a_bill(
    run: Run, applied: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatops.session.Session._local_gateway", lambda *_: "http://127.0.0.1:2")
    said = run(CHANGING, "up", "--endpoint-url", "http://127.0.0.1:1").stderr
    assert len(applied) == 1
    assert "open to everyone" not in said and "an hour" not in said


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens to the files under `--watch`, a step for each look at them; then Ctrl-C."""
    steps: list[Callable[[], object]] = []

    def wait_for_change(before: Any, _: object) -> list[Path]:
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()
        return [file for file, one in watch.stamp(before).items() if one != before[file]]

    monkeypatch.setattr(watch, "wait_for_change", wait_for_change)
    return steps


def _note_config(planned: list[str], session: Session, *_: object) -> int:
    planned.append(session.config.origin)
    return 0


def test_a_watched_config_that_is_away_for_a_moment_is_waited_for(
    run: Run, applied: list[Plan], saved: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, planned = Path("config.yaml"), list[str]()
    saved += [file.unlink, lambda: file.write_text("stack: other")]
    monkeypatch.setattr(deploy, "_apply", partial(_note_config, planned))
    said = run(CHANGING, "up", "--local", "--watch").stderr
    assert "config.yaml is not there: waiting until it is back." in said
    assert planned == ["config.yaml", "config.yaml"]


def test_a_watched_config_that_goes_while_it_is_read_is_an_error_and_never_the_defaults(
    run: Run, applied: list[Plan], saved: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, planned = Path("config.yaml"), list[str]()
    saved += [lambda: file.write_text("stack: other")]
    monkeypatch.setattr(deploy, "_apply", partial(_note_config, planned))
    again = Session.again

    def gone(session: Session, *config: Path) -> Session:
        file.unlink()
        return again(session, *config)

    monkeypatch.setattr(Session, "again", gone)
    said = run(CHANGING, "up", "--local", "--watch").stderr
    assert "config.yaml" in said and planned == ["config.yaml"]


def test_files_from_outside_that_a_saved_config_adds_are_listed_before_they_are_uploaded(
    run: Run, applied: list[Plan], saved: list[Callable[[], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, shared = tmp_path / "project", tmp_path / "shared.py"
    project.mkdir()
    monkeypatch.chdir(project)
    handler = "def lambda_handler(event, context): ...\n"
    for path in (shared, project / "own.py"):
        path.write_text(handler)
    text = "functions: {websocket-send: {source: own.py}}\nwebsocket: {routes: {x: websocket-send}}\nhttp_apis: {}\n"
    Path("config.yaml").write_text(text)
    more = "outside_files: [../shared.py]\n" + text.replace("own.py", "../shared.py")
    saved += [lambda: Path("config.yaml").write_text(more), lambda: Path("config.yaml").write_text(more + "# x\n")]
    monkeypatch.setattr(deploy, "_apply", lambda session, *_: session.note("Uploaded.") or 0)
    said = run(CHANGING, "up", "--local", "--watch").stderr
    first, second, third = said.replace("\n", "").split("Uploaded.")[:3]
    listed = "Files from outside the config's folder"
    assert [listed in one for one in (first, second, third)] == [False, True, False]
    assert str(shared) in second
