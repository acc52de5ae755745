"""The regions in which a stack was found, told so that one knows where to go."""

from __future__ import annotations

import json

from chatops.ops.find import Found, Place
from chatops.render import find
from chatops.render.output import Output

from .screens import WHERE, Captured

HERE, THERE = "ap-northeast-2", "eu-west-1"


def shown(capsys: Captured, *places: Place, region: str | None = HERE) -> tuple[list[str], str]:
    find.show(Output(), {**WHERE, "region": region}, places)
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_a_region_with_something_has_a_line_and_the_others_are_counted(capsys: Captured) -> None:
    lines, err = shown(
        capsys,
        Place(HERE, owned=("table.t", "role.r")),
        Place(THERE, refusal="denied"),
        Place("us-east-1"),
        Place("us-east-2"),
        Place("me-south-1", is_enabled=False),
    )
    assert [line.split(maxsplit=1) for line in lines[:2]] == [
        ["✓", f"{HERE}  2 resources of the stack  ← the region that is meant"],
        ["?", f"{THERE}       could not be asked: denied"],
    ]
    assert lines[2:] == ["2 regions have nothing of it, 1 are not enabled."]
    assert err == "", "who is there need not go there"


def test_the_region_that_is_meant_has_a_line_though_nothing_is_there(capsys: Captured) -> None:
    lines, err = shown(capsys, Place(HERE), Place(THERE, owned=("table.t",)))
    assert lines[0].startswith(f"· {HERE}") and lines[0].endswith("nothing  ← the region that is meant")
    assert err == f"To work there: chatops status --region {THERE}\n"


def test_a_twin_is_told_with_whose_it_is_and_how_to_take_it_over(capsys: Captured) -> None:
    lines, err = shown(capsys, Place(HERE, strangers=(Found("table.t", None), Found("role.r", "other"))))
    assert lines[0].startswith("! ")
    assert lines[1:3] == ["    table.t: no chatops tag", "    role.r: the stack other"]
    assert err == "To take it over: chatops up --adopt\n"


def test_a_twin_elsewhere_is_nothing_to_take_over(capsys: Captured) -> None:
    assert shown(capsys, Place(HERE), Place(THERE, strangers=(Found("table.t", None),)))[1] == ""


def test_where_no_region_is_meant_it_says_so(capsys: Captured) -> None:
    lines, err = shown(capsys, Place(HERE, owned=("table.t",)), region=None)
    assert "←" not in lines[0]
    assert "No region is chosen" in err and f"chatops status --region {HERE}" in err


def test_for_a_program_it_is_one_document(capsys: Captured) -> None:
    find.show(Output(as_json=True), WHERE, [Place(HERE, owned=("table.t",)), Place(THERE)])
    out, err = capsys.readouterr()
    assert [one["state"] for one in json.loads(out)["regions"]] == ["stack", "nothing"]
    assert err == ""
