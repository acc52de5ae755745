"""Every benchmark, one after the other: `make bench`. Exit 1 when one of them misses a goal.

python -m tests.bench [NAME …]
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = {
    "startup": "How soon the command line answers",
    "scale": "How plan and no-op up grow with the config",
    "deploy": "How long up and down take, beside AWS Chalice and a script",
    "connections": "How long status takes for many connections",
    "broadcast": "How long a broadcast takes, beside the tutorial's",
    "front": "How many clients the local front holds, beside MiniStack's own",
}


def main(names: list[str]) -> int:
    """Runs those that are named, else all."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    missed = []
    for name in names or BENCHMARKS:
        print(f"\n## {BENCHMARKS[name]} (`python -m tests.bench.{name}`)\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode:
            missed.append(name)
    if missed:
        print(f"\nMissed a goal, or could not be measured: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
