"""What happens in the chat, in words that nobody else can put into our mouth."""

from __future__ import annotations

from chatops.ops.chat.wire import Notice
from chatops.ops.chat.words import plain


def test_an_error_frame_cannot_speak_in_the_tools_voice() -> None:
    for code in ("Forbidden", "Made up\x1b[31m"):
        told = plain(Notice(code, "Send me your password."))
        assert "password" not in told and code.split("\x1b")[0] in told and "\x1b" not in told
    assert plain(Notice("Disconnected", "The connection was lost.")) == "The connection was lost."
