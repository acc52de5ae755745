"""Who plays: chatops, AWS Chalice, and the tutorial as a script; each with the commands of every act."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.local.front.processes import ROOT

HANDLERS, CHALICE_CHAT = ROOT / "handlers", Path(__file__).with_name("chalice_chat")
FIRST_UP, NO_OP, ONE_HANDLER, DOWN = ACTS = ("first up", "no-op up", "one-handler up", "down")


@dataclass
class Contender:
    """A tool in a folder of its own. An act that is missing is one that it cannot do."""

    name: str
    folder: Path
    acts: dict[str, list[list[str]]]
    handler: Path
    """The file that somebody changes before the act `one-handler up`."""
    changes: int = field(default=0, init=False)

    def change(self) -> None:
        """Changes the handler, by a line that does nothing."""
        self.changes += 1
        with self.handler.open("a") as file:
            file.write(f"\nCHANGED = {self.changes}\n")


def ours(folder: Path) -> Contender:
    """chatops with its default stack."""
    home = _with_handlers(folder / "ours")
    (home / "config.yaml").write_text("")
    up, down = [[sys.executable, "-m", "chatops", *one, "--json"] for one in (("up", "--yes"), ("down", "--yes"))]
    acts = {FIRST_UP: [up], NO_OP: [up], ONE_HANDLER: [up], DOWN: [down]}
    return Contender("chatops", home, acts, home / "handlers" / "send.py")


def script(folder: Path) -> Contender:
    """The tutorial's steps; run twice they fail."""
    home = _with_handlers(folder / "script")
    acts = {act: [_tutorial(step)] for act, step in ((FIRST_UP, "up"), (ONE_HANDLER, "handler"), (DOWN, "down"))}
    return Contender("script", home, acts, home / "handlers" / "send.py")


def chalice(folder: Path) -> Contender:
    """AWS Chalice in an environment of its own, with the table made beside it: it makes none."""
    home, environment = folder / "chalice", folder / "chalice-environment"
    shutil.copytree(CHALICE_CHAT, home)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "chalice", "boto3"]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    tool = str(environment / "bin" / "chalice")
    deploy = [tool, "deploy"]
    acts = {
        FIRST_UP: [_tutorial("table"), deploy],
        NO_OP: [deploy],
        ONE_HANDLER: [deploy],
        DOWN: [[tool, "delete"], _tutorial("no-table")],
    }
    return Contender("Chalice", home, acts, home / "app.py")


def _tutorial(step: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.deploy.tutorial", step, "handlers"]


def _with_handlers(folder: Path) -> Path:
    shutil.copytree(HANDLERS, folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    return folder
