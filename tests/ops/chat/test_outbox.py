"""What was written and has not come back yet."""

from __future__ import annotations

from chatops.ops.chat.outbox import GIVE_UP_AFTER, NEXT_AFTER, PACE, PAUSE_AFTER_ERROR, Outbox
from chatops.ops.chat.wire import Notice


def test_one_message_at_a_time_is_on_its_way_but_a_lost_echo_holds_up_nobody_for_long() -> None:
    outbox = Outbox()
    for text in ("one", "two"):
        outbox.add(text)
    first = outbox.next(0)
    assert first and first.message == "one"
    outbox.sending(first, 0)
    assert outbox.next(NEXT_AFTER - 0.1) is None
    second = outbox.next(NEXT_AFTER)
    assert second and second.message == "two"


def test_messages_keep_a_distance_that_a_throttled_stack_allows() -> None:
    outbox = Outbox()
    for text in ("one", "two"):
        outbox.add(text)
    first = outbox.next(1)
    assert first
    outbox.sending(first, 1)
    outbox.confirm("one")
    assert outbox.next(1 + PACE / 2) is None
    assert outbox.next(1 + PACE)


def test_after_an_error_there_is_a_pause() -> None:
    outbox = Outbox()
    for text in ("one", "two"):
        outbox.add(text)
    first = outbox.next(1)
    assert first
    outbox.sending(first, 1)
    outbox.failed(Notice("Too Many Requests", "", refused=True), 1)
    assert outbox.next(1 + PAUSE_AFTER_ERROR / 2) is None
    assert outbox.next(1 + PAUSE_AFTER_ERROR)


def test_an_error_while_nothing_is_on_its_way_holds_up_nothing_for_anybody_can_type_it() -> None:
    outbox = Outbox()
    outbox.add("one")
    first = outbox.next(1)
    assert first
    outbox.sending(first, 1)
    outbox.confirm("one")
    outbox.failed(Notice("Busy", "x", refused=True), 2)
    outbox.add("two")
    assert outbox.next(2)


def test_an_echo_confirms_one_message_and_equal_ones_one_by_one() -> None:
    outbox = Outbox()
    for now in (0, NEXT_AFTER):
        outbox.add("same")
        entry = outbox.next(now)
        assert entry
        outbox.sending(entry, now)
    outbox.confirm("same")
    assert len(outbox) == 1
    outbox.confirm("same")
    assert not outbox.is_own("same")


def test_a_late_echo_confirms_what_had_been_given_up() -> None:
    outbox = Outbox()
    outbox.add("late")
    entry = outbox.next(0)
    assert entry
    outbox.sending(entry, 0)
    assert outbox.overdue(GIVE_UP_AFTER - 1) == []
    assert [one.message for one in outbox.overdue(GIVE_UP_AFTER)] == ["late"]
    outbox.confirm("late")
    assert outbox.unconfirmed == []


def test_an_error_is_about_the_one_message_on_its_way_but_an_incomplete_broadcast_may_still_come_back() -> None:
    outbox = Outbox()
    outbox.add("text")
    entry = outbox.next(0)
    assert entry
    outbox.sending(entry, 0)
    assert outbox.failed(Notice("Incomplete", "some"), 1) == []
    assert [one.why for one in outbox.failed(Notice("X", "no", refused=True), 1)] == ["the server refused it"]
