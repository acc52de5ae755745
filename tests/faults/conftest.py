"""An AWS that can be broken, and the figures that are told at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bench import MAX_UNMET, Bench, Counts
from .proxy import Proxy, proxied


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("exhaustive") or item.get_closest_marker("nightly"):
                item.add_marker(pytest.mark.slow)
                item.add_marker(pytest.mark.timeout(900))
            if "proxy" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.e2e)


def properties(reporter: pytest.TerminalReporter, name: str) -> Iterator[str]:
    """What the tests that passed have recorded under a name, those of other processes too."""
    for report in reporter.stats.get("passed", ()):
        yield from (str(what) for recorded, what in report.user_properties if recorded == name)


def totals(reporter: pytest.TerminalReporter) -> dict[str, Counter[str]]:
    """What several tests have counted, added up by title."""
    added: dict[str, Counter[str]] = {}
    for title, counted in map(json.loads, properties(reporter, "counts")):
        added.setdefault(title, Counter()).update(counted)
    return added


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run when the parts of one command left out more kill points than it may leave out as a whole."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    unmet = max((total["not met"] for total in totals(reporter).values()), default=0) if reporter else 0
    if unmet > MAX_UNMET and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures."""
    for text in properties(terminalreporter, "figure"):
        terminalreporter.write_line(text)
    for title, total in totals(terminalreporter).items():
        terminalreporter.write_line(f"{title}: " + ", ".join(f"{number} {word}" for word, number in total.items()))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tells a figure when all tests have run."""

    def tell(text: str) -> None:
        record_property("figure", text)

    return tell


@pytest.fixture
def counts(record_property: Callable[[str, object], None]) -> Counts:
    """Tells what was counted when all tests have run."""

    def tell(title: str, **counted: int) -> None:
        record_property("counts", json.dumps([title, counted]))

    return tell


@pytest.fixture(scope="session")
def proxy(ministack: str) -> Iterator[Proxy]:
    with proxied(ministack) as one:
        yield one


@pytest.fixture
def bench(ministack: str, reset_ministack: Callable[[], None], proxy: Proxy, tmp_path: Path) -> Iterator[Bench]:
    """An empty AWS in clear weather."""
    made = Bench(ministack, proxy, tmp_path, reset_ministack)
    made.reset()
    yield made
    made.reset()
