"""What a client sends: the text to broadcast, a ping, or something that is refused."""

import json
import os
import re
from typing import Any

MAX_MESSAGE_BYTES = int(os.environ.get("MAX_MESSAGE_BYTES", "131072"))
"""The longest text that is broadcast; API Gateway posts no more than 128 KB:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""
EXPECTED = 'Send {"action":"sendMessage","message":"your text"}.'


class Refused(ValueError):
    """A message that is not broadcast: a code for the client's program, and a sentence for its user."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


SENDER = {
    "connectionId": re.compile(r"[ -~]+"),
    "apiId": re.compile(r"[A-Za-z0-9-]+"),
    "stage": re.compile(r"[A-Za-z0-9_$.-]+"),
}
"""What API Gateway says of the sender: replies are posted to an address made of these."""


def has_sender(event: Any) -> bool:
    """Whether a WebSocket API says that a connection sent this. What Lambda's console sends as a test has none."""
    request = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(request, dict):
        return False
    values = {name: request.get(name) for name in SENDER}
    return all(isinstance(value, str) and SENDER[name].fullmatch(value) for name, value in values.items())


def is_ping(event: dict[str, Any]) -> bool:
    """Whether this is the heartbeat by which a client such as react-use-websocket keeps its connection open."""
    return event.get("body") == "ping" and not event.get("isBase64Encoded")


def text_in(event: dict[str, Any]) -> bytes:
    """The text to broadcast, in UTF-8, exactly as the client wrote it; raises Refused when there is none."""
    if event.get("isBase64Encoded"):
        raise Refused("BinaryMessage", f"A message is text, not binary. {EXPECTED}")
    try:
        body = json.loads(event.get("body") or "")
    except (ValueError, TypeError, RecursionError):
        raise Refused("InvalidJson", f"This is not JSON. {EXPECTED}") from None
    if not isinstance(body, dict):
        raise Refused("InvalidJson", f"This is not a JSON object. {EXPECTED}")
    # Every other route than $default has been chosen by the action already, whatever it is called.
    if event["requestContext"].get("routeKey") == "$default" and body.get("action") != "sendMessage":
        raise Refused("UnknownAction", f"There is no such action. {EXPECTED}")
    if "message" not in body:
        raise Refused("MissingMessage", f'There is no "message". {EXPECTED}')
    text = body["message"]
    if not isinstance(text, str):
        raise Refused("MessageNotText", f'The "message" is not a text. {EXPECTED}')
    if not text:
        raise Refused("EmptyMessage", f'The "message" is empty. {EXPECTED}')
    try:
        message = text.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair, which is no character: "\ud800"
        raise Refused("MessageNotText", f'The "message" is not valid Unicode. {EXPECTED}') from None
    if len(message) > MAX_MESSAGE_BYTES:
        raise Refused("MessageTooLarge", f'The "message" has {len(message)} bytes; {MAX_MESSAGE_BYTES} are allowed.')
    return message
