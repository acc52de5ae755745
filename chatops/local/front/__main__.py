"""`python -m chatops.local.front`: starts the front, and ends it on SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from ..keys import CERTIFICATE, LocalKeys
from ..log import configure
from .server import Front, Options

MOST_FILES = 65_536


def options(arguments: list[str]) -> Options:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="chatops.local.front", description="API Gateway's WebSocket side, locally.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws", required=True, metavar="URL", help="the local AWS, http://127.0.0.1:4566")
    parser.add_argument("--region", required=True)
    parser.add_argument("--keys", type=Path, required=True, help="the file with the local account's root key")
    parser.add_argument("--state-dir", type=Path, help="where snapshots of deployments are kept")
    parser.add_argument("--time-scale", type=_positive, default=1.0, help="0.01 makes ten minutes six seconds")
    parser.add_argument("--integration-timeout", type=_positive, default=29.0, help="seconds that functions have")
    parser.add_argument("--drop-disconnects", action="store_true", help="never invoke $disconnect")
    given = parser.parse_args(arguments)
    return Options(
        given.port,
        given.aws,
        given.region,
        LocalKeys.read(given.keys),
        given.state_dir,
        given.time_scale,
        given.drop_disconnects,
        given.integration_timeout,
        given.keys.with_name(CERTIFICATE),
    )


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


async def main(given: Options) -> None:
    """Runs the front until it is told to end."""
    stop = asyncio.Event()
    with suppress(NotImplementedError):  # on Windows, which ends processes without a signal
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Front(given).run(stop)


def allow_many_connections() -> None:
    """Raises the number of open files, which many systems begin at 256 or 1024, as far as it goes."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    configure()
    for noisy in ("botocore", "websockets", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    allow_many_connections()
    asyncio.run(main(options(sys.argv[1:])))
    logging.shutdown()
    # Python would wait for threads whose functions still run.
    os._exit(0)
