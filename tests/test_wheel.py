"""The wheel: built twice it is the same, byte for byte, and it holds what the commands need."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("chatops", "handlers", "config.yaml", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")


def build(folder: Path, epoch: str) -> Path:
    """A wheel from a copy of the sources, in a folder of its own, at a time of its own."""
    pytest.importorskip("hatchling")
    sources = folder / "sources"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            sources.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, sources / name)
    for one in sources.rglob("*"):
        os.utime(one, (int(epoch), int(epoch)))
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=sources, env=environment, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_a_wheel_that_is_built_twice_in_other_places_at_other_times_is_the_same(tmp_path: Path) -> None:
    wheels = [build(tmp_path / name, epoch) for name, epoch in (("one", "1000000000"), ("other", "1700000000"))]
    one, other = (hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels)
    assert one == other
    with zipfile.ZipFile(wheels[0]) as archive:
        names = set(archive.namelist())
        for needed in (
            "chatops/config.yaml",
            "chatops/prices.yaml",
            "chatops/handlers/page.html",
            "chatops/ops/access.py",
        ):
            assert needed in names
        for name in names:
            text = archive.read(name).decode(errors="replace")
            assert str(tmp_path) not in text and "node_modules/" not in name


def test_the_notices_of_the_packages_in_the_page_are_in_the_wheel_and_in_the_functions_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path, "1000000000")) as archive:
        assert "chatops/handlers/page.LICENSES.txt" in archive.namelist()
        archive.extractall(tmp_path / "installed")
    script = """
import io, sys, zipfile
from chatops import config, package
of_page = config.load(config.shipped("config.yaml")).functions["aws-gateway-lambda"]
print(package.__file__, *zipfile.ZipFile(io.BytesIO(package.package(of_page.source, of_page.include).data)).namelist())
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    told = subprocess.check_output([sys.executable, "-c", script], cwd=tmp_path, env=environment, text=True)
    where, *names = told.split()
    assert str(tmp_path) in where and sorted(names) == ["page.LICENSES.txt", "page.html", "page.py"]
