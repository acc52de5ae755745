"""Text that means harm, through everything that shows text: nothing of it is obeyed, hidden, or taken for markup."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from chatops.deploy import events
from chatops.deploy.apply import Outcome
from chatops.deploy.plan import Action, Plan, Step
from chatops.deploy.resource import Change, Live
from chatops.documents.chat import item_document
from chatops.errors import ChatopsError, ConfigError
from chatops.ops import metrics
from chatops.ops.chat import words as chat_words
from chatops.ops.chat.wire import Message, Notice
from chatops.ops.connections import Connection
from chatops.ops.doctor.finding import Diagnosis, Finding, Severity
from chatops.ops.find import Found, Place
from chatops.ops.logs import Line
from chatops.ops.metrics import Measured, Series
from chatops.ops.roster import Roster
from chatops.ops.smoke import Check, Report
from chatops.ops.watch import Reading
from chatops.render import doctor, find, status, summary
from chatops.render import metrics as metric_lines
from chatops.render import plan as plan_shown
from chatops.render import smoke as smoke_shown
from chatops.render.events import Board
from chatops.render.logs import LogBook
from chatops.render.output import Output
from chatops.render.tables import connections_table
from chatops.resources.api import HttpApi

CORPUS = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the title": "\x1b]0;owned\x07",
    "opens a link": "\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "writes the clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "asks the terminal": "\x1b[6n\x05",
    "8-bit controls": "\x9b31m\x9d0;x\x9c",
    "moves back": "real\rfake\b\b",
    "makes lines": "one\ntwo\vthree\ffour\x85five\u2028six\u2029seven",
    "bidi override": "\u202egnp.exe\u202c \u2066x\u2069",
    "zero width": "pay\u200bpal\ufeff\u00ad",
    "tags": "x\U000e0041\U000e007f",
    "half a pair": "\ud800 \udfff",
    "no character": "\uffff\U0010ffff\ue000",
    "rich markup": "[bold red]x[/] [link=https://evil.example]y[/link] [/nothing] :skull: [blink]z",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;\"'",
    "format strings": "{0.__class__} %s %(x)s ${jndi:ldap://evil.example}",
    "json": '"}\\u001b[31m{"event": "summary"',
    "zalgo": "z" + "\u0300\u0489\u20dd" * 200,
    "very long": "가" * 100_000,
    "nul": "a\x00b\x7f",
}
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
WHERE = {"stack": "chat", "account": "123456789012", "region": "ap-northeast-2"}
NOW = datetime.now(timezone.utc)
hostile = pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name, marks=pytest.mark.slow if name == "very long" else ())
        for name, text in CORPUS.items()
    ],
)
Captured = pytest.CaptureFixture[str]


def dangerous(text: str) -> list[str]:
    """The characters in a text that a terminal would obey, hide or turn round."""
    return [one for one in sorted(set(text) - {"\n"}) if unicodedata.category(one) in HIDDEN]


class Named(HttpApi):
    """A resource that somebody gave any name."""

    kind = "http_api"

    @property
    def name(self) -> str:
        return f"http_api.{self.api}"


def step(text: str, action: Action) -> Step:
    changes = (Change(f"environment.{text}", text, {text: [text]}), Change("tags", None, text))
    return Step(Named("chat", text, "$default", ""), action, changes, text, text)


def client_error(text: str) -> ClientError:
    return ClientError({"Error": {"Code": text, "Message": text}}, "CreateFunction")


def everything(text: str) -> Iterable[Callable[[Output], Any]]:
    """Every way in which text from others is shown."""
    connection = Connection(text, True, NOW, NOW, text, text)
    roster = Roster((connection, Connection(text, False)), 2)
    line = Line(NOW, text, text, text, text)
    said = Line(NOW, text, json.dumps({"event": text, "connectionId": text, "error": text, text: [text]}))
    report = Line(NOW, text, f"REPORT RequestId: {text}\tDuration: {text}\tStatus: {text}\tError Type: {text}")
    plan = Plan(tuple(step(text, action) for action in Action), {"http_api.x": Live({}, {"http_url": text})})
    outcome = Outcome(failed={text: client_error(text)}, skipped=[text], done={text: Action.CREATE})
    outputs = {"websocket_url": text, "http_urls": {text: text}}
    happened: list[events.Event] = [
        events.Started(text, Action.CREATE),
        events.Progressed(text, Action.CREATE, text),
        events.Finished(text, Action.UPDATE, 1.0, (text,), None),
        events.Finished(text, Action.KEEP, 1.0, (), text),
        events.Failed(text, Action.CREATE, client_error(text)),
        events.Skipped(text, Action.CREATE),
    ]

    def logs(output: Output) -> None:
        LogBook(output, [text], [text]).show([line, said, report])

    def watching(output: Output) -> None:
        with output.watching() as emit:
            for event in happened:
                emit(event)

    def chat(output: Output) -> None:
        for item in (Message(text, text, False), Message(None, text, True), Notice(text, text)):
            if output.as_json:
                output.document(item_document(item))
            else:
                output.line(chat_words.plain(item))
        if not output.as_json:
            output.line(chat_words.roll([connection], 1))

    def asked(output: Output) -> None:
        place = Place(text, (text,), (Found(text, text), Found(text, None)), None)
        find.show(output, {**WHERE, "region": text}, [place, Place(text, refusal=text)])
        counted = metrics.Metric("Count", "messages", "Sum")
        measured = Measured(NOW, NOW, 60, {text: [Series(counted, (1.0, None), {"sum": 1.0})]})
        metric_lines.show(output, WHERE, measured, text)
        findings = tuple(Finding(severity, text, text, text) for severity in Severity)
        doctor.show(output, Diagnosis(findings, {"stack": text}))

    def errors(output: Output) -> None:
        output.error(client_error(text))
        output.error(ChatopsError("a-code", text, text, text))
        output.error(ConfigError(text, [text, text]))
        output.error(RuntimeError(text))
        output.error(OSError(2, text, text))

    yield lambda output: plan_shown.show(output, WHERE, plan)
    yield lambda output: plan_shown.blocked(output, plan)
    yield lambda output: summary.show(output, WHERE, outcome, outputs, text)
    yield lambda output: status.show(output, WHERE, Reading(plan, outputs, roster, client_error(text)))
    yield lambda output: smoke_shown.show(output, Report([Check("connect", False, 1.0, text)]))
    yield from (logs, watching, chat, asked, errors)
    yield lambda output: None if output.as_json else output.say(text)


@hostile
def test_nothing_reaches_a_terminal_that_it_would_obey(text: str, capsys: Captured) -> None:
    for show in everything(text):
        show(Output())
        out, err = capsys.readouterr()
        assert dangerous(out + err) == []
        out.encode(), err.encode()


@hostile
def test_a_terminal_that_shows_colours_gets_no_escape_but_those_of_its_own_colours(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for show in everything(text):
        output, seen = Output(), StringIO()
        terminal = Console(
            file=seen, force_terminal=True, width=200, markup=False, emoji=False, highlight=False, soft_wrap=True
        )
        output.out = output.err = terminal
        monkeypatch.setattr("sys.stdout", seen)
        show(output)
        # What rich itself writes: colours, and for live lines moves of the cursor.
        plain = re.sub(r"\x1b\[[\d;]*[mAKH]|\x1b\[\?25[lh]|\r", "", seen.getvalue())
        assert dangerous(plain) == []


def test_markup_is_shown_as_it_was_written(capsys: Captured) -> None:
    text = CORPUS["rich markup"]
    Output().error(ChatopsError("a-code", text, "why", "hint"))
    Output().say(text)
    assert capsys.readouterr().err.count(text) == 2


@hostile
def test_json_stays_one_ascii_document_a_line_and_gives_the_text_back(text: str, capsys: Captured) -> None:
    for show in everything(text):
        show(Output(as_json=True))
        out, _ = capsys.readouterr()
        assert out.isascii() and dangerous(out) == []
        for line in out.splitlines():
            json.loads(line)
    Output(as_json=True).document({"message": text})
    assert json.loads(capsys.readouterr().out) == {"message": text}


@hostile
def test_an_apply_watched_live_shows_it_harmless_too(text: str) -> None:
    board, seen = Board(), StringIO()
    console = Console(file=seen, width=200, markup=False)
    board.running[text] = (Action.CREATE, 0.0, text)
    console.print(board)
    assert dangerous(seen.getvalue()) == []


@hostile
def test_a_table_of_connections_stays_within_its_columns(text: str) -> None:
    seen = StringIO()
    table = connections_table(Roster((Connection(text, True, NOW, NOW, text, text),), 1), [text], [text])
    Console(file=seen, width=80, markup=False).print(table)
    lines = seen.getvalue().splitlines()
    assert dangerous(seen.getvalue()) == [] and len(lines) == 4
    assert all(len(line) <= 80 for line in lines if "\u0300" not in line)


@hostile
def test_a_config_full_of_it_is_refused_in_harmless_words(text: str, tmp_path: Path, capsys: Captured) -> None:
    from chatops.config import load

    file = tmp_path / "c.yaml"
    quoted = json.dumps(text)
    file.write_text(f"stack: {quoted}\n? {quoted}\n: {quoted}\nwebsocket: {{auth: {quoted}}}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(file)
    Output().error(refused.value)
    assert dangerous(capsys.readouterr().err) == []
