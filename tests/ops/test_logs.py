"""Log lines: merged, told apart, followed without loss, and shown so that they can do no harm."""

from __future__ import annotations

import io
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from rich.console import Console

from chatops.aws import Aws
from chatops.documents.running import line_document
from chatops.errors import UsageError
from chatops.ops.logs import CLOCK_ERROR, OVERLAP, Line, Logs
from chatops.render.logs import LogBook
from chatops.render.output import Output

CONNECT, SEND, GONE = "websocket-connect", "websocket-send", "websocket-disconnect"
REPORT = (
    "REPORT RequestId: {}\tDuration: 70.61 ms\tBilled Duration: 71 ms\tMemory Size: 512 MB\tMax Memory Used: 84 MB\t"
    "Init Duration: 312.00 ms\t\n"
)


class CloudWatch(Aws):
    """An AWS of log groups alone. `before_line` runs before a line is given, `after_pause` after the n-th pause."""

    def __init__(self, *functions: str) -> None:
        super().__init__("ap-northeast-2")
        self.groups: dict[str, list[dict[str, Any]]] = {f"/aws/lambda/{name}": [] for name in functions}
        self.asked: list[dict[str, Any]] = []
        self.pauses = 0
        self.after_pause: dict[int, Callable[[], None]] = {}
        self.before_line: Callable[[str], None] = lambda group: None
        self.has_ids = True
        self.ids = itertools.count()
        self.base = int(time.time() * 1000) - 60_000

    def write(self, function: str, at: int, *messages: str, stream: str = "s") -> None:
        """Puts lines into a group, `at` milliseconds after the beginning."""
        for message in messages:
            event = {"timestamp": self.base + at, "message": message, "logStreamName": stream}
            if self.has_ids:
                event["eventId"] = str(next(self.ids))
            self.groups.setdefault(f"/aws/lambda/{function}", []).append(event)

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        self.asked.append(arguments)
        group = arguments["logGroupName"]
        if group not in self.groups:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "FilterLogEvents")
        for event in sorted(self.groups[group], key=lambda one: int(one["timestamp"])):
            if event["timestamp"] >= arguments["startTime"]:
                self.before_line(group)
                yield event

    def pause(self, seconds: float) -> None:
        self.pauses += 1
        assert self.pauses < 50, "it never came"
        self.after_pause.get(self.pauses, lambda: None)()


def said(event: str, connection: str, **more: object) -> str:
    return json.dumps({"event": event, "connectionId": connection, **more})


def invocation(request: str, *lines: str) -> list[str]:
    start, end = f"START RequestId: {request} Version: $LATEST\n", f"END RequestId: {request}\n"
    return [start, *lines, end, REPORT.format(request)]


def messages(lines: Iterator[Line] | list[Line]) -> list[str]:
    return [line.message for line in lines]


def everything(aws: CloudWatch, **how: Any) -> list[Line]:
    names = [group.removeprefix("/aws/lambda/") for group in aws.groups]
    return list(Logs(aws, names, 600, **how).history())


def test_the_lines_of_all_functions_are_merged_by_time() -> None:
    aws = CloudWatch()
    for at, function in ((30, CONNECT), (10, SEND), (20, GONE), (0, CONNECT), (40, SEND)):
        aws.write(function, at, str(at))
    assert messages(everything(aws)) == ["0", "10", "20", "30", "40"]


def test_a_group_that_does_not_exist_is_no_error_and_is_read_once_it_does() -> None:
    aws = CloudWatch(CONNECT)
    logs = Logs(aws, [CONNECT, SEND], 600)
    assert list(logs.history()) == []
    following = logs.follow(lambda text: None)
    aws.write(SEND, 0, "born")
    assert next(following).message == "born"


def test_only_what_is_young_enough_is_asked_for() -> None:
    aws = CloudWatch(SEND)
    list(Logs(aws, [SEND], 45).history())
    assert aws.asked[0]["startTime"] == pytest.approx(time.time() * 1000 - 45_000, abs=5_000)


def test_lines_know_their_request_though_two_environments_write_at_the_same_time() -> None:
    aws = CloudWatch()
    one, two = invocation("r-1", "of one", said("message", "A=")), invocation("r-2", "of two", said("message", "B="))
    for at, (left, right) in enumerate(zip(one, two, strict=True)):
        aws.write(SEND, at, left, stream="left")
        aws.write(SEND, at, right, stream="right")
    aws.write(SEND, 99, "of nobody", stream="left")
    found = everything(aws)
    assert {line.message: line.request_id for line in found if line.message.startswith("of")} == {
        "of one": "r-1",
        "of two": "r-2",
        "of nobody": None,
    }
    assert {(line.request_id, line.connection_id) for line in found if "REPORT" in line.message} == {
        ("r-1", "A="),
        ("r-2", "B="),
    }


