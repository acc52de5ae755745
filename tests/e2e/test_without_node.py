"""The installed product where nothing but Python is: only working on the page needs Node."""

from __future__ import annotations

import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_wheel import build

from .conftest import Chatops


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Chatops]:
    """The wheel's command line, with a local AWS of its own, where no program is found by its name."""
    with zipfile.ZipFile(build(tmp_path, "1000000000")) as wheel:
        wheel.extractall(tmp_path / "installed")
    for name in ("work", "no-programs"):
        (tmp_path / name).mkdir()
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": str(tmp_path / "no-programs")}
    command = Chatops(tmp_path / "work", tmp_path / "state", environment)
    yield command
    command.must("local", "stop")


@pytest.mark.slow
def test_the_wheel_deploys_and_serves_the_page_without_node(installed: Chatops) -> None:
    installed.local("up")
    url = installed.must("url", "api-gateway-lambda", "--local").out.strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/", timeout=30) as answer:
        page = answer.read().decode()
    assert f'<meta name="websocket-url" content="{installed.url()}">' in page
    assert page.count("</script>") == 1 and len(page) > 100_000
