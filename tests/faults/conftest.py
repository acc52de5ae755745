"""An AWS that can be broken, and the figures that are told at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bench import Bench, Counts
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells the figures, those of other processes too. What several tests have counted is added up."""
    counts: dict[str, Counter[str]] = {}
    for report in terminalreporter.stats.get("passed", ()):
        for name, what in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(str(what))
            if name == "counts":
                title, counted = json.loads(str(what))
                counts.setdefault(title, Counter()).update(counted)
    for title, total in counts.items():
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
