"""One handler in a process of its own, as in Lambda: prints what its first call took, and a later one, as JSON.

python -m tests.bench.broadcast.case MODULE LATER_CALLS BYTES_OF_THE_MESSAGE
"""

import importlib
import io
import json
import resource
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

HANDLERS = Path(__file__).parents[3] / "handlers"
EVENT = {
    "requestContext": {
        "routeKey": "sendMessage",
        "connectionId": "sender=",
        "requestId": "R1",
        "apiId": "abc123",
        "stage": "demo",
        "http": {"method": "GET", "path": "/user/1"},
    },
    "headers": {"accept-encoding": "gzip, deflate, br"},
    "pathParameters": {"userId": "1"},
    "rawQueryString": "title=%EC%95%88%EB%85%95%ED%95%98%EC%84%B8%EC%9A%94",
}
"""What every one of the functions finds its part in: a message, a handshake, a request of a browser."""
MESSAGE = "Hello! bs~"


class Context:
    """Lambda's context, of a function with the longest timeout there is."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def main(module: str, later_calls: int, size: int) -> None:
    """Runs the handler in a process that has imported it."""
    body = json.dumps({"action": "sendMessage", "message": MESSAGE.ljust(size, "~")})
    event: dict[str, Any] = {**EVENT, "body": body}
    sys.path.insert(0, str(HANDLERS))
    handler = importlib.import_module(module)
    if module == "send":
        vars(handler)["LONGEST_RUN"] = 900.0  # not to count whom it would leave out, but what each costs
    statuses = Counter[int]()
    if hasattr(handler, "client"):  # boto3's, which says after its last try what became of a post

        def count(http_response: Any, **_: Any) -> None:
            statuses[http_response.status_code] += 1

        handler.client.meta.events.register("after-call.apigatewaymanagementapi", count)
    output = io.StringIO()
    began, cpu_before = time.monotonic(), cpu()
    with redirect_stdout(output):
        handler.lambda_handler(event, Context())
    ended, cpu_after = time.monotonic(), cpu()
    log = output.getvalue()
    with redirect_stdout(output):
        for _ in range(later_calls):
            handler.lambda_handler(event, Context())
    result = {
        "seconds": ended - began,
        "cpu": cpu_after - cpu_before,
        "cpu_later": (cpu() - cpu_after) / max(1, later_calls),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "log": log,
        "statuses": statuses,
    }
    print(json.dumps(result))


def cpu() -> float:
    """Seconds of CPU time that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
