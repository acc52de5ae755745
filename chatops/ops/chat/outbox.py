"""What was written here and has not come back yet. Knows no sockets; every time is given, in seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass

from .wire import Notice

NEXT_AFTER = 5.0
"""Seconds for which a message waits for the one before it. API Gateway may run two of a connection's messages in
either order, so only one that has seen the last one's echo certainly keeps its place."""
PACE = 0.04
"""Seconds from one message to the next: half of what a stack takes from all its clients together by default."""
DOUBT_AFTER = 10.0
"""Seconds without an echo after which the connection is asked for a sign of life."""
GIVE_UP_AFTER = 30.0
"""Seconds without an echo after which none is to be expected: API Gateway waits 29 for the function."""
ERRORS_EXPECTED_FOR = 60.0
"""Seconds after the last message in which what looks like an error frame is one, and not somebody's text."""
PAUSE_AFTER_ERROR = 1.0


@dataclass(eq=False)
class Entry:
    """A message and, once it is on its way, when it was sent."""

    message: str
    sent_at: float | None = None


@dataclass(frozen=True)
class Unconfirmed:
    """A message that may or may not have reached people, and what is known of it. It is never sent again by itself."""

    message: str
    why: str


class Outbox:
    """Messages that wait to be sent, or for their echo."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self.unconfirmed: list[Unconfirmed] = []
        self._paused_until = 0.0
        self._last_sent_at: float | None = None

    @property
    def waiting(self) -> list[Entry]:
        """Those that were not sent yet."""
        return [one for one in self._entries if one.sent_at is None]

    @property
    def sent(self) -> list[Entry]:
        """Those whose echo is due."""
        return [one for one in self._entries if one.sent_at is not None]

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, message: str) -> None:
        """Takes a message, to be sent after those before it."""
        self._entries.append(Entry(message))

    def refuse(self, message: str, why: str) -> list[Unconfirmed]:
        """Takes a message that cannot be sent at all."""
        self.unconfirmed.append(Unconfirmed(message, why))
        return self.unconfirmed[-1:]

    def next(self, now: float) -> Entry | None:
        """The message to send now, if there is one and nothing is in its way."""
        is_too_soon = self._last_sent_at is not None and now - self._last_sent_at < PACE
        if is_too_soon or now < self._paused_until or any(now - (one.sent_at or 0) < NEXT_AFTER for one in self.sent):
            return None
        return next(iter(self.waiting), None)

    def sending(self, entry: Entry, now: float) -> None:
        """To be called before it is sent: from then on some may get it, whatever happens."""
        entry.sent_at = self._last_sent_at = now

    def is_own(self, frame: str) -> bool:
        """Whether the frame is a message from here that had not come back."""
        return frame in [one.message for one in self.sent] + [one.message for one in self.unconfirmed]

    def confirm(self, frame: str) -> None:
        """Takes a message that has come back off the list; better late than never."""
        for entry in self.sent:
            if entry.message == frame:
                self._entries.remove(entry)
                return
        for one in self.unconfirmed:
            if one.message == frame:
                self.unconfirmed.remove(one)
                return

    def expects_errors(self, now: float) -> bool:
        """Whether an error frame is to be believed: anybody can type what looks like one."""
        return self._last_sent_at is not None and now - self._last_sent_at < ERRORS_EXPECTED_FOR

    def failed(self, notice: Notice, now: float) -> list[Unconfirmed]:
        """An error came: with a single message on its way it is about that one."""
        if self.sent:  # else it may be what somebody typed, who must not hold up what waits
            self._paused_until = now + PAUSE_AFTER_ERROR
        if len(self.sent) != 1 or notice.code == "Incomplete":
            return []
        return self._give_up(self.sent, "the server refused it" if notice.refused else "the server had a problem")

    def lost(self, why: str) -> list[Unconfirmed]:
        """No connection is left on which an echo could come."""
        return self._give_up(self.sent, why)

    def overdue(self, now: float) -> list[Unconfirmed]:
        """Those that are not to be expected any more."""
        late = [one for one in self.sent if now - (one.sent_at or 0) >= GIVE_UP_AFTER]
        return self._give_up(late, f"it did not come back within {GIVE_UP_AFTER:.0f} seconds")

    def is_in_doubt(self, now: float) -> bool:
        """Whether an echo is so late that the connection itself is in doubt."""
        return any(now - (one.sent_at or 0) >= DOUBT_AFTER for one in self.sent)

    def abandon(self, why: str) -> list[Unconfirmed]:
        """Gives all up, sent or not."""
        return self._give_up(list(self._entries), why)

    def _give_up(self, entries: list[Entry], why: str) -> list[Unconfirmed]:
        given_up = [Unconfirmed(one.message, why) for one in entries]
        self._entries = [one for one in self._entries if one not in entries]
        self.unconfirmed += given_up
        return given_up