def test_one_connections_story_is_what_it_did_and_what_befell_it_and_nothing_else() -> None:
    aws = CloudWatch()
    aws.write(CONNECT, 0, *invocation("r-1", said("connected", "A=")))
    aws.write(CONNECT, 1, *invocation("r-2", said("connected", "B=")))
    fan_out = [said("message", "A=", bytes=2), said("post_failed", "B=", status=403), said("broadcast", "A=", sent=1)]
    aws.write(SEND, 2, *invocation("r-3", "a warning without a name", *fan_out, '{"event": "forbidden"}'))
    aws.write(SEND, 3, *invocation("r-4", said("ping", "B=")))
    aws.write(SEND, 4, *invocation("r-5", said("message", "B=", bytes=9), said("post_failed", "A=", status=429)))
    aws.write(GONE, 5, *invocation("r-6", said("disconnected", "A=", code=1001)))
    found = everything(aws, connection="A=")
    assert [line.request_id for line in found if line.message.startswith("START")] == ["r-1", "r-3", "r-6"]
    assert [line.request_id for line in found if line.message.startswith("REPORT")] == ["r-1", "r-3", "r-6"]
    told = [line.message for line in found if not re.match("START|END|REPORT", line.message)]
    assert told == [
        said("connected", "A="),
        "a warning without a name",
        *fan_out,
        '{"event": "forbidden"}',
        said("post_failed", "A=", status=429),
        said("disconnected", "A=", code=1001),
    ]


def test_a_story_goes_on_while_it_is_followed_across_two_looks_at_one_request() -> None:
    aws = CloudWatch(SEND)
    logs = Logs(aws, [SEND], 600, connection="A")
    assert list(logs.history()) == []
    lines = invocation("r-1", "early", said("message", "A="), "late")
    aws.write(SEND, 0, *lines[:2])
    following = logs.follow(lambda text: None)
    aws.after_pause[3] = lambda: aws.write(SEND, 1, *lines[2:])
    found = [next(following) for _ in lines]
    assert messages(found) == [line.rstrip("\n") for line in lines]
    assert {line.connection_id for line in found} == {"A="}


def test_a_unique_beginning_is_enough_and_another_is_refused_with_the_candidates() -> None:
    aws = CloudWatch()
    aws.write(CONNECT, 0, said("connected", "abc="), said("connected", "abd="))
    assert messages(everything(aws, connection="abd")) == [said("connected", "abd=")]
    with pytest.raises(UsageError, match=r"abc=, abd="):
        everything(aws, connection="ab")
    assert everything(aws, connection="zz") == []


def test_grep_finds_text_in_any_case() -> None:
    aws = CloudWatch()
    aws.write(SEND, 0, "[ERROR] KeyError", "fine", "안녕 Error")
    assert messages(everything(aws, text="error")) == ["[ERROR] KeyError", "안녕 Error"]


@pytest.mark.parametrize("has_ids", [True, False])
def test_following_shows_every_line_once_even_late_and_equal_ones(has_ids: bool) -> None:
    aws = CloudWatch(SEND)
    aws.has_ids = has_ids
    aws.write(SEND, 1000, "same", "same")
    logs = Logs(aws, [SEND], 600)
    assert messages(logs.history()) == ["same", "same"]
    following = logs.follow(lambda text: None)
    aws.write(SEND, 1000, "same")
    assert next(following).message == "same"
    aws.write(SEND, 900, "late", stream="another")
    aws.write(SEND, 2000, "last")
    assert messages([next(following), next(following)]) == ["late", "last"]


def test_following_reads_only_a_short_while_again() -> None:
    aws = CloudWatch(SEND)
    aws.write(SEND, 50_000, "line")
    logs = Logs(aws, [SEND], 3600)
    list(logs.history())
    following = logs.follow(lambda text: None)
    aws.write(SEND, 50_001, "next")
    next(following)
    assert aws.asked[-1]["startTime"] == aws.base + 50_000 - OVERLAP
    silent = CloudWatch(SEND)
    silence = Logs(silent, [SEND], 24 * 3600)
    list(silence.history())
    silent.write(SEND, 0, "after a long silence")
    next(silence.follow(lambda text: None))
    assert silent.asked[-1]["startTime"] == pytest.approx(time.time() * 1000 - CLOCK_ERROR - OVERLAP, abs=5_000)


def test_a_network_that_goes_away_is_said_once_and_costs_no_line() -> None:
    aws, heard = CloudWatch(CONNECT, SEND), list[str]()
    logs = Logs(aws, [CONNECT, SEND], 600)
    list(logs.history())
    aws.write(CONNECT, 0, "one")
    aws.write(SEND, 1, "two")

    def broken(group: str) -> None:
        if group.endswith(SEND) and aws.pauses < 4:
            raise EndpointConnectionError(endpoint_url="https://logs")

    aws.before_line = broken
    following = logs.follow(heard.append)
    assert messages([next(following), next(following)]) == ["one", "two"]
    assert aws.pauses == 4
    assert heard == ["AWS cannot be reached; trying again until it can."]


