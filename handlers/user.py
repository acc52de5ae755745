"""`GET /user/{userId}`: says what was asked, as JSON.

`/user/1?title=안녕하세요` → `{"id":"1","method":"GET","title":"안녕하세요"}`

- `title` is null when it is not in the query, and an empty text when it is there without a value.
- Of a repeated `title` the first one counts. Payload format 2.0 joins them with commas in `queryStringParameters`,
  where they cannot be told from one title with a comma: hence the raw query.
- Everything else in the request is ignored.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import json
from typing import Any
from urllib.parse import parse_qsl


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers with the user's id, the method and the title."""
    try:
        answer = {
            "id": user_in(event),
            "method": text(event["requestContext"]["http"]["method"]),
            "title": first("title", text(event.get("rawQueryString") or "")),
        }
    except (KeyError, TypeError):
        hint = "This is no request to an HTTP API with a userId; open its URL with /user/1 behind it."
        print(json.dumps({"event": "user", "status": 400, "error": "BadEvent", "hint": hint}))
        return {"statusCode": 400}
    print(json.dumps({"event": "user", "status": 200}))
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"},
        # A response is UTF-8, which has no half of a surrogate pair.
        "body": json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode(),
    }


def user_in(event: dict[str, Any]) -> str:
    """The user's id. HTTP APIs hand path parameters over decoded, but for %25, so that only that is left to decode."""
    return text(event["pathParameters"]["userId"]).replace("%25", "%")


def text(value: Any) -> str:
    """Return a text of the event. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def first(name: str, query: str) -> str | None:
    """The first value of this parameter in a raw query, decoded as UTF-8; bytes that are not UTF-8 become U+FFFD."""
    return next((value for key, value in parse_qsl(query, keep_blank_values=True) if key == name), None)
