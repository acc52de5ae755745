"""`python -m chatops.local.front`: starts the front, and ends it on SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from .server import Front, Options


def options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="chatops.local.front", description="API Gateway's WebSocket side, locally.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws", required=True, metavar="URL", help="the local AWS, http://127.0.0.1:4566")
    parser.add_argument("--region", required=True)
    parser.add_argument("--state-dir", type=Path, help="where snapshots of deployments are kept")
    parser.add_argument("--time-scale", type=_positive, default=1.0, help="0.01 makes ten minutes six seconds")
    parser.add_argument("--drop-disconnects", action="store_true", help="never invoke $disconnect")
    given = parser.parse_args(arguments)
    return Options(given.port, given.aws, given.region, given.state_dir, given.time_scale, given.drop_disconnects)


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


async def main(given: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Front(given).run(stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("botocore", "websockets", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    asyncio.run(main(options(sys.argv[1:])))
    logging.shutdown()
    # Python would wait for threads whose functions still run.
    os._exit(0)