def test_a_document_has_the_promised_fields() -> None:
    at = datetime(2025, 1, 31, 9, 30, 0, 125_000, timezone.utc)
    line = Line(at, SEND, '{"event": "ping"}\t\x1b[31m', "r-1", "A=", "A=")
    assert line_document(line) == {
        "time": "2025-01-31T09:30:00.125Z",
        "function": SEND,
        "message": '{"event": "ping"}\t\x1b[31m',
        "connection_id": "A=",
        "request_id": "r-1",
    }
    assert line_document(Line(at, SEND, "x")).keys() == {"time", "function", "message"}


class Shown:
    """What a person sees of lines."""

    def __init__(self, *, colours: bool = False, as_json: bool = False) -> None:
        self.output, self._file = Output(as_json=as_json), io.StringIO()
        self.output.out = Console(
            file=self._file, width=80, soft_wrap=True, markup=False, highlight=False, emoji=False,
            force_terminal=colours, color_system="standard" if colours else None,
        )  # fmt: skip
        self._book = LogBook(self.output, [CONNECT, SEND], [CONNECT, SEND])

    def __call__(self, *messages: str, function: str = SEND) -> str:
        self._file.truncate(self._file.seek(0))
        now = datetime.now(timezone.utc)
        self._book.show([Line(now, function, message) for message in messages])
        return self._file.getvalue()


def after_clock(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", line) for line in text.splitlines()]


def test_an_invocations_platform_lines_are_folded_into_one_short_line() -> None:
    shown = Shown()
    lines = [one.rstrip() for one in ["INIT_START Runtime Version: python:3.12.v36", *invocation("r-1", "in between")]]
    assert after_clock(shown(*lines)) == [
        "websocket-send    in between",
        "websocket-send    took 70.61 ms, 84 of 512 MB, init 312.00 ms",
    ]


def test_a_report_of_a_failure_says_so() -> None:
    report = REPORT.format("r-1").replace("Init Duration: 312.00 ms", "Status: timeout")
    assert after_clock(Shown()(report)) == ["websocket-send    took 70.61 ms, 84 of 512 MB timeout"]
    crash = REPORT.format("r-1") + "Status: error\tError Type: Runtime.ExitError"
    assert Shown()(crash).rstrip().endswith("init 312.00 ms error Runtime.ExitError")
    init = "INIT_REPORT Init Duration: 9999.84 ms\tPhase: init\tStatus: timeout"
    assert after_clock(Shown()(init)) == ["websocket-send    init 9999.84 ms timeout"]


def test_a_structured_line_is_shown_whole_and_short() -> None:
    line = said("broadcast", "A=", sent=2, reason="Going away", nested={"키": [1]}, hint="")
    assert after_clock(Shown()(line)) == [
        'websocket-send    broadcast A= sent=2 reason="Going away" nested={"키": [1]} hint=""'
    ]


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        (json.dumps({"event": "x\x1b[31m", "k\x1b": "\u202eevil\x9b"}), r"x\x1b[31m k\x1b=\u202eevil\x9b"),
        ("[bold]no markup[/bold] :smile:", "[bold]no markup[/bold] :smile:"),
        ('{"event": ' + "[" * 5000, '{"event": [['),
        ("REPORT RequestId: x\tDuration: \x1b[31m\tStatus: \u202e", r"took \x1b[31m \u202e"),
    ],
)
def test_hostile_text_is_shown_and_never_obeyed(hostile: str, harmless: str) -> None:
    told = Shown()(hostile)
    assert harmless in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)


def test_further_lines_of_a_message_are_indented_so_that_none_can_pass_for_another_event() -> None:
    told = Shown()("[ERROR] KeyError\rTraceback\r\n  File\n09:00:00.000 websocket-send    forged")
    assert after_clock(told) == [
        "websocket-send    [ERROR] KeyError",
        "    Traceback",
        "      File",
        "    09:00:00.000 websocket-send    forged",
    ]


def test_each_function_has_a_colour_of_its_own_and_without_colours_nothing_is_lost() -> None:
    shown = Shown(colours=True)
    colours = {name: re.findall(r"\x1b\[(\d+)m" + name, shown("x", function=name)) for name in (CONNECT, SEND)}
    assert all(colours.values())
    assert colours[CONNECT] != colours[SEND]
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown("x"))
    assert after_clock(plain) == after_clock(Shown()("x"))


def test_a_line_of_another_day_shows_the_day() -> None:
    book = LogBook(Output(), [SEND], [SEND])
    told = book.text(Line(datetime(2020, 2, 3, 12, tzinfo=timezone.utc), SEND, "old"))
    assert re.match(r"02-0[234] \d\d:\d\d:00.000 websocket-send old", str(told))


def test_longer_ago_than_there_is_time_is_from_its_beginning() -> None:
    aws = CloudWatch(SEND)
    list(Logs(aws, [SEND], 999_999 * 86_400).history())
    assert aws.asked[0]["startTime"] == 0
