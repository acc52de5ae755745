"""Somebody who provokes errors and reads what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chatops import cli, errors
from chatops.deploy.plan import Plan, _up_step
from chatops.deploy.resource import Blocked, Live, Resource
from chatops.render import plan as plan_shown
from chatops.render.output import Output

from ..resources.stand import ScriptedAws

SEOUL, ACCOUNT = "ap-northeast-2", "123456789012"
Told = dict[str, Any]


@dataclass
class Stranger:
    """Somebody in an empty folder, who provokes an error and reads what is told."""

    folder: Path
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def types(self, *arguments: str, region: bool = True) -> Told:
        """What a command tells."""
        ended = CliRunner().invoke(cli.app, [*arguments, *(["--region", SEOUL] if region else []), "--json"])
        assert ended.stdout, f"{ended.stderr} {ended.exception!r}"
        return self.read(json.loads(ended.stdout.splitlines()[-1]), ended.exit_code)

    def meets(self, call: Callable[[], object]) -> Told:
        """What would be told of the error that a call ends with."""
        with pytest.raises(Exception) as raised:
            call()
        error = raised.value
        told = Output(as_json=True).error(error)
        return self.read(json.loads(self.capsys.readouterr().out), told.exit_code)

    def plans(self, resource: Resource, aws: ScriptedAws, seen: Live | None = None) -> Told:
        """What `up` tells of a resource that is as it is, and blocked."""
        found: Live | Blocked | None = seen
        try:
            found = seen or resource.observe(aws, nothing)
        except Blocked as blocked:
            found = blocked
        plan_shown.blocked(Output(as_json=True), Plan((_up_step(resource, found, nothing, aws, False),)))
        return self.read(json.loads(self.capsys.readouterr().out), errors.FAILED)

    def writes(self, text: str, name: str = "config.yaml") -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text)

    def read(self, document: Told, exit_code: int) -> Told:
        """What a document of an error says, with no path of this machine."""
        assert document["event"] == "error", document
        words = {key: document[key].replace(f"{self.folder}/", "") for key in ("what", "why", "hint")}
        return {"code": document["code"], **words, "exit": exit_code}


def nothing(_: Resource) -> Live | None:
    """The other resources, none of which exist."""
    return None
