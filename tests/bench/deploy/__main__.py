"""Measures every act of every contender, prints the table, and judges: exit 1 when a goal is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench.deploy import contenders, paths
from tests.bench.deploy.contenders import ACTS, DOWN, FIRST_UP, NO_OP, Contender
from tests.bench.deploy.stage import Run, Stage, stage
from tests.faults.proxy import LIKE_AWS

MAKERS = {"ours": contenders.ours, "script": contenders.script, "chalice": contenders.chalice}
HEAD = """| act            | tool    | seconds |  ours is faster by | calls | depth |
|---|---|---:|---:|---:|---:|"""
Runs = dict[str, Run]


def play(stage: Stage, one: Contender) -> Runs:
    """Every act of a contender, on an AWS that is empty before."""
    stage.empty()
    runs = {}
    for act in ACTS:
        if act == contenders.ONE_HANDLER:
            one.change()
        if act in one.acts:
            runs[act] = stage.run(one.acts[act], one.folder)
            print(f"{one.name}, {act}: {runs[act].seconds:.2f} s", file=sys.stderr, flush=True)
    return runs


def table(runs: dict[str, Runs]) -> None:
    """Prints what all took, and how many times as long as ours."""
    print(HEAD)
    for act in ACTS:
        for name, one in runs.items():
            run, ours = one.get(act), runs["chatops"][act]
            if not run:
                print(f"| {act:<14} | {name:<7} | {'cannot':>7} | {'':>18} | {'':>5} | {'':>5} |")
                continue
            ratio = "" if run is ours else f"{run.seconds / ours.seconds:.2f} ×"
            print(f"| {act:<14} | {name:<7} | {run.seconds:>7.2f} | {ratio:>18} | {run.calls:>5} | {run.depth:>5} |")


def judge(ours: Runs, round_trips: int) -> bool:
    """Prints each goal and whether it is reached."""
    up, down = paths.first_up(LIKE_AWS), paths.down(LIKE_AWS)
    goals = [
        (f"first up / its critical path of {up:.2f} s", ours[FIRST_UP].seconds / up, 1.25),
        (f"down / its critical path of {down:.2f} s", ours[DOWN].seconds / down, 1.25),
        ("calls of a no-op up", ours[NO_OP].calls, 50),
        ("round trips of a no-op plan, one after another", round_trips, 3),
        ("calls of a no-op up that write", ours[NO_OP].writes, 0),
        ("calls of a first up that were refused as too many", ours[FIRST_UP].refused, 3),
    ]
    print()
    for text, value, most in goals:
        print(f"- {text}: {value:.2f} (at most {most:g}): {'reached' if value <= most else 'MISSED'}")
    return all(value <= most for _, value, most in goals)


def main() -> int:
    """Runs all, or the contenders that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deploy")
    parser.add_argument("--only", default="script,chalice", help="whom to run beside ours, with commas between")
    parser.add_argument("--times", type=int, default=1, help="how often ours runs")
    given = parser.parse_args()
    beside = [one for one in given.only.split(",") if one in MAKERS and one != "ours"]
    is_reached = True
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as one:
        ours = contenders.ours(Path(name))
        plan = [sys.executable, "-m", "chatops", "plan", "--json"]
        for last in range(given.times)[::-1]:
            runs = {"chatops": play(one, ours)}
            one.run(ours.acts[FIRST_UP], ours.folder)
            round_trips = one.round_trips(plan, ours.folder)
            if not last:
                runs |= {who.name: play(one, who) for who in (MAKERS[key](Path(name)) for key in beside)}
            table(runs)
            is_reached &= judge(runs["chatops"], round_trips)
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
