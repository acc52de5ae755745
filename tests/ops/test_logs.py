"""Log lines: merged, told apart, and followed without loss."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chatops.aws import Aws
from chatops.errors import UsageError
from chatops.ops.logs import CLOCK_ERROR, OVERLAP, Line, Logs

from ..log_lines import CONNECT, GONE, SEND, invocation, said


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


def test_longer_ago_than_there_is_time_is_from_its_beginning() -> None:
    aws = CloudWatch(SEND)
    list(Logs(aws, [SEND], 999_999 * 86_400).history())
    assert aws.asked[0]["startTime"] == 0
